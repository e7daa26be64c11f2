/** The editor of a mask: a brush that erases and restores, over the image at any zoom. */

import { percent, t } from "../i18n.js";
import { gestures } from "./gestures.js";
import { DROP, KEEP, Mask } from "./mask.js";
import { snap } from "./snap.js";
import { View } from "./view.js";

const STEP = 1.25; // of a zoom, and of the brush's size by key

/**
 * Let the reader correct a mask. `source`: `{name, bitmap, width, height, alpha, trimap}`; `alpha` is painted on.
 * Answers `{alpha, trimap}`, or null where nothing changed or it was called off.
 */
export function edit(dialog, source) {
  return new Promise((resolve) => new Editor(dialog, source, resolve));
}

class Editor {
  constructor(dialog, { name, bitmap, width, height, alpha, trimap }, resolve) {
    this.dialog = dialog;
    this.form = dialog.querySelector("form");
    this.canvas = dialog.querySelector("canvas");
    this.ring = dialog.querySelector(".ring");
    this.inputs = this.form.elements;
    this.bitmap = bitmap;
    this.mask = new Mask(width, height, alpha, trimap);
    this.view = new View(this.canvas, bitmap, this.mask);
    this.resolve = resolve;
    this.life = new AbortController(); // ends every listener of this session
    this.canvas.setAttribute("aria-label", t("edit.canvas", { name }));
    this.listen();
    dialog.showModal();
    this.canvas.focus();
    this.cursor = null;
    new ResizeObserver((_, observer) => {
      if (this.life.signal.aborted) return observer.disconnect();
      this.view.resize();
      this.show();
    }).observe(this.canvas);
    this.show();
  }

  listen() {
    const { signal } = this.life;
    const on = (target, kind, act) => target.addEventListener(kind, act, { signal });
    for (const button of this.dialog.querySelectorAll("[data-do]")) {
      on(button, "click", () => this.act(button.dataset.do));
    }
    on(this.form, "input", () => this.show());
    on(this.form, "submit", (event) => event.preventDefault());
    on(this.dialog, "cancel", (event) => {
      event.preventDefault(); // Escape calls off as the button does
      this.act("cancel");
    });
    on(this.dialog, "close", () => this.dialog.showModal()); // browsers close it at a second Escape without asking
    on(this.dialog, "keydown", (event) => this.onKey(event));
    on(this.dialog, "keyup", (event) => event.key === " " && (this.grabs = false));
    gestures(this.canvas, this.brush(), () => this.grabs, signal);
  }

  /** What the gestures do. */
  brush() {
    return {
      start: (at) => this.start(at),
      move: (at) => this.move(at),
      end: () => this.end(),
      cancel: () => this.cancelStroke(),
      hover: (at, kind) => this.hover(at, kind),
      leave: () => (this.ring.hidden = true),
      pan: (x, y) => (this.view.pan(x, y), this.show()),
      zoom: (factor, at) => (this.view.zoom(this.view.scale * factor, at), this.show()),
    };
  }

  get radius() {
    return Number(this.inputs.brush.value) / 2; // screen pixels: zoom in for a finer brush
  }

  // The brush

  start(at) {
    this.mask.begin(this.inputs.tool.value === "restore" ? KEEP : DROP);
    this.last = this.view.inImage(at);
    this.draw(this.last);
  }

  move(at) {
    if (this.last) this.draw(this.view.inImage(at));
  }

  draw(to) {
    const box = this.mask.draw(this.last, to, this.radius / this.view.scale, Number(this.inputs.softness.value));
    this.last = to;
    if (box) this.view.changed(box);
  }

  end() {
    this.mask.end(this.inputs.snap.checked ? (mask, stroke) => this.follow(mask, stroke) : undefined);
    this.last = null;
    this.show();
  }

  follow(mask, stroke) {
    snap(mask, stroke, this.bitmap, this.radius / this.view.scale);
    for (const index of stroke.tiles.keys()) this.view.changed(mask.boxOf(index));
  }

  cancelStroke() {
    this.mask.cancel().forEach((box) => this.view.changed(box));
    this.last = null;
  }

  hover(at, kind) {
    this.cursor = at;
    this.ring.hidden = kind === "touch";
    this.placeRing();
  }

  placeRing() {
    if (!this.cursor) return;
    const { style } = this.ring;
    style.setProperty("--x", `${this.cursor.x}px`);
    style.setProperty("--y", `${this.cursor.y}px`);
    style.setProperty("--size", `${2 * this.radius}px`);
    style.setProperty("--inner", 1 - this.inputs.softness.value);
  }

  // Keys

  onKey(event) {
    const { key, shiftKey, target } = event;
    if (event.ctrlKey || event.metaKey) {
      if (key.toLowerCase() === "z") this.act(shiftKey ? "redo" : "undo");
      else if (key.toLowerCase() === "y") this.act("redo");
      else return;
      return event.preventDefault();
    }
    if (target === this.canvas && this.onCanvasKey(key, shiftKey)) return event.preventDefault();
    const act = SHORTCUTS[key];
    if (!act || target.type === "range") return;
    event.preventDefault();
    this.act(act);
  }

  /** The arrows move the brush, Enter paints from where it last did. */
  onCanvasKey(key, fast) {
    if (key === " ") return (this.grabs = true);
    const [x, y] = ARROWS[key] ?? [0, 0];
    if (key !== "Enter" && !x && !y) return false;
    this.cursor ??= this.view.middle;
    const step = fast ? 4 * this.radius : Math.max(2, this.radius / 2);
    this.hover({ x: this.cursor.x + x * step, y: this.cursor.y + y * step }, "keyboard");
    if (key === "Enter" && !this.mask.stroke) {
      this.start(this.cursor);
      this.end();
    }
    return true;
  }

  // The buttons

  act(name) {
    if (this.mask.stroke && (name === "undo" || name === "redo")) return; // the stroke belongs to none of both yet
    ACTS[name](this);
    if (!this.life.signal.aborted) this.show();
  }

  undoOrRedo(boxes) {
    boxes.forEach((box) => this.view.changed(box));
  }

  resizeBrush(factor) {
    const { brush } = this.inputs;
    brush.value = factor > 1 ? Math.ceil(brush.value * factor) : Math.floor(brush.value * factor);
  }

  close(answer) {
    this.life.abort();
    this.view.close();
    this.dialog.close();
    this.resolve(answer);
  }

  show() {
    const { brush, softness } = this.inputs;
    brush.previousElementSibling.value = `${brush.value} px`;
    softness.previousElementSibling.value = percent(softness.value);
    const button = (name) => this.dialog.querySelector(`[data-do=${name}]`);
    button("undo").disabled = !this.mask.done.length;
    button("redo").disabled = !this.mask.undone.length;
    button("compare").setAttribute("aria-pressed", this.view.compares);
    button("actual").textContent = percent(this.view.scale * devicePixelRatio);
    this.canvas.dataset.tool = this.inputs.tool.value;
    this.placeRing();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const SHORTCUTS = {
  x: "swap",
  c: "compare",
  "[": "smaller",
  "]": "larger",
  "+": "in",
  "=": "in",
  "-": "out",
  0: "fit",
  1: "actual",
};
const ACTS = {
  undo: (it) => it.undoOrRedo(it.mask.undo()),
  redo: (it) => it.undoOrRedo(it.mask.redo()),
  compare: (it) => it.view.compare(!it.view.compares),
  in: (it) => it.view.zoom(it.view.scale * STEP),
  out: (it) => it.view.zoom(it.view.scale / STEP),
  fit: (it) => it.view.fit(),
  actual: (it) => it.view.zoom(1 / devicePixelRatio),
  swap: (it) => (it.inputs.tool.value = it.inputs.tool.value === "erase" ? "restore" : "erase"),
  smaller: (it) => it.resizeBrush(1 / STEP),
  larger: (it) => it.resizeBrush(STEP),
  cancel: (it) => (!it.mask.isChanged || confirm(t("edit.discard"))) && it.close(null),
  done: (it) => {
    const { mask } = it;
    it.close(mask.isChanged ? { alpha: mask.alpha, trimap: mask.trimap() } : null);
  },
};
