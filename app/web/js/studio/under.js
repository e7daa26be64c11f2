/** What goes right under a cut-out, as the engine documents it (`cutout/imaging/effects.py`): an outline, a shadow. */

import { blur } from "./blur.js";
import { channel, pixels } from "./pixels.js";
import { rint } from "./rounding.js";

const SOLID = 128;
const UNITS = 50;
const SOFT = 0.4;
const CONTACT = 0.6;
const FOOT = 20;
const BLACK = [0, 0, 0];
const FAR = 1e12; // squared pixels

const { fround } = Math;

/** An outline of `width` pixels and a colour around a cut-out (RGBA), which is changed. */
export function outlined(image, width, color) {
  const box = solidBox(image);
  if (!box) return image;
  const near = {
    left: Math.max(0, box.left - width - 1),
    top: Math.max(0, box.top - width - 1),
    right: Math.min(image.width, box.right + width + 1),
    bottom: Math.min(image.height, box.bottom + width + 1),
  };
  return over(image, ring(image, near, width), color);
}

/** The shadow of a cut-out (RGBA), which is changed: `soft` is its own shape, `contact` where it touches the ground. */
export function shadowed(image, kind) {
  const box = solidBox(image);
  if (!box) return image;
  const longer = Math.max(box.right - box.left, box.bottom - box.top);
  const unit = Math.max(1, Math.floor((longer + UNITS / 2) / UNITS));
  const shape = kind === "soft" ? moved(channel(image, 3), unit) : foot(image, box, Math.floor(unit / 2));
  const layer = blur(shape, unit);
  const opacity = kind === "soft" ? SOFT : CONTACT;
  layer.data.forEach((value, i) => (layer.data[i] = opacity * value));
  return over(image, layer, BLACK);
}

function moved({ width, height, data }, rows) {
  const plane = pixels(width, height, 1);
  plane.data.set(data.subarray(0, Math.max(0, height - rows) * width), Math.min(height, rows) * width);
  return plane;
}

/** The largest alpha of each column of the lowest part, around the lower edge of the box. */
function foot({ width, height, data }, { top, bottom }, half) {
  const plane = pixels(width, height, 1);
  const line = new Uint8ClampedArray(width);
  for (let row = bottom - Math.max(1, Math.floor((bottom - top) / FOOT)); row < bottom; row++) {
    for (let column = 0; column < width; column++) {
      line[column] = Math.max(line[column], data[4 * (row * width + column) + 3]);
    }
  }
  for (let row = Math.max(0, bottom - half); row < Math.min(height, bottom + half + 1); row++) {
    plane.data.set(line, row * width);
  }
  return plane;
}

/** The box around all that has an alpha of SOLID or more; null for none. */
function solidBox({ width, height, data }) {
  let [left, top, right, bottom] = [width, -1, 0, 0];
  for (let row = 0, i = 3; row < height; row++) {
    for (let column = 0; column < width; column++, i += 4) {
      if (data[i] < SOLID) continue;
      if (top < 0) top = row;
      bottom = row + 1;
      if (column < left) left = column;
      if (column >= right) right = column + 1;
    }
  }
  return top < 0 ? null : { left, top, right, bottom };
}

/** The alpha of an outline, from the distance to the nearest solid pixel (Felzenszwalb, Huttenlocher 2012). */
function ring(image, { left, top, right, bottom }, reach) {
  const layer = pixels(image.width, image.height, 1);
  const columns = right - left;
  const squares = upAndDown(image, { left, top, right, bottom });
  const line = new Float64Array(columns);
  for (let row = top; row < bottom; row++) {
    line.set(squares.subarray((row - top) * columns, (row - top + 1) * columns));
    nearest(line).forEach((square, column) => {
      const share = Math.min(1, Math.max(0, fround(reach + 0.5 - fround(Math.sqrt(square)))));
      layer.data[row * image.width + left + column] = fround(255 * share);
    });
  }
  return layer;
}

/** The squared distance from each pixel to the nearest solid one above or below it. */
function upAndDown({ width, data }, { left, top, right, bottom }) {
  const columns = right - left;
  const squares = new Float64Array(columns * (bottom - top)).fill(FAR);
  const walk = (column, first, end, step) => {
    let distance = Infinity;
    for (let row = first; row !== end; row += step) {
      distance = data[4 * (row * width + column) + 3] >= SOLID ? 0 : distance + 1;
      const i = (row - top) * columns + column - left;
      squares[i] = Math.min(squares[i], distance * distance);
    }
  };
  for (let column = left; column < right; column++) {
    walk(column, top, bottom, 1);
    walk(column, bottom - 1, top - 1, -1);
  }
  return squares;
}

/** The lower envelope of parabolas: for each i the least of squares[j] + (i - j)^2. */
function nearest(squares) {
  const { length } = squares;
  const hills = new Int32Array(length);
  const borders = new Float64Array(length + 1).fill(Infinity);
  borders[0] = -Infinity;
  let last = 0;
  const meets = (i, j) => (squares[i] + i * i - squares[j] - j * j) / (2 * (i - j));
  for (let i = 1; i < length; i++) {
    while (last > 0 && meets(i, hills[last]) <= borders[last]) last--;
    borders[last + 1] = meets(i, hills[last]);
    hills[++last] = i;
    borders[last + 1] = Infinity;
  }
  const least = new Float64Array(length);
  for (let i = 0, hill = 0; i < length; i++) {
    while (borders[hill + 1] < i) hill++;
    least[i] = squares[hills[hill]] + (i - hills[hill]) ** 2;
  }
  return least;
}

/** A layer of one colour under a cut-out; in numbers of 32 bits as the engine does it, so that both round alike. */
function over(image, layer, color) {
  const { data } = image;
  for (let i = 0, at = 0; i < layer.data.length; i++, at += 4) {
    const alpha = data[at + 3];
    const seen = rint((layer.data[i] * (255 - alpha)) / 255);
    if (!seen) continue;
    const total = alpha + seen;
    const share = fround(seen / total);
    for (let c = at; c < at + 3; c++) data[c] += rint(fround((color[c - at] - data[c]) * share));
    data[at + 3] = total;
  }
  return image;
}
