/** From pixels to a file: PNG by `png.js`, to the bit; JPEG and WebP by the browser's own encoder. */

import { encodePng } from "./png.js";

/** The server's qualities (`cutout/imaging/encode.py`). */
const QUALITY = { jpeg: 0.92, webp: 0.85 };

/** A Blob of pixels with 1, 3 or 4 channels as `png`, `webp` or `jpeg`; JPEG needs opaque ones. `quality` is from 1 to 100. */
export async function encode(image, format, quality) {
  if (format === "png") return encodePng(image);
  const canvas = new OffscreenCanvas(image.width, image.height);
  canvas.getContext("2d").putImageData(new ImageData(rgba(image), image.width, image.height), 0, 0);
  const blob = await canvas.convertToBlob({ type: `image/${format}`, quality: quality ? quality / 100 : QUALITY[format] });
  if (blob.type !== `image/${format}`) throw new RangeError(`this browser can't write ${format}`);
  return blob;
}

/** Pixels of an image file (a Blob) as RGBA, upright. */
export async function decode(blob) {
  const bitmap = await createImageBitmap(blob);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  const { width, height, data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width, height, channels: 4, data };
}

function rgba({ channels, data }) {
  if (channels === 4) return data;
  const wide = new Uint8ClampedArray((data.length / channels) * 4).fill(255);
  for (let from = 0, to = 0; from < data.length; from += channels, to += 4) {
    for (let c = 0; c < 3; c++) wide[to + c] = data[from + (channels === 3 ? c : 0)];
  }
  return wide;
}
