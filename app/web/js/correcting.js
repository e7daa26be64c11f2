/** From a cut-out to one that the reader has corrected: the editor is fetched when it is first opened. */

import { dress } from "./composing.js";
import { state, update } from "./state.js";
import { alphaOf, bytesOf, greyOf, recutOf } from "./studio.js";

/** Let the reader correct an image's mask, and take over what they did. */
export async function correctMask(image, dialog) {
  const corrected = await correct(image, dialog);
  if (!corrected || !state.images.includes(image)) return;
  const { blob, found, trimap } = corrected;
  Object.assign(image, { trimap, isSaved: false });
  await image.accept(blob, { took: image.cut.took, found });
  update(image);
  await dress(image);
}

/**
 * The corrected cut-out, whether anything is left of it, and what is certain (a PNG: white is kept, black is dropped,
 * grey is open): `{blob, found, trimap}`, or null where nothing changed.
 */
async function correct(image, dialog) {
  const cut = { key: image.cut.key, blob: image.cut.blob };
  const { width, height } = image.cut;
  const [{ edit }, bitmap, alpha, trimap] = await Promise.all([
    import("./editor/editor.js"),
    createImageBitmap(image.file),
    alphaOf(cut),
    image.trimap && bytesOf(image.trimap),
    styled(),
  ]);
  const answer = await edit(dialog, { name: image.name, bitmap, width, height, alpha, trimap });
  if (!answer) return null;
  const found = answer.alpha.some((value) => value > 127);
  const blob = await recutOf(cut, answer.alpha, image.file);
  const certain = await greyOf(width, height, answer.trimap);
  return { blob, found, trimap: new File([certain], image.output("mask", "png"), { type: "image/png" }) };
}

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
