/**
 * PNG to the bit (W3C, PNG third edition): a canvas would multiply the colours by the alpha and lose them where it is
 * low. Only what the server writes is read: 8 bits, grey, RGB or RGBA, not interlaced.
 */

import { crc32 } from "../zip.js";
import { pixels } from "./pixels.js";

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const CHANNELS = { 0: 1, 2: 3, 6: 4 }; // of a colour type
const COLOR_TYPE = { 1: 0, 3: 2, 4: 6 };
const UP = 2;
const BAND = 2 ** 20; // bytes that are filtered before they are compressed

/** The pixels of a PNG (a Blob). Throws RangeError for one of another kind, TypeError for a broken one. */
export async function decodePng(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const { width, height, channels, body } = read(bytes);
  const stride = width * channels;
  const lines = await inflated(body, height * (stride + 1));
  return pixels(width, height, channels, unfiltered(lines, stride, height, channels));
}

function read(bytes) {
  const view = new DataView(bytes.buffer);
  if (bytes.length < 33 || SIGNATURE.some((byte, index) => bytes[index] !== byte)) throw new RangeError("not a PNG");
  const channels = CHANNELS[bytes[25]];
  if (bytes[24] !== 8 || !channels || bytes[28]) throw new RangeError("a PNG of another kind");
  const body = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IDAT") body.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  return { width: view.getUint32(16), height: view.getUint32(20), channels, body };
}

async function inflated(parts, length) {
  const lines = new Uint8ClampedArray(length);
  let filled = 0;
  for await (const piece of chunks(new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate")))) {
    lines.set(piece.subarray(0, length - filled), filled);
    filled += piece.length;
  }
  if (filled < length) throw new TypeError("a PNG that ends too early");
  return lines;
}

/** A stream's pieces; Safari can't iterate over a stream itself. */
async function* chunks(stream) {
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

/** Undo the filters, in the memory of the lines themselves: a row's pixels never lie behind its line. */
function unfiltered(lines, stride, height, step) {
  const bytes = new Uint8Array(lines.buffer); // sums wrap at 256 here and would be clamped there
  for (let row = 0; row < height; row++) {
    const from = row * (stride + 1);
    const to = row * stride;
    const kind = bytes[from];
    bytes.copyWithin(to, from + 1, from + 1 + stride);
    FILTERS[kind]?.(bytes, to, stride, step, row > 0);
    if (kind > 4) throw new TypeError("a PNG with an unknown filter");
  }
  return lines.subarray(0, stride * height);
}

const FILTERS = {
  1(bytes, at, stride, step) {
    for (let i = at + step; i < at + stride; i++) bytes[i] += bytes[i - step];
  },
  2(bytes, at, stride, _, hasAbove) {
    if (!hasAbove) return;
    for (let i = at; i < at + stride; i++) bytes[i] += bytes[i - stride];
  },
  3(bytes, at, stride, step, hasAbove) {
    for (let i = at; i < at + stride; i++) {
      const left = i - at < step ? 0 : bytes[i - step];
      bytes[i] += (left + (hasAbove ? bytes[i - stride] : 0)) >> 1;
    }
  },
  4(bytes, at, stride, step, hasAbove) {
    for (let i = at; i < at + stride; i++) {
      const first = i - at < step;
      const left = first ? 0 : bytes[i - step];
      const above = hasAbove ? bytes[i - stride] : 0;
      bytes[i] += nearest(left, above, first || !hasAbove ? 0 : bytes[i - stride - step]);
    }
  },
};

/** Paeth's predictor: whichever neighbour is nearest to left + above - corner. */
function nearest(left, above, corner) {
  const fromLeft = Math.abs(above - corner);
  const fromAbove = Math.abs(left - corner);
  const fromCorner = Math.abs(left + above - 2 * corner);
  if (fromLeft <= fromAbove && fromLeft <= fromCorner) return left;
  return fromAbove <= fromCorner ? above : corner;
}

/** A PNG (a Blob) of pixels with 1, 3 or 4 channels. */
export async function encodePng({ width, height, channels, data }) {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([8, COLOR_TYPE[channels]], 8);
  const body = await deflated(data, width * channels, height);
  const parts = [SIGNATURE, ...chunk("IHDR", header), ...chunk("IDAT", body), ...chunk("IEND", new Uint8Array())];
  return new Blob(parts, { type: "image/png" });
}

async function deflated(data, stride, height) {
  const stream = new CompressionStream("deflate");
  const result = new Response(stream.readable).arrayBuffer();
  const writer = stream.writable.getWriter();
  const rows = Math.max(1, Math.floor(BAND / (stride + 1)));
  for (let top = 0; top < height; top += rows) {
    await writer.write(filtered(data, stride, top, Math.min(height, top + rows)));
  }
  await writer.close();
  return new Uint8Array(await result);
}

/** Rows less the row above each, with the filter's number in front. */
function filtered(data, stride, top, bottom) {
  const lines = new Uint8Array((bottom - top) * (stride + 1));
  for (let row = top, to = 0; row < bottom; row++) {
    const from = row * stride;
    lines[to++] = UP;
    if (row === 0) lines.set(data.subarray(0, stride), to);
    else for (let i = 0; i < stride; i++) lines[to + i] = data[from + i] - data[from + i - stride];
    to += stride;
  }
  return lines;
}

function chunk(kind, body) {
  const bytes = new Uint8Array(4 + body.length);
  for (let i = 0; i < 4; i++) bytes[i] = kind.charCodeAt(i);
  bytes.set(body, 4);
  return [number(body.length), bytes, number(crc32(bytes))];
}

function number(value) {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
