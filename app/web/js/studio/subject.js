/** Where the subject is: the box that a crop keeps, found as the server finds it (`cutout/imaging/subject.py`). */

import { rint } from "./rounding.js";

const SOLID = 128;
const SOFT = 26;
const SOFT_REACH = 0.02;
const SPECK = 0.01;
const CELLS = 384;
const TOUCHED = 1;
const SAMPLE = 2;

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

/** The box of the larger pieces of foreground, rounded up to whole cells; null where there is none. */
function withoutSpecks(image) {
  const { width, height } = image;
  const step = Math.ceil(Math.max(width, height) / CELLS);
  const columns = Math.ceil(width / step);
  const rows = Math.ceil(height / step);
  const found = pieces(cellsOf(image, step, columns, rows), columns, rows);
  if (!found.length) return null;
  // A speck of one pixel has a cell too, and a small subject has few: what counts is the samples. What is thinner than
  // a cell has none, and about as many pixels as its cells are wide.
  const areas = found.map(({ samples, cells }) => Math.max(samples, Math.floor(cells / step)));
  const largest = Math.max(...areas);
  const kept = found.filter((_, i) => areas[i] >= SPECK * largest);
  return {
    left: Math.min(...kept.map(({ left }) => left)) * step,
    top: Math.min(...kept.map(({ top }) => top)) * step,
    right: Math.min(Math.max(...kept.map(({ right }) => right)) * step, width),
    bottom: Math.min(Math.max(...kept.map(({ bottom }) => bottom)) * step, height),
  };
}

/** For each cell of `step` x `step` pixels: SAMPLE where its first pixel is foreground, else TOUCHED where one is, else 0. */
function cellsOf({ width, height, data }, step, columns, rows) {
  const cells = new Uint8Array(columns * rows);
  for (let y = 0; y < height; y++) {
    const first = columns * Math.floor(y / step);
    for (let x = 0, i = 4 * y * width + 3; x < width; x++, i += 4) {
      if (data[i] < SOLID) continue;
      const cell = first + Math.floor(x / step);
      if (y % step === 0 && x % step === 0) cells[cell] = SAMPLE;
      else if (!cells[cell]) cells[cell] = TOUCHED;
    }
  }
  return cells;
}

/** The connected pieces (eight neighbours) of cells: `{cells, samples, left, top, right, bottom}`. Clears them. */
function pieces(cells, columns, rows) {
  const found = [];
  for (let start = 0; start < cells.length; start++) {
    if (cells[start]) found.push(fill(cells, columns, rows, start));
  }
  return found;
}

function fill(cells, columns, rows, start) {
  const piece = { cells: 0, samples: 0, left: columns, top: rows, right: 0, bottom: 0 };
  const open = [];
  const take = (cell) => {
    piece.cells++;
    if (cells[cell] === SAMPLE) piece.samples++;
    cells[cell] = 0;
    open.push(cell);
  };
  take(start);
  while (open.length) {
    const here = open.pop();
    const column = here % columns;
    const row = (here - column) / columns;
    piece.left = Math.min(piece.left, column);
    piece.top = Math.min(piece.top, row);
    piece.right = Math.max(piece.right, column + 1);
    piece.bottom = Math.max(piece.bottom, row + 1);
    for (let y = Math.max(0, row - 1); y <= Math.min(rows - 1, row + 1); y++) {
      for (let x = Math.max(0, column - 1); x <= Math.min(columns - 1, column + 1); x++) {
        const next = y * columns + x;
        if (cells[next]) take(next);
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
