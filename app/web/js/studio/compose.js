/** From a full-size cut-out to what was asked for, the same pixels as the server's `cutout/finishing.py` within a level. */

import { channel, part, pasted, pixels } from "./pixels.js";
import { resize, resizeCutout } from "./resize.js";
import { rint } from "./rounding.js";
import { subjectBox } from "./subject.js";

const WHITE = [255, 255, 255];

/**
 * Finish a cut-out (RGBA). `recipe`: `{mask, crop, margin, size, canvas, background, behind, format}`, of which
 * `behind` is RGBA pixels here. Answers `{image, region}`; `region` is the part of the cut-out that is shown.
 */
export function compose(cutout, recipe) {
  const { image, region } = arrange(cutout, recipe);
  return { image: recipe.mask ? channel(image, 3) : dress(image, recipe), region };
}

function arrange(cutout, { crop, margin, size, canvas }) {
  const subject = crop ? subjectBox(cutout) : null;
  if (canvas) return onCanvas(cutout, subject ?? { left: 0, top: 0, ...sizeOf(cutout) }, margin, canvas);
  const region = subject ? grown(subject, margin) : { left: 0, top: 0, ...sizeOf(cutout) };
  const cropped = subject ? part(cutout, region) : cutout;
  const { width, height } = limited(cropped, size);
  return { image: resizeCutout(cropped, width, height), region };
}

/** A box of the cut-out in the middle of a canvas, as large as the margin (a share of each side) lets it be. */
function onCanvas(cutout, box, margin, canvas) {
  const room = (side) => Math.max(1, side - 2 * rint(margin * side));
  const ratio = Math.min(room(canvas.width) / box.width, room(canvas.height) / box.height);
  const width = Math.max(1, rint(box.width * ratio));
  const height = Math.max(1, rint(box.height * ratio));
  const left = Math.floor((canvas.width - width) / 2);
  const top = Math.floor((canvas.height - height) / 2);
  const image = pasted(resizeCutout(part(cutout, box), width, height), canvas, left, top);
  const region = {
    left: box.left - left / ratio,
    top: box.top - top / ratio,
    width: canvas.width / ratio,
    height: canvas.height / ratio,
  };
  return { image, region };
}

function sizeOf({ width, height }) {
  return { width, height };
}

function grown({ left, top, width, height }, margin) {
  const room = rint(margin * Math.max(width, height));
  return { left: left - room, top: top - room, width: width + 2 * room, height: height + 2 * room };
}

/** Width and height with a longer side of at most `longest`; never larger. */
function limited({ width, height }, longest) {
  const ratio = longest / Math.max(width, height);
  if (!longest || ratio >= 1) return { width, height };
  return { width: Math.max(1, rint(width * ratio)), height: Math.max(1, rint(height * ratio)) };
}

function dress(image, { background, behind, format }) {
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
