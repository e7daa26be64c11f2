/** What leaves the page as the options have it now: a file, all of them, a copy, a command. */

import { hasKey } from "./api.js";
import { curlCommand } from "./curl.js";
import { extensionOf, finished } from "./dressing.js";
import { options } from "./state.js";
import { copyImage, save, saveAll } from "./takeaway.js";

const WHITE = [255, 255, 255];

/** What an image's result is called. */
export function nameOf(image, recipe = options.recipe()) {
  return image.output(recipe.mask ? "mask" : "cutout", extensionOf(recipe));
}

/** An image whose result is made for itself: what is shown may be replaced while it is made. */
function apart({ cut, file }) {
  return { cut, file };
}

/** The result at full size, `{name, blob}`; made again where the options change meanwhile. */
async function fileOf(image) {
  for (;;) {
    const made = await finished(image, options.recipe());
    if (made) return { name: nameOf(image), blob: made.blob };
  }
}

export async function saveOne(image) {
  const { name, blob } = await fileOf(image);
  save(blob, name);
  image.isSaved = true;
}

/** Save several as one ZIP, as the options are now; `onProgress(count)` is called before each. */
export async function saveTogether(images, onProgress) {
  const recipe = options.recipe();
  const files = [];
  for (const image of images) {
    onProgress(files.length);
    if (!image.cut) continue; // removed, or being cut out again
    const { blob } = await finished(apart(image), recipe, "zip");
    files.push({ name: nameOf(image, recipe), blob });
  }
  await saveAll(files, "cutouts.zip");
  for (const image of images) image.isSaved = true;
}

/** Copy the result, as a PNG: clipboards take no other. */
export async function copyResult(image) {
  const recipe = { ...options.recipe(), format: "png" };
  if (options.recipe().format === "jpeg") recipe.background ??= WHITE;
  const making = finished(apart(image), recipe, "copy");
  await copyImage(making.then(({ blob }) => blob));
  image.isSaved = true;
}

/** The curl command that makes the same. */
export function commandOf(image) {
  const url = new URL("cutout", document.baseURI).href;
  return curlCommand(url, [...image.fields(), ...options.fields()], nameOf(image), hasKey());
}
