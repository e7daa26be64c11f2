/** A cut-out whose alpha was corrected: what is restored takes its colours from the original. */

import { pixels } from "./pixels.js";

/** `cutout` and `original` are RGBA of one size, `alpha` is a byte a pixel; the original's own transparency stays. */
export function recut(cutout, alpha, original) {
  const { width, height, data: old } = cutout;
  if (original.width !== width || original.height !== height) throw new RangeError("the original is of another size");
  const result = pixels(width, height, 4, old.slice());
  const { data } = result;
  for (let i = 0, at = 0; i < alpha.length; i++, at += 4) {
    const wanted = Math.min(alpha[i], original.data[at + 3]);
    const had = old[at + 3];
    if (wanted === had) continue;
    data[at + 3] = wanted;
    // An edge's colours are the subject's own, estimated; the more of it is restored, the less there is to estimate.
    const restored = wanted === 0 ? 0 : wanted > had ? (wanted - had) / (255 - had) : 0;
    for (let c = at; c < at + 3; c++) {
      data[c] = wanted === 0 ? 0 : had === 0 ? original.data[c] : old[c] + restored * (original.data[c] - old[c]);
    }
  }
  return result;
}
