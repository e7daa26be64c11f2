/** From a full-size cut-out to what was asked for, the same pixels as the server's `cutout/finishing.py` within a level. */

import { laid, layoutOf } from "./arrange.js";
import { blurFilled } from "./blur.js";
import { channel, part, pixels } from "./pixels.js";
import { resize } from "./resize.js";
import { rint } from "./rounding.js";
import { outlined, shadowed } from "./under.js";

const WHITE = [255, 255, 255];
const SEEN = 25; // up to this alpha, the background is what an image shows

/**
 * Finish a cut-out (RGBA). `recipe`: `{mask, crop, margin, size, canvas, outline, shadow, background, behind, blur,
 * format}`, of which `behind` is RGBA pixels here; for a blur, `original` is the image itself, RGBA as large as the
 * cut-out. Answers `{image, region}`; `region` is the part of the cut-out that is shown.
 */
export function compose(cutout, recipe, original) {
  const layout = layoutOf(cutout, recipe);
  const image = dressed(laid(cutout, layout), recipe, cutout);
  const { region } = layout;
  if (recipe.mask) return { image: channel(image, 3), region };
  if (!recipe.blur) return { image: on(image, recipe), region };
  return { image: over(image, blurFilled(laid(ground(cutout, original), layout), recipe.blur)), region };
}

/** With its outline and its shadow; never in the memory of `source`, which others use too. */
function dressed(image, { outline, shadow }, source) {
  if (!outline && !shadow) return image;
  if (image.data === source.data) image = pixels(image.width, image.height, 4, image.data.slice());
  if (outline) image = outlined(image, outline.width, outline.color);
  return shadow ? shadowed(image, shadow) : image;
}

/** What is seen of the background: the original where nothing is cut out. */
function ground({ width, height, data }, original) {
  const seen = pixels(width, height, 4);
  const from = new Uint32Array(original.data.buffer, original.data.byteOffset, width * height);
  const to = new Uint32Array(seen.data.buffer);
  for (let i = 0, alpha = 3; i < to.length; i++, alpha += 4) if (data[alpha] <= SEEN) to[i] = from[i];
  for (let alpha = 3; alpha < data.length; alpha += 4) if (data[alpha] <= SEEN) seen.data[alpha] = 255;
  return seen;
}

function on(image, { background, behind, format }) {
  if (behind) return over(image, covering(opaque(behind, background ?? WHITE), image));
  if (background) return over(image, filled(image, background));
  return format === "jpeg" ? over(image, filled(image, WHITE)) : image;
}

/** Scaled to cover, and cut to the middle. */
function covering(behind, { width, height }) {
  const ratio = Math.max(width / behind.width, height / behind.height);
  const columns = Math.min(behind.width, Math.max(1, rint(width / ratio)));
  const rows = Math.min(behind.height, Math.max(1, rint(height / ratio)));
  const left = Math.floor((behind.width - columns) / 2);
  const top = Math.floor((behind.height - rows) / 2);
  return resize(part(behind, { left, top, width: columns, height: rows }), width, height);
}

function opaque(behind, color) {
  return over(behind, filled(behind, color));
}

function filled({ width, height }, [red, green, blue]) {
  const plain = pixels(width, height, 3);
  for (let i = 0; i < plain.data.length; i += 3) {
    plain.data[i] = red;
    plain.data[i + 1] = green;
    plain.data[i + 2] = blue;
  }
  return plain;
}

/** The cut-out over an opaque background (RGB), in the background's memory. */
function over({ data }, background) {
  const behind = background.data;
  for (let from = 0, to = 0; to < behind.length; from += 4, to += 3) {
    const alpha = data[from + 3];
    if (alpha === 0) continue;
    for (let c = 0; c < 3; c++) {
      behind[to + c] = alpha === 255 ? data[from + c] : behind[to + c] + ((data[from + c] - behind[to + c]) * alpha) / 255;
    }
  }
  return background;
}
