/** From a cut-out to one that the reader has corrected: the editor is fetched when it is first opened. */

import { dress } from "./composing.js";
import { cutAgain } from "./cutting.js";
import { state, update } from "./state.js";
import { alphaOf, bytesOf, greyOf, recutOf } from "./studio.js";

/** Let the reader correct an image's mask, and take over what they did. */
export async function correctMask(image, dialog) {
  const { cut } = image;
  const corrected = await correct(image, cut, dialog);
  if (!corrected || !state.images.includes(image)) return;
  const { alpha, trimap } = corrected;
  Object.assign(image, { trimap, isSaved: false });
  // The options may have changed meanwhile: then the server cuts out what is certain now. So it does where the browser fails.
  const isThere = () => image.cut?.key === cut.key && image.status === "done";
  const blob = isThere() && (await recutOf(cut, alpha, image.file).catch(() => undefined));
  if (!blob || !isThere()) return cutAgain(image, image);
  const found = alpha.some((value) => value > 127);
  await image.accept(blob, { took: cut.took, inverted: cut.inverted, found });
  update(image);
  await dress(image);
}

/**
 * The corrected alpha, and what is certain (a PNG: white is kept, black is dropped, grey is open): `{alpha, trimap}`,
 * or null where nothing changed.
 */
async function correct(image, { key, blob, width, height, inverted }, dialog) {
  // The server is told of the subject, the reader sees what is kept: with `invert` that is the background.
  const turned = (levels) => (inverted ? levels?.map((level) => TURNED[level] ?? level) : levels);
  const [{ edit }, bitmap, alpha, trimap] = await Promise.all([
    import("./editor/editor.js"),
    createImageBitmap(image.file),
    alphaOf({ key, blob }),
    image.trimap && bytesOf(image.trimap),
    styled(),
  ]);
  const answer = await edit(dialog, { name: image.name, bitmap, width, height, alpha, trimap: turned(trimap) });
  if (!answer) return null;
  const certain = await greyOf(width, height, turned(answer.trimap));
  const name = image.output("corrections", "png");
  return { alpha: answer.alpha, trimap: new File([certain], name, { type: "image/png" }) };
}

const TURNED = { 0: 255, 255: 0 };

let style;

/** The editor's own style sheet, once it is there. */
function styled() {
  style ??= new Promise((resolve) => {
    const link = document.createElement("link");
    link.rel = "stylesheet";
    link.href = "assets/editor.css";
    link.onload = link.onerror = resolve;
    document.head.append(link);
  });
  return style;
}
