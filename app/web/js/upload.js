/** One image on the page, from the file that was added to the answer. */

import { Problem } from "./api.js";

const THUMB = 168;
const PREVIEW = 640;

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

  /** Take over an answer: its bytes, size and address for <img>; unless nobody wants it any more. */
  async accept(blob, about, signal) {
    const url = URL.createObjectURL(blob);
    const image = new Image();
    image.src = url;
    try {
      await image.decode().catch(() => {
        throw new Problem("undecodable_answer");
      });
      signal.throwIfAborted(); // a newer answer may be here already, or the image gone
    } catch (error) {
      URL.revokeObjectURL(url);
      throw error;
    }
    this.forget();
    this.thumb ??= thumbnail(image);
    this.result = { ...about, blob, url, width: image.width, height: image.height };
    this.problem = undefined;
  }

  forget() {
    if (this.result) URL.revokeObjectURL(this.result.url);
    this.result = undefined;
  }

  close() {
    this.calls?.abort();
    this.forget();
    if (this.url) URL.revokeObjectURL(this.url);
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
