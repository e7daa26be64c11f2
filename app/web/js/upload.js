/** One image on the page, from the file that was added to the answer. */

import { Problem } from "./api.js";
import { boxText, pointsText } from "./choosing.js";
import { dropped } from "./studio.js";

const THUMB = 168;
const PREVIEW = 640;

let cuts = 0; // answers so far: each has a key of its own

export class Upload {
  /**
   * `status`: waiting, sending, working, busy (the server asked to come back), done or failed.
   * `width`, `height`: of the upright original; undefined where this browser can't read the file.
   */
  constructor(file) {
    this.file = file;
    this.name = file.name;
    this.status = "waiting";
    this.sent = 0;
  }

  /** Look into the file: its size, a thumbnail, a preview for the map. Nothing where the browser can't read it. */
  async look() {
    try {
      const bitmap = await createImageBitmap(this.file);
      this.width = bitmap.width;
      this.height = bitmap.height;
      this.thumb = thumbnail(bitmap);
      this.preview = drawn(bitmap, PREVIEW / Math.max(bitmap.width, bitmap.height));
      this.url = URL.createObjectURL(this.file);
      bitmap.close();
    } catch {
      this.url = undefined; // TIFF, or broken: the server will say
    }
  }

  /** Take over the server's answer: a PNG (a Blob) as large as the upright original. */
  async accept(blob, about) {
    const header = new DataView(await blob.slice(0, 24).arrayBuffer());
    if (header.byteLength < 24) throw new Problem("undecodable_answer");
    this.forgetCut();
    this.cut = { ...about, key: ++cuts, blob, width: header.getUint32(16), height: header.getUint32(20) };
    this.problem = undefined;
  }

  /** Show a result, `{blob, width, height, region, …}`, once the browser has read it. */
  async show(result) {
    const url = URL.createObjectURL(result.blob);
    const image = new Image();
    image.src = url;
    try {
      await image.decode();
    } catch {
      URL.revokeObjectURL(url);
      throw new Problem("undecodable_answer");
    }
    if (this.cut?.key !== result.cut) return URL.revokeObjectURL(url); // a newer answer is here, or the image gone
    this.thumb ??= thumbnail(image);
    this.forgetResult();
    this.result = { ...result, url };
  }

  /** Keep a small copy of the result, `{blob, key, cut}`. */
  glanceAt(glance) {
    if (this.glance) URL.revokeObjectURL(this.glance.url);
    this.glance = glance && { ...glance, url: URL.createObjectURL(glance.blob) };
  }

  forget() {
    this.glanceAt(undefined);
    this.forgetCut();
    this.forgetResult();
  }

  forgetCut() {
    if (this.cut) dropped(this.cut.key);
    this.cut = this.full = undefined;
  }

  forgetResult() {
    if (this.result) URL.revokeObjectURL(this.result.url);
    this.result = undefined;
  }

  close() {
    this.calls?.abort();
    this.forget();
    if (this.url) URL.revokeObjectURL(this.url);
  }

  /** [name, text or File] that are this image's own: corrections go along, and the points and the box that say what is meant. */
  fields() {
    const { file, trimap, points, box } = this;
    const fields = [["file", file]];
    if (trimap) fields.push(["mask", trimap]);
    if (points?.length) fields.push(["points", pointsText(points)]);
    if (box) fields.push(["box", boxText(box)]);
    return fields;
  }

  /** What to call the answer: `photo-cutout.png`. */
  output(suffix, extension) {
    return `${this.name.replace(/\.\w{1,5}$/, "")}-${suffix}.${extension}`;
  }
}

function thumbnail(image) {
  return drawn(image, Math.max(THUMB / image.width, THUMB / image.height));
}

function drawn(bitmap, scale) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(bitmap.width * Math.min(1, scale)));
  canvas.height = Math.max(1, Math.round(bitmap.height * Math.min(1, scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas;
}
