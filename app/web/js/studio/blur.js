/**
 * Blur on a grid of cells, step by step as the engine documents it (`cutout/imaging/blur.py`), and of one channel to
 * the bit: a shadow's level more or less is another colour where the alpha is low.
 */

import { part, pixels } from "./pixels.js";
import { resize } from "./resize.js";

const LONGEST = 1500;
const FINENESS = 4;
const BLURS = 3;
const LEAST = 1 / 64;
const NEUTRAL = 128;

/** A plane (one channel), blurred. */
export function blur(image, radius) {
  const grid = gridOf(image, radius);
  return blurred(means(image, grid), grid);
}

/** A background (RGBA), blurred where it is seen and filled where it is not: RGB. */
export function blurFilled(image, radius) {
  const grid = gridOf(image, radius);
  const [alpha, ...colors] = means(image, grid).reverse();
  return blurred(filled(colors.reverse(), alpha, grid.columns, grid.rows), grid);
}

function gridOf({ width, height }, radius) {
  const side = Math.max(1, Math.floor(radius / FINENESS), Math.ceil(Math.max(width, height) / LONGEST));
  const reach = Math.max(1, Math.floor((radius + Math.floor(side / 2)) / side));
  return { width, height, side, reach, columns: Math.ceil(width / side), rows: Math.ceil(height / side) };
}

/** The mean of each cell, a plane a channel, pixels beyond the image being 0; of RGBA, colours count by their alpha. */
function means({ width, height, channels, data }, { side, columns, rows }) {
  const planes = Array.from({ length: channels }, () => new Float32Array(columns * rows));
  const [red, green, blue, alpha] = planes;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, cell = Math.floor(y / side) * columns, left = side; x < width; x++, i += channels) {
      if (channels === 1) {
        red[cell] += data[i];
      } else if (data[i + 3]) {
        const share = data[i + 3] / 255;
        red[cell] += data[i] * share;
        green[cell] += data[i + 1] * share;
        blue[cell] += data[i + 2] * share;
        alpha[cell] += data[i + 3];
      }
      if (--left === 0) {
        left = side;
        cell++;
      }
    }
  }
  const share = Math.fround(1 / (side * side)); // the engine's numbers have 32 bits here
  return planes.map((plane) => plane.map((total) => total * share));
}

function blurred(planes, { width, height, side, reach, columns, rows }) {
  const small = pixels(columns, rows, planes.length);
  planes.forEach((plane, c) => {
    let cells = plane;
    for (let times = 0; times < BLURS; times++) cells = boxes(cells, columns, rows, reach);
    for (let i = 0, to = c; i < cells.length; i++, to += planes.length) small.data[to] = cells[i]; // rounds and clamps
  });
  return part(resize(small, columns * side, rows * side), { left: 0, top: 0, width, height });
}

/** The mean over a box around each cell; the cells at the border repeat beyond it. */
function boxes(cells, columns, rows, reach) {
  const across = new Float64Array(cells.length);
  const sums = new Float64Array(cells.length);
  for (let row = 0; row < rows; row++) slide(cells, across, row * columns, 1, columns, reach);
  for (let column = 0; column < columns; column++) slide(across, sums, column, columns, rows, reach);
  const share = 1 / (2 * reach + 1) ** 2;
  return Float32Array.from(sums, (sum) => sum * share);
}

/** The sum over 2 * reach + 1 neighbours along a line. */
function slide(from, to, start, step, length, reach) {
  const at = (i) => from[start + Math.min(length - 1, Math.max(0, i)) * step];
  let sum = 0;
  for (let i = -reach; i <= reach; i++) sum += at(i);
  for (let i = 0; i < length; i++) {
    to[start + i * step] = sum;
    sum += at(i + reach + 1) - at(i - reach);
  }
}

function mixed(cells, row, { first, next, share }) {
  return cells[row + first] + share * (cells[row + next] - cells[row + first]);
}

function steps(length, side, count) {
  return Array.from({ length }, (_, index) => {
    const position = Math.min(count - 1, Math.max(0, (index + 0.5) / side - 0.5));
    const first = Math.floor(position);
    return { first, next: Math.min(count - 1, first + 1), share: position - first };
  });
}

/** Colours of cells, `colors` being weighed by the alpha: where there is little of it, they come from around. */
function filled(colors, alpha, columns, rows) {
  const around = Math.max(columns, rows) === 1 ? colors.map(() => Float32Array.of(NEUTRAL)) : surroundings(colors, alpha, columns, rows);
  return colors.map((plane, c) =>
    plane.map((value, i) => (value + LEAST * around[c][i]) / (alpha[i] / 255 + LEAST)),
  );
}

function surroundings(colors, alpha, columns, rows) {
  const [across, down] = [Math.ceil(columns / 2), Math.ceil(rows / 2)];
  const half = (plane) => halved(plane, columns, rows, across, down);
  return filled(colors.map(half), half(alpha), across, down).map((plane) => doubled(plane, across, down, columns, rows));
}

function halved(plane, columns, rows, across, down) {
  const small = new Float32Array(across * down);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) small[(row >> 1) * across + (column >> 1)] += plane[i] / 4;
  }
  return small;
}

function doubled(plane, across, down, columns, rows) {
  const large = new Float32Array(columns * rows);
  const horizontal = steps(columns, 2, across);
  const vertical = steps(rows, 2, down);
  for (let row = 0, i = 0; row < rows; row++) {
    const { first, next, share } = vertical[row];
    for (let column = 0; column < columns; column++, i++) {
      const upper = mixed(plane, first * across, horizontal[column]);
      large[i] = upper + share * (mixed(plane, next * across, horizontal[column]) - upper);
    }
  }
  return large;
}
