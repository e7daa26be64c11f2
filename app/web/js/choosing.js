/** Choosing the subject: points on what is meant and beside it, and a box around it, by mouse, finger and keys. */

const STEP = 0.02; // of the stage, by an arrow key
const DRAGGED = 8; // pixels of the screen, from which a press is a box and no point
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The points as the API writes them: `120px 80px +; 10px 9px -`. */
export function pointsText(points) {
  return points.map(({ x, y, keeps }) => `${x}px ${y}px ${keeps ? "+" : "-"}`).join("; ");
}

/** A box as the API writes it: `10px 20px 300px 200px`. */
export function boxText({ left, top, right, bottom }) {
  return `${left}px ${top}px ${right}px ${bottom}px`;
}

export class Chooser {
  /**
   * `choose({x, y, keeps})` gets a point and `enclose([x, y], [x, y])` two corners of a box, all from 0 to 1 of
   * `overlay`, which lies over the result; `keeps()` tells what a plain press means.
   */
  constructor(overlay, { choose, enclose, keeps }) {
    Object.assign(this, { overlay, choose, enclose, keeps, at: [0.5, 0.5], pressed: null, corner: null });
    this.cross = overlay.querySelector(".cross");
    this.draft = overlay.querySelector(".draft");
    overlay.addEventListener("pointerdown", (event) => this.onDown(event));
    overlay.addEventListener("pointermove", (event) => this.onMove(event));
    overlay.addEventListener("pointerup", (event) => this.onUp(event));
    overlay.addEventListener("pointercancel", () => this.let());
    overlay.addEventListener("contextmenu", (event) => {
      event.preventDefault(); // by the right button, or a long press
      const [x, y] = this.within(event);
      this.let();
      this.choose({ x, y, keeps: false });
    });
    overlay.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Show points and a box, in pixels of the image, of which `region` is in sight. */
  show({ points = [], box }, region) {
    const marks = points.map((point) => marker(point, region));
    this.overlay.replaceChildren(this.cross, this.draft, ...marks, ...(box ? [outline(box, region)] : []));
  }

  within({ clientX, clientY }) {
    const { left, top, width, height } = this.overlay.getBoundingClientRect();
    return [held((clientX - left) / width), held((clientY - top) / height)];
  }

  onDown(event) {
    if (!event.isPrimary) return this.let(); // a second finger
    if (event.button) return;
    this.pressed = { from: this.within(event), x: event.clientX, y: event.clientY, drags: false };
    this.overlay.setPointerCapture(event.pointerId);
  }

  onMove(event) {
    const { pressed } = this;
    if (!pressed) return;
    pressed.drags ||= Math.hypot(event.clientX - pressed.x, event.clientY - pressed.y) >= DRAGGED;
    if (pressed.drags) this.sketch(pressed.from, this.within(event));
  }

  onUp(event) {
    const { pressed } = this;
    this.let();
    if (!pressed) return;
    const [x, y] = this.within(event);
    if (pressed.drags) this.enclose(pressed.from, [x, y]);
    else this.choose({ x, y, keeps: this.keeps() !== event.shiftKey });
  }

  let() {
    this.pressed = this.corner = null;
    this.draft.hidden = true;
  }

  sketch(from, to) {
    this.draft.hidden = false;
    stretch(this.draft, from, to);
  }

  onKey(event) {
    const [across, down] = ARROWS[event.key] ?? [0, 0];
    if (event.key === "Enter") this.choose({ x: this.at[0], y: this.at[1], keeps: this.keeps() !== event.shiftKey });
    else if (event.key.toLowerCase() === "b") this.markCorner();
    else if (across || down) this.at = [held(this.at[0] + STEP * across), held(this.at[1] + STEP * down)];
    else return;
    event.preventDefault();
    place(this.cross, ...this.at);
    if (this.corner) this.sketch(this.corner, this.at);
  }

  markCorner() {
    const from = this.corner;
    this.let();
    if (from) this.enclose(from, this.at);
    else this.corner = this.at;
  }
}

/** Two corners on the overlay as a box of whole pixels of the image; null where it holds none. */
export function boxInImage([x1, y1], [x2, y2], region, { width, height }) {
  const line = (from, share, length, side) => Math.min(side, Math.max(0, Math.round(from + share * length)));
  const box = {
    left: line(region.left, Math.min(x1, x2), region.width, width),
    top: line(region.top, Math.min(y1, y2), region.height, height),
    right: line(region.left, Math.max(x1, x2), region.width, width),
    bottom: line(region.top, Math.max(y1, y2), region.height, height),
  };
  return box.left < box.right && box.top < box.bottom ? box : null;
}

/** A point of the overlay as a whole pixel of the image. */
export function inImage({ x, y, keeps }, region, { width, height }) {
  const pixel = (from, share, length, side) => Math.min(side - 1, Math.max(0, Math.floor(from + share * length)));
  return {
    x: pixel(region.left, x, region.width, width),
    y: pixel(region.top, y, region.height, height),
    keeps,
  };
}

function marker({ x, y, keeps }, region) {
  const mark = document.createElement("span");
  mark.className = keeps ? "mark keeps" : "mark";
  place(mark, (x - region.left) / region.width, (y - region.top) / region.height);
  return mark;
}

function outline({ left, top, right, bottom }, region) {
  const mark = document.createElement("span");
  mark.className = "box";
  const share = (x, y) => [(x - region.left) / region.width, (y - region.top) / region.height];
  stretch(mark, share(left, top), share(right, bottom));
  return mark;
}

function stretch(element, [x1, y1], [x2, y2]) {
  place(element, Math.min(x1, x2), Math.min(y1, y2));
  element.style.setProperty("--width", `${100 * Math.abs(x2 - x1)}%`);
  element.style.setProperty("--height", `${100 * Math.abs(y2 - y1)}%`);
}

function place(element, x, y) {
  element.style.setProperty("--x", `${100 * x}%`);
  element.style.setProperty("--y", `${100 * y}%`);
}

function held(share) {
  return Math.min(1, Math.max(0, share));
}
