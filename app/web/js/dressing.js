/** Results made from cut-outs as the options say, here in the browser: at once as a draft, then at full size. */

import { Problem } from "./api.js";
import { composed } from "./studio.js";

const DRAFTED_FROM = 1_500_000; // pixels; a smaller cut-out is finished as fast as drafted

/** The same for every recipe that makes the same result. */
export function keyOf(recipe) {
  const { behind } = recipe;
  return JSON.stringify({ ...recipe, behind: behind && [behind.name, behind.size, behind.lastModified] });
}

/**
 * The full-size result of an image, `{blob, width, height, region, key, cut, isMask}`: made once for a cut-out and a
 * recipe. Answers undefined where a newer one is asked for meanwhile in the same `lane`.
 */
export function finished(image, recipe, lane = "full") {
  const { cut, full } = image;
  const about = { key: keyOf(recipe), cut: cut.key, isMask: recipe.mask };
  if (full?.key === about.key && full.cut === about.cut) return full.making;
  const result = changesNothing(recipe, cut) ? untouched(cut) : made(image, recipe, "full", `${lane} ${cut.key}`);
  const making = result.then((result) => result && { ...about, ...result });
  const kept = (image.full = { ...about, making });
  const forget = () => image.full === kept && (image.full = undefined); // the next one may try again
  making.then((result) => result ?? forget(), forget);
  return making;
}

/** The result in a hurry and at the size of a screen; undefined where that is no faster, or a newer one is asked for. */
export async function drafted(image, recipe) {
  const { cut } = image;
  if (cut.width * cut.height < DRAFTED_FROM || changesNothing(recipe, cut)) return undefined;
  const result = await made(image, recipe, "draft", "draft");
  return result && { key: keyOf(recipe), cut: cut.key, isMask: recipe.mask, draft: true, ...result };
}

/** Whether a cut-out is the result as it stands. */
export function changesNothing(recipe, { width, height }) {
  const { mask, crop, size, canvas, outline, shadow, background, behind, blur, format } = recipe;
  const smaller = size && size < Math.max(width, height);
  const dressed = outline || shadow || background || behind || blur;
  return !(mask || crop || smaller || canvas || dressed || format !== "png");
}

export function extensionOf({ format }) {
  return format === "jpeg" ? "jpg" : format;
}

/** A small copy of the result, for the grid. */
export async function glanced(image, recipe) {
  const { cut } = image;
  const result = await made(image, recipe, "thumb", `thumb ${cut.key}`);
  return result && { key: keyOf(recipe), cut: cut.key, blob: result.blob };
}

async function untouched({ blob, width, height }) {
  return { blob, width, height, region: { left: 0, top: 0, width, height } };
}

async function made({ cut, file }, recipe, detail, lane) {
  const how = { lane, urgent: detail === "draft", file };
  try {
    return await composed({ key: cut.key, blob: cut.blob }, recipe, detail, how);
  } catch (error) {
    throw new Problem("not_composed", error.message);
  }
}
