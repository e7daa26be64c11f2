/** The panel of options: what is chosen, the page's recipe and the API's fields that say so. */

import { readAddress, writeAddress } from "./address.js";

const CUSTOM = "other";
/** What a preset sets; all else that is composed goes back to how it comes. */
const PRESETS = {
  shop: { background: "color", color: "#ffffff", crop: true, margin: 0.1, size: "2000x2000", format: "jpeg" },
  square: { background: "color", color: "#ffffff", crop: true, margin: 0.08, size: "1080x1080", format: "jpeg" },
  web: { crop: true, margin: 0.05, size: "1024", format: "webp" },
};
const PLAIN = {
  result: "cutout",
  background: "none",
  shadow: "none",
  outline: false,
  crop: false,
  margin: 0,
  size: "",
  format: "png",
  quality: "",
};

export class Options {
  /** `form` tells by the usual events: `input` while a control moves, `change` once it has come to rest. */
  constructor(form) {
    this.form = form;
    this.inputs = form.elements;
    this.defaultModel = null;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.show());
    form.addEventListener("reset", () => setTimeout(() => this.changed())); // the values change after the event
    for (const swatch of form.querySelectorAll("[data-color]")) {
      swatch.style.setProperty("--color", swatch.dataset.color);
      swatch.addEventListener("click", () => {
        this.inputs.color.value = swatch.dataset.color;
        this.changed();
      });
    }
    for (const button of form.querySelectorAll("[data-preset]")) {
      button.addEventListener("click", () => {
        this.set({ ...PLAIN, ...PRESETS[button.dataset.preset] });
        this.changed();
      });
    }
    readAddress(form);
    this.show();
  }

  set(values) {
    for (const [name, value] of Object.entries(values)) {
      const control = this.inputs[name];
      if (control.type === "checkbox") control.checked = value;
      else control.value = value;
    }
  }

  /** Keep the choices in the page's address. */
  remember() {
    writeAddress(this.form);
  }

  /** The page itself changed controls. */
  changed() {
    this.show();
    this.form.dispatchEvent(new Event("change"));
  }

  /** Offer the models of `GET /models`, the default first. */
  offer({ models, default_for_masks: standard }, label) {
    this.defaultModel = standard;
    const names = models.map((model) => model.name).sort((a, b) => (b === standard) - (a === standard));
    const kept = this.inputs.model.value;
    this.inputs.model.replaceChildren(
      ...names.map((name) => new Option(name === standard ? label(name) : name, name, name === standard)),
    );
    if (names.includes(kept)) this.inputs.model.value = kept;
    else readAddress(this.form); // the model's name came before there was one to choose
  }

  get isMask() {
    return this.inputs.result.value === "mask";
  }

  get size() {
    const { size, custom } = this.inputs;
    if (this.canvas) return null;
    if (size.value !== CUSTOM) return Number(size.value) || null;
    return custom.validity.valid ? Number(custom.value) || null : null;
  }

  /** The canvas that the result fills, `{width, height}`, or null. */
  get canvas() {
    const [width, height] = this.inputs.size.value.split("x").map(Number);
    return height ? { width, height } : null;
  }

  /** [name, text] of what only the server can do: a change of these sends the images again. */
  cutFields() {
    const { model, refine, hard, threshold, invert } = this.inputs;
    const fields = [];
    if (model.value && model.value !== this.defaultModel) fields.push(["model", model.value]);
    if (!refine.checked) fields.push(["refine", "false"]);
    if (hard.checked) fields.push(["threshold", threshold.value]);
    if (invert.checked) fields.push(["invert", "true"]);
    return fields;
  }

  /** What the page does itself with a cut-out (`studio/compose.js`). */
  recipe() {
    const { format, quality, background, color, image, blur, crop, margin } = this.inputs;
    const { shadow, outline, "outline-width": width, "outline-color": line } = this.inputs;
    const mask = this.isMask;
    return {
      mask,
      crop: crop.checked,
      margin: crop.checked || this.canvas ? Number(margin.value) : 0,
      size: this.size,
      canvas: this.canvas,
      background: !mask && background.value === "color" ? channels(color.value) : null,
      behind: (!mask && background.value === "image" && image.files[0]) || null,
      blur: !mask && background.value === "blur" ? Number(blur.value) : null,
      shadow: shadow.value === "none" ? null : shadow.value,
      outline: outline.checked ? { width: Number(width.value), color: channels(line.value) } : null,
      format: mask ? "png" : format.value,
      quality: mask || format.value === "png" ? null : Number(quality.value) || null,
    };
  }

  /** [name, text or File] with which the API does all of it. */
  fields() {
    const { color, margin, "outline-color": line } = this.inputs;
    const { mask, crop, canvas, background, behind, blur, shadow, outline, format, quality } = this.recipe();
    const fields = this.cutFields();
    if (this.size) fields.push(["size", String(this.size)]);
    if (canvas) fields.push(["canvas", `${canvas.width}x${canvas.height}`]);
    if (mask) fields.push(["channels", "alpha"]);
    if (format !== "png") fields.push(["format", format]);
    if (quality) fields.push(["quality", String(quality)]);
    if (blur) fields.push(["background", `blur:${blur}`]);
    if (shadow) fields.push(["shadow", shadow]);
    if (outline) fields.push(["outline", `${outline.width}px ${line.value}`]);
    if (background) fields.push(["background", color.value]);
    if (behind) fields.push(["background_image", behind]);
    if (crop) fields.push(["crop", "true"]);
    if (Number(margin.value) && canvas) fields.push(["margin", `${Math.round(100 * margin.value)}%`]);
    else if (Number(margin.value) && crop) fields.push(["margin", margin.value]);
    return fields;
  }

  showLengths() {
    for (const name of ["blur", "outline-width"]) {
      const range = this.inputs[name];
      range.previousElementSibling.value = `${range.value} px`;
    }
  }

  /** Show what the choices so far make sensible. */
  show(texts = this.texts) {
    this.texts = texts;
    const { background, size, custom, format, crop, margin, hard, threshold, color, image } = this.inputs;
    const cutout = !this.isMask;
    for (const part of this.form.querySelectorAll("[data-only]")) part.hidden = !cutout;
    part(this.form, "swatches").hidden = background.value !== "color";
    part(this.form, "blur").hidden = background.value !== "blur";
    part(this.form, "outline").hidden = !this.inputs.outline.checked;
    part(this.form, "quality").hidden = !(cutout && format.value !== "png");
    this.showLengths();
    part(this.form, "behind").hidden = background.value !== "image";
    custom.hidden = size.value !== CUSTOM;
    margin.max = this.canvas ? 0.45 : 0.5; // half of a canvas at each side would leave nothing
    part(this.form, "white").hidden = !(cutout && format.value === "jpeg" && background.value === "none");
    part(this.form, "margin").hidden = !(crop.checked || this.canvas);
    part(this.form, "wrong-size").hidden = custom.hidden || custom.validity.valid;
    part(this.form, "threshold").hidden = !hard.checked;
    for (const range of [margin, threshold]) range.previousElementSibling.value = texts?.percent(range.value) ?? "";
    for (const swatch of this.form.querySelectorAll("[data-color]")) {
      swatch.setAttribute("aria-pressed", swatch.dataset.color === color.value);
    }
    color.toggleAttribute("data-own", !this.form.querySelector(`[data-color="${color.value}"]`));
    if (texts) part(this.form, "behind").lastElementChild.textContent = image.files[0]?.name ?? texts.choose();
  }
}

/** Red, green and blue of `#rrggbb`. */
function channels(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

function part(form, id) {
  return form.querySelector(`#${id}`);
}
