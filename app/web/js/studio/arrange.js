/** Where a cut-out comes to lie: the part that is shown, its size, its place on a canvas. */

import { part, pasted } from "./pixels.js";
import { resizeCutout } from "./resize.js";
import { rint } from "./rounding.js";
import { subjectBox } from "./subject.js";

/**
 * The layout of a recipe: `{box, width, height, canvas, left, top, region}`. The part of the cut-out in `box` is brought
 * to width x height and, if there is a canvas, put on it at (left, top); `region` is all of the cut-out that is shown.
 */
export function layoutOf(cutout, { crop, margin, size, canvas, outline }) {
  const subject = crop ? subjectBox(cutout) : null;
  const whole = { left: 0, top: 0, width: cutout.width, height: cutout.height };
  if (canvas) return onCanvas(subject ?? whole, margin, canvas, subject ? (outline?.width ?? 0) : 0);
  if (!subject) return { box: whole, ...limited(whole, size), region: whole };
  const box = grown(subject, rint(margin * Math.max(subject.width, subject.height)));
  const room = outline?.width ?? 0;
  const inner = limited(box, size && Math.max(1, size - 2 * room));
  const region = grown(box, rint((room * box.width) / inner.width));
  return { box: region, width: inner.width + 2 * room, height: inner.height + 2 * room, region };
}

/** An image of the cut-out's size (RGBA), laid out. */
export function laid(image, { box, width, height, canvas, left, top }) {
  const whole = !box.left && !box.top && box.width === image.width && box.height === image.height;
  const shown = resizeCutout(whole ? image : part(image, box), width, height);
  return canvas ? pasted(shown, canvas, left, top) : shown;
}

/** In the middle of a canvas, as large as the margin, a share of each side, and the outline let it be. */
function onCanvas(box, margin, canvas, line) {
  const room = (side) => Math.max(1, side - 2 * (rint(margin * side) + line));
  const ratio = Math.min(room(canvas.width) / box.width, room(canvas.height) / box.height);
  const width = Math.max(1, rint(box.width * ratio));
  const height = Math.max(1, rint(box.height * ratio));
  const left = Math.floor((canvas.width - width) / 2);
  const top = Math.floor((canvas.height - height) / 2);
  const region = {
    left: box.left - left / ratio,
    top: box.top - top / ratio,
    width: canvas.width / ratio,
    height: canvas.height / ratio,
  };
  return { box, width, height, canvas, left, top, region };
}

function grown({ left, top, width, height }, room) {
  return { left: left - room, top: top - room, width: width + 2 * room, height: height + 2 * room };
}

/** Width and height with a longer side of at most `longest`; never larger. */
function limited({ width, height }, longest) {
  const ratio = longest / Math.max(width, height);
  if (!longest || ratio >= 1) return { width, height };
  return { width: Math.max(1, rint(width * ratio)), height: Math.max(1, rint(height * ratio)) };
}
