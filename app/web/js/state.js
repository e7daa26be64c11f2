/** What the page holds: its images, which of them is looked at and how, the options; and who shows it. */

import { Options } from "./options.js";

export const options = new Options(document.getElementById("options"));

export const state = {
  images: [],
  selected: null,
  view: "result", // of the selected one; or "parts", or "all" images
  catalog: null, // the answer of GET /models
};

/** What shows an image, all of them, and brings one into sight; `screen.js` puts itself here. */
export const screen = { showImage() {}, showAll() {}, reveal() {} };

/** An image changed. */
export function update(image, changes = {}) {
  Object.assign(image, changes);
  if (state.images.includes(image)) screen.showImage(image);
}

/** Which images there are changed, or which one is looked at, or the options. */
export function updateAll() {
  screen.showAll();
}

/** The classifier's name, if one is loaded. */
export function classifier() {
  return state.catalog?.models.find((model) => model.task === "classify")?.name;
}
