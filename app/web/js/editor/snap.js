/**
 * Where the rim of a stroke ends: at the image's edges. Each pixel of the rim is compared with the colours that are
 * surely kept and surely dropped around it (a Gaussian of each), then a guided filter (He, Sun, Tang, "Guided Image
 * Filtering", 2010) fits the answer to the image at full size. Where the two look alike, it stays as it was painted.
 */

import { boxMean } from "./boxes.js";
import { DROP, KEEP, SURE, TILE } from "./mask.js";

const PIXELS = 160_000; // that the colours are compared at: a stroke is answered in a tenth of a second
const REACH = 0.9; // how far colours are gathered, share of the brush's radius
const NOISE = 36; // variance of a colour that is taken for even, levels squared
const SMOOTH = 3; // radius of the guided filter, pixels of the comparison
const EPSILON = 20; // levels squared: edges fainter than that are none
const CONTRAST = 1.6;

/** Move the rim of a stroke of `mask`, painted with a brush of `radius` over `bitmap`, to the image's edges. */
export function snap(mask, stroke, bitmap, radius) {
  const area = areaOf(mask, stroke, Math.ceil(REACH * radius));
  const scale = Math.min(1, Math.sqrt(PIXELS / (area.width * area.height)));
  const width = Math.max(1, Math.round(area.width * scale));
  const height = Math.max(1, Math.round(area.height * scale));
  const image = drawn(bitmap, area, width, height);
  const classes = classified(mask, stroke, area, width, height);
  const reach = Math.max(2, Math.round(REACH * radius * scale));
  const coarse = compared(image, classes, width, height, reach);
  const model = guided(image, coarse, width, height);
  evaluate(mask, stroke, bitmap, area, model, width, height);
}

/** The box of a stroke's tiles and what lies around it within `reach`. */
function areaOf(mask, { tiles }, reach) {
  const boxes = [...tiles.keys()].map((index) => mask.boxOf(index));
  const left = Math.max(0, Math.min(...boxes.map((box) => box.left)) - reach);
  const top = Math.max(0, Math.min(...boxes.map((box) => box.top)) - reach);
  const right = Math.min(mask.width, Math.max(...boxes.map((box) => box.right)) + reach);
  const bottom = Math.min(mask.height, Math.max(...boxes.map((box) => box.bottom)) + reach);
  return { left, top, width: right - left, height: bottom - top };
}

function drawn(bitmap, area, width, height) {
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  context.imageSmoothingQuality = "medium";
  context.drawImage(bitmap, area.left, area.top, area.width, area.height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height).data;
}

/** What each pixel of the comparison is: surely kept, surely dropped or open; and the alpha as it was painted. */
function classified(mask, { target, tiles }, area, width, height) {
  const kept = new Float32Array(width * height);
  const dropped = new Float32Array(width * height);
  const painted = new Float32Array(width * height);
  for (let row = 0, i = 0; row < height; row++) {
    const y = area.top + Math.min(area.height - 1, Math.floor(((row + 0.5) * area.height) / height));
    for (let column = 0; column < width; column++, i++) {
      const x = area.left + Math.min(area.width - 1, Math.floor(((column + 0.5) * area.width) / width));
      const alpha = mask.alpha[y * mask.width + x];
      const tile = tiles.get(Math.floor(y / TILE) * mask.across + Math.floor(x / TILE));
      const coverage = tile ? tile.coverage[(y % TILE) * TILE + (x % TILE)] : 0;
      const level = coverage === SURE ? target : coverage ? null : alpha;
      kept[i] = level !== null && level > KEEP - 26 ? 1 : 0;
      dropped[i] = level !== null && level < DROP + 26 ? 1 : 0;
      painted[i] = (level ?? alpha) / 255;
    }
  }
  return { kept, dropped, painted };
}

/** The alpha, 0 to 1, by which colours a pixel is nearer to. */
function compared(image, { kept, dropped, painted }, width, height, reach) {
  const own = colors(image, kept, width, height, reach);
  const other = colors(image, dropped, width, height, reach);
  return painted.map((level, i) => {
    if (kept[i]) return 1;
    if (dropped[i]) return 0;
    if (own.weight[i] < 1e-3 || other.weight[i] < 1e-3) return level;
    let [toOwn, toOther, apart] = [0, 0, 0];
    for (let c = 0; c < 3; c++) {
      const value = image[4 * i + c];
      toOwn += (value - own.means[c][i]) ** 2;
      toOther += (value - other.means[c][i]) ** 2;
      apart += (own.means[c][i] - other.means[c][i]) ** 2;
    }
    const [spread, otherSpread] = [own.variance[i], other.variance[i]];
    const evidence = toOther / otherSpread - toOwn / spread + 3 * Math.log(otherSpread / spread);
    const certainty = apart / (apart + spread + otherSpread);
    const said = 1 / (1 + Math.exp(-Math.max(-30, Math.min(30, evidence / 2))));
    return level + certainty * (said - level);
  });
}

/** Mean and variance (of a channel) of the colours around each pixel, of those that `weights` counts. */
function colors(image, weights, width, height, reach) {
  const mean = (plane) => boxMean(plane, width, height, reach);
  const weight = mean(weights);
  const planes = [0, 1, 2].map((c) => weights.map((value, i) => value && image[4 * i + c]));
  const means = planes.map((plane) => divided(mean(plane), weight));
  const squares = divided(mean(weights.map((value, i) => value && squared(image, i))), weight);
  const variance = squares.map((square, i) => {
    const [red, green, blue] = means.map((plane) => plane[i]);
    return NOISE + Math.max(0, square - red * red - green * green - blue * blue) / 3;
  });
  return { weight, means, variance };
}

function squared(image, i) {
  return image[4 * i] ** 2 + image[4 * i + 1] ** 2 + image[4 * i + 2] ** 2;
}

function divided(totals, weight) {
  return totals.map((total, i) => (weight[i] > 1e-6 ? total / weight[i] : 0));
}

/** The guided filter's linear model, `[a red, a green, a blue, b]`: alpha = a . colour + b around each pixel. */
function guided(image, alpha, width, height) {
  const mean = (plane) => boxMean(plane, width, height, SMOOTH);
  const planes = [0, 1, 2].map((c) => alpha.map((_, i) => image[4 * i + c]));
  const means = planes.map(mean);
  const level = mean(alpha);
  const covariance = planes.map((plane, c) => {
    const products = mean(plane.map((value, i) => value * alpha[i]));
    return products.map((product, i) => product - means[c][i] * level[i]);
  });
  const spread = [[0, 0], [0, 1], [0, 2], [1, 1], [1, 2], [2, 2]].map(([one, other]) => {
    const products = mean(planes[one].map((value, i) => value * planes[other][i]));
    return products.map((product, i) => product - means[one][i] * means[other][i] + (one === other ? EPSILON : 0));
  });
  const model = [0, 1, 2, 3].map(() => new Float32Array(alpha.length));
  for (let i = 0; i < alpha.length; i++) {
    const slope = solved(spread, covariance, i);
    for (let c = 0; c < 3; c++) model[c][i] = slope[c];
    model[3][i] = level[i] - slope[0] * means[0][i] - slope[1] * means[1][i] - slope[2] * means[2][i];
  }
  return model.map(mean);
}

/** The symmetric 3 x 3 system of a pixel, by its adjugate. */
function solved(spread, covariance, i) {
  const [rr, rg, rb, gg, gb, bb] = spread.map((plane) => plane[i]);
  const [r, g, b] = covariance.map((plane) => plane[i]);
  const [a, d, e] = [gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg];
  const [f, h, k] = [rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg];
  const scale = 1 / (rr * a + rg * d + rb * e);
  return [(a * r + d * g + e * b) * scale, (d * r + f * g + h * b) * scale, (e * r + h * g + k * b) * scale];
}

/** The model at every pixel of the rim, at full size. */
function evaluate(mask, { target, tiles }, bitmap, area, model, width, height) {
  for (const [index, { coverage, alpha }] of tiles) {
    const box = mask.boxOf(index);
    const size = { width: box.right - box.left, height: box.bottom - box.top };
    const image = drawn(bitmap, { left: box.left, top: box.top, ...size }, size.width, size.height);
    for (let row = 0; row < size.height; row++) {
      const y = Math.max(0, ((box.top + row + 0.5 - area.top) * height) / area.height - 0.5);
      for (let column = 0; column < size.width; column++) {
        const here = row * TILE + column;
        if (!coverage[here] || coverage[here] === SURE) continue;
        const x = Math.max(0, ((box.left + column + 0.5 - area.left) * width) / area.width - 0.5);
        const weights = interpolated(model, width, height, x, y);
        const i = 4 * (row * size.width + column);
        const level = weights[0] * image[i] + weights[1] * image[i + 1] + weights[2] * image[i + 2] + weights[3];
        const share = Math.min(1, Math.max(0, (level - 0.5) * CONTRAST + 0.5));
        const before = alpha[here];
        // A stroke that keeps never takes anything away, and one that drops never adds.
        const value = Math.round(255 * share);
        mask.alpha[(box.top + row) * mask.width + box.left + column] =
          target === KEEP ? Math.max(before, value) : Math.min(before, value);
      }
    }
  }
}

function interpolated(model, width, height, x, y) {
  const left = Math.min(width - 1, Math.floor(x));
  const top = Math.min(height - 1, Math.floor(y));
  const right = Math.min(width - 1, left + 1);
  const bottom = Math.min(height - 1, top + 1);
  const [u, v] = [x - left, y - top];
  return model.map((plane) => {
    const upper = plane[top * width + left] * (1 - u) + plane[top * width + right] * u;
    const lower = plane[bottom * width + left] * (1 - u) + plane[bottom * width + right] * u;
    return upper * (1 - v) + lower * v;
  });
}
