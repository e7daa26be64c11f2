/** Where the subject is: the box that a crop keeps, found as the server finds it (`cutout/imaging/subject.py`). */

import { rint } from "./rounding.js";

const SOLID = 128;
const SOFT = 26;
const SOFT_REACH = 0.02;
const SPECK = 0.01;
const SAMPLED = 384;

/** The box of the subject of a cut-out (RGBA); null where there is none. */
export function subjectBox(image) {
  const solid = withoutSpecks(image);
  if (!solid) return null;
  const reach = rint(SOFT_REACH * Math.max(solid.right - solid.left, solid.bottom - solid.top));
  return bounds(image, SOFT, {
    left: Math.max(0, solid.left - reach),
    top: Math.max(0, solid.top - reach),
    right: Math.min(image.width, solid.right + reach),
    bottom: Math.min(image.height, solid.bottom + reach),
  });
}

function withoutSpecks(image) {
  const { width, height, data } = image;
  const step = Math.ceil(Math.max(width, height) / SAMPLED);
  const columns = Math.ceil(width / step);
  const rows = Math.ceil(height / step);
  const samples = new Uint8Array(columns * rows);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      samples[i] = data[4 * (row * step * width + column * step) + 3] >= SOLID;
    }
  }
  const found = pieces(samples, columns, rows);
  if (!found.length) {
    const box = bounds(image, SOLID, { left: 0, top: 0, right: width, bottom: height });
    return box && { left: box.left, top: box.top, right: box.left + box.width, bottom: box.top + box.height };
  }
  const largest = Math.max(...found.map(({ area }) => area));
  const kept = found.filter(({ area }) => area >= SPECK * largest);
  const spare = step - 1;
  return {
    left: Math.max(0, Math.min(...kept.map(({ left }) => left)) * step - spare),
    top: Math.max(0, Math.min(...kept.map(({ top }) => top)) * step - spare),
    right: Math.max(...kept.map(({ right }) => right)) * step,
    bottom: Math.max(...kept.map(({ bottom }) => bottom)) * step,
  };
}

/** The connected pieces (eight neighbours) of samples that are 1: `{area, left, top, right, bottom}`. Clears them. */
function pieces(samples, columns, rows) {
  const found = [];
  for (let start = samples.indexOf(1); start >= 0; start = samples.indexOf(1, start + 1)) {
    found.push(fill(samples, columns, rows, start));
  }
  return found;
}

function fill(samples, columns, rows, start) {
  const piece = { area: 0, left: columns, top: rows, right: 0, bottom: 0 };
  const open = [start];
  samples[start] = 0;
  while (open.length) {
    const here = open.pop();
    const column = here % columns;
    const row = (here - column) / columns;
    piece.area++;
    piece.left = Math.min(piece.left, column);
    piece.top = Math.min(piece.top, row);
    piece.right = Math.max(piece.right, column + 1);
    piece.bottom = Math.max(piece.bottom, row + 1);
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) {
        const next = y * columns + x;
        if (!samples[next]) continue;
        samples[next] = 0;
        open.push(next);
      }
    }
  }
  return piece;
}

/** The box of what reaches a level of alpha, within a window; null where nothing does. */
function bounds({ width, data }, level, window) {
  let { left, top, right, bottom } = { left: window.right, top: -1, right: window.left, bottom: window.top };
  for (let row = window.top; row < window.bottom; row++) {
    let first = -1;
    let last = -1;
    for (let column = window.left, i = 4 * (row * width + window.left) + 3; column < window.right; column++, i += 4) {
      if (data[i] < level) continue;
      if (first < 0) first = column;
      last = column;
    }
    if (first < 0) continue;
    if (top < 0) top = row;
    bottom = row + 1;
    left = Math.min(left, first);
    right = Math.max(right, last + 1);
  }
  return top < 0 ? null : { left, top, width: right - left, height: bottom - top };
}
