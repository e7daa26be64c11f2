/** Resizing as the server does it (OpenCV): by area when shrinking, bilinear when enlarging. */

import { pixels } from "./pixels.js";
import { rint } from "./rounding.js";

const HALVED_FROM = 1024; // pixels of the longer side
const SPARE = 1.5;
const UNIT = 2048; // of the weights when enlarging

/** Resize a cut-out so that a pixel's colour counts as much as its alpha: no dark fringe. */
export function resizeCutout(image, width, height) {
  if (image.width === width && image.height === height) return image;
  const resized = resize(weighted(image), width, height);
  const { data } = resized;
  for (let i = 0; i < data.length; i += 4) {
    const alpha = data[i + 3];
    if (alpha === 255) continue;
    for (let c = 0; c < 3; c++) data[i + c] = alpha ? (255 * data[i + c]) / alpha : 0;
  }
  return resized;
}

function weighted({ width, height, data }) {
  const product = pixels(width, height, 4, data.slice());
  const colors = product.data;
  for (let i = 3; i < colors.length; i += 4) {
    const alpha = colors[i];
    if (alpha === 255) continue;
    for (let c = i - 3; c < i; c++) colors[c] = (colors[c] * alpha) / 255;
  }
  return product;
}

/** Resize pixels of any number of channels to exactly width x height. */
export function resize(image, width, height) {
  if (image.width === width && image.height === height) return image;
  const halved = halve(image, width, height);
  const shrinking = width <= halved.width && height <= halved.height;
  if (!shrinking) return enlarged(halved, width, height);
  return separable(halved, areas(halved.width, width), areas(halved.height, height));
}

function halve(image, width, height) {
  const longer = Math.max(image.width, image.height);
  const ratio = Math.min(image.width / width, image.height / height);
  let times = 0;
  while (longer > HALVED_FROM * 2 ** times && ratio >= SPARE * 2 ** (times + 1)) times++;
  if (!times) return image;
  const side = 2 ** times;
  let top = Math.floor((image.height % side) / 2);
  let left = Math.floor((image.width % side) / 2);
  let columns = Math.floor(image.width / side) * side;
  let rows = Math.floor(image.height / side) * side;
  for (; times; times--) {
    image = half(image, left, top, (columns /= 2), (rows /= 2));
    left = top = 0;
  }
  return image;
}

function half(image, left, top, columns, rows) {
  const { channels, data } = image;
  const small = pixels(columns, rows, channels);
  const stride = image.width * channels;
  let to = 0;
  for (let row = 0; row < rows; row++) {
    let from = (top + 2 * row) * stride + left * channels;
    for (let column = 0; column < columns; column++, from += channels) {
      for (let c = 0; c < channels; c++, from++) {
        const sum = data[from] + data[from + channels] + data[from + stride] + data[from + stride + channels];
        small.data[to++] = (sum + 2) >> 2;
      }
    }
  }
  return small;
}

/** For each target pixel the source pixels that it covers and the share of each: `{first, count, weights}`. */
function areas(source, target) {
  const scale = source / target;
  return Array.from({ length: target }, (_, index) => {
    const begin = index * scale;
    const end = Math.min(source, begin + scale);
    const first = Math.floor(begin + 1e-9);
    const last = Math.max(first + 1, Math.min(source, Math.ceil(end - 1e-9)));
    const weights = Float32Array.from({ length: last - first }, (_, i) => {
      return (Math.min(end, first + i + 1) - Math.max(begin, first + i)) / (end - begin);
    });
    return { first, weights };
  });
}

/**
 * Bilinear, to the bit as OpenCV's whole numbers come out: of each weight 11 bits, of a row's sum 4 bits less. What lies
 * beyond the first and the last pixel of a row is that pixel; of a column, each of both weights is rounded by itself.
 */
function enlarged(image, width, height) {
  const { channels, data } = image;
  const across = lines(image.width, width, true);
  const result = pixels(width, height, channels);
  const stride = width * channels;
  const rows = new Map(); // source rows, resized across, while they are needed
  const rowAt = (row) => {
    if (!rows.has(row)) rows.set(row, sums(data, row * image.width * channels, across, channels));
    return rows.get(row);
  };
  lines(image.height, height, false).forEach(({ first, second, near, far }, row) => {
    for (const known of rows.keys()) if (known < first) rows.delete(known);
    const [above, below] = [rowAt(first), rowAt(second)];
    for (let x = 0, to = row * stride; x < stride; x++, to++) {
      result.data[to] = (((near * above[x]) >> 16) + ((far * below[x]) >> 16) + 2) >> 2;
    }
  });
  return result;
}

/** For each target pixel the two source pixels it lies between, and their weights in 2048ths. */
function lines(source, target, holds) {
  const scale = source / target;
  const within = (index) => Math.min(source - 1, Math.max(0, index));
  return Array.from({ length: target }, (_, index) => {
    const position = Math.fround((index + 0.5) * scale - 0.5);
    const first = Math.floor(position);
    const rest = holds && (first < 0 || first >= source - 1) ? 0 : Math.fround(position - first);
    const [near, far] = [Math.fround(1 - rest), rest].map((weight) => rint(weight * UNIT));
    return { first: within(first), second: within(first + 1), near, far };
  });
}

function sums(data, offset, across, channels) {
  const values = new Int32Array(across.length * channels);
  let to = 0;
  for (const { first, second, near, far } of across) {
    const [left, right] = [offset + first * channels, offset + second * channels];
    for (let c = 0; c < channels; c++, to++) values[to] = (near * data[left + c] + far * data[right + c]) >> 4;
  }
  return values;
}

function separable(image, across, down) {
  const { channels, data } = image;
  const stride = across.length * channels;
  const result = pixels(across.length, down.length, channels);
  const rows = new Map(); // source rows, resized across, while they are needed
  const line = new Float32Array(stride);
  down.forEach(({ first, weights }, row) => {
    for (const known of rows.keys()) if (known < first) rows.delete(known);
    line.fill(0);
    weights.forEach((weight, i) => {
      const source = first + i;
      if (!rows.has(source)) rows.set(source, acrossRow(data, source * image.width * channels, across, channels));
      const values = rows.get(source);
      for (let x = 0; x < stride; x++) line[x] += weight * values[x];
    });
    result.data.set(line, row * stride); // the array rounds and clamps
  });
  return result;
}

function acrossRow(data, offset, across, channels) {
  const values = new Float32Array(across.length * channels);
  let to = 0;
  for (const { first, weights } of across) {
    for (let c = 0; c < channels; c++, to++) {
      let sum = 0;
      let from = offset + first * channels + c;
      for (let i = 0; i < weights.length; i++, from += channels) sum += weights[i] * data[from];
      values[to] = sum;
    }
  }
  return values;
}
