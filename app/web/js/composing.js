/** Results as the options have them now: made in the browser, as a draft first, and shown. */

import { drafted, finished, glanced, keyOf } from "./dressing.js";
import { options, state, update } from "./state.js";

const CALM = 300; // ms without a change, after which a draft is made good

/** While a control moves: a draft, no more. */
export function preview() {
  const { selected } = state;
  if (selected?.status === "done" && isLookedAt(selected)) attempt(selected, drafted);
}

/** Finish an image as the options say. */
export async function dress(image) {
  if (isCurrent(image) && image.trouble) update(image, { trouble: undefined }); // of options that are no longer asked for
  if (image.status !== "done" || isCurrent(image) || !isLookedAt(image)) return;
  const recipe = keyOf(options.recipe());
  if (await attempt(image, drafted)) await pause(); // more changes may follow: the next draft shall not wait for this
  if (recipe === keyOf(options.recipe())) await attempt(image, finished);
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, CALM));
}

/** Make a result and show it; answers whether it did. */
export async function attempt(image, make) {
  const recipe = options.recipe();
  try {
    const made = await make(image, recipe);
    if (!made || made.key !== keyOf(options.recipe()) || isCurrent(image)) return false;
    await image.show(made);
    image.trouble = undefined;
  } catch (problem) {
    image.trouble = problem;
  }
  update(image);
  return !image.trouble;
}

/** Small copies for the grid, as long as it is in sight. */
export async function glance(image) {
  const recipe = options.recipe();
  const key = keyOf(recipe);
  const { cut } = image;
  if (state.view !== "all" || !cut || (image.glance?.key === key && image.glance.cut === cut.key)) return;
  if (image.glancing === `${cut.key} ${key}`) return;
  image.glancing = `${cut.key} ${key}`;
  const glance = await glanced(image, recipe).catch(() => undefined);
  if (!glance || image.cut?.key !== cut.key) return;
  image.glanceAt(glance);
  update(image);
}

/** Whether an image is shown large; in the grid, small copies are all that is seen. */
export function isLookedAt(image) {
  return image === state.selected && state.view !== "all";
}

/** Whether an image's result is what the options ask for, at full size. */
export function isCurrent({ status, cut, result }) {
  if (status === "failed") return true;
  return Boolean(cut && result && !result.draft && result.cut === cut.key && result.key === keyOf(options.recipe()));
}
