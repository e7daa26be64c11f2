/** The panel of options: what is chosen, and the form fields that say so to the API. */

const CUSTOM = "other";

export class Options {
  /** `onChange()` is called after each change that the server must hear of. */
  constructor(form, onChange) {
    this.form = form;
    this.inputs = form.elements;
    this.defaultModel = null;
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.show());
    form.addEventListener("change", onChange);
    form.addEventListener("reset", () => setTimeout(() => this.changed(onChange))); // the values change after the event
    for (const swatch of form.querySelectorAll("[data-color]")) {
      swatch.style.setProperty("--color", swatch.dataset.color);
      swatch.addEventListener("click", () => {
        this.inputs.color.value = swatch.dataset.color;
        this.changed(onChange);
      });
    }
    this.show();
  }

  changed(onChange) {
    this.show();
    onChange();
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
  }

  get isMask() {
    return this.inputs.result.value === "mask";
  }

  get endpoint() {
    return this.isMask ? "mask" : "cutout";
  }

  get extension() {
    const format = this.isMask ? "png" : this.inputs.format.value;
    return format === "jpeg" ? "jpg" : format;
  }

  get size() {
    const { size, custom } = this.inputs;
    if (size.value !== CUSTOM) return size.value;
    return custom.value && String(Math.min(16384, Math.max(1, Math.round(custom.value))));
  }

  /** [name, text or File] of everything that is not as the server would have it anyway. */
  fields() {
    const { model, refine, hard, threshold } = this.inputs;
    const fields = [];
    if (model.value && model.value !== this.defaultModel) fields.push(["model", model.value]);
    if (!refine.checked) fields.push(["refine", "false"]);
    if (hard.checked) fields.push(["threshold", threshold.value]);
    if (this.size) fields.push(["size", this.size]);
    return this.isMask ? fields : [...fields, ...this.dress()];
  }

  dress() {
    const { format, background, color, image, crop, margin } = this.inputs;
    const fields = [];
    if (format.value !== "png") fields.push(["format", format.value]);
    if (background.value === "color") fields.push(["background", color.value]);
    if (background.value === "image" && image.files[0]) fields.push(["background_image", image.files[0]]);
    if (crop.checked) fields.push(["crop", "true"]);
    if (crop.checked && Number(margin.value)) fields.push(["margin", margin.value]);
    return fields;
  }

  /** A text that differs where the answer would. */
  fingerprint() {
    const fields = this.fields().map(([name, value]) =>
      value instanceof File ? [name, value.name, value.size, value.lastModified] : [name, value],
    );
    return JSON.stringify([this.endpoint, fields]);
  }

  /** Show what the choices so far make sensible. */
  show(texts = this.texts) {
    this.texts = texts;
    const { background, size, custom, format, crop, margin, hard, threshold, color, image } = this.inputs;
    const cutout = !this.isMask;
    for (const part of this.form.querySelectorAll("[data-only]")) part.hidden = !cutout;
    part(this.form, "swatches").hidden = background.value !== "color";
    part(this.form, "behind").hidden = background.value !== "image";
    custom.hidden = size.value !== CUSTOM;
    part(this.form, "white").hidden = !(cutout && format.value === "jpeg" && background.value === "none");
    part(this.form, "margin").hidden = !(cutout && crop.checked);
    part(this.form, "threshold").hidden = !hard.checked;
    for (const range of [margin, threshold]) range.previousElementSibling.value = texts?.percent(range.value) ?? "";
    for (const swatch of this.form.querySelectorAll("[data-color]")) {
      swatch.setAttribute("aria-pressed", swatch.dataset.color === color.value);
    }
    if (texts) part(this.form, "behind").lastElementChild.textContent = image.files[0]?.name ?? texts.choose();
  }
}

function part(form, id) {
  return form.querySelector(`#${id}`);
}
