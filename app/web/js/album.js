/** Images in and out: taken, looked at, removed, and back again. */

import { dress } from "./composing.js";
import { matchesOptions, pump, restart } from "./cutting.js";
import { t } from "./i18n.js";
import { Removals } from "./removals.js";
import { screen, state, update, updateAll } from "./state.js";
import { say } from "./texts.js";
import { Upload } from "./upload.js";

const GRID_FROM = 7; // images that come at once: more than a look at each

const removals = new Removals(document.getElementById("toast"), restore);

export function take(files) {
  if (!files.length) return;
  const added = files.map((file) => new Upload(file));
  state.images.push(...added);
  say(t("said.added", { count: added.length }));
  const { selected } = state;
  if (!selected && added.length >= GRID_FROM) state.view = "all";
  for (const image of added) lookAt(image);
  select(!selected || selected.status === "failed" ? added[0] : selected);
}

let looking = Promise.resolve();

/** One after the other: a decoded photograph is large. */
function lookAt(image) {
  looking = looking.then(async () => {
    if (state.images.includes(image)) await image.look();
    update(image);
  });
  image.looked = looking;
}

export function select(image) {
  state.selected = image;
  if (image.insight?.problem) image.insight = undefined; // a new look, a new try
  updateAll();
  screen.reveal(image);
  dress(image);
  pump();
}

export function remove(image) {
  const place = state.images.indexOf(image);
  takeOut([image], t("said.removed", { name: image.name }));
  const { images, selected } = state;
  if (!images.includes(selected)) state.selected = images[Math.min(place, images.length - 1)] ?? null;
  updateAll();
  if (state.selected) dress(state.selected);
  pump();
}

export function removeAll() {
  takeOut(state.images, t("said.removed.all", { count: state.images.length }));
  state.selected = null;
  updateAll();
}

/** Take images out; as long as the notice of it is in sight they can come back. */
function takeOut(some, text) {
  const removed = some.map((image) => ({ image, place: state.images.indexOf(image) }));
  for (const image of some) image.calls?.abort();
  state.images = state.images.filter((image) => !some.includes(image));
  removals.keep(removed, text);
  say(text);
}

function restore(removed) {
  for (const { image, place } of removed) {
    state.images.splice(place, 0, image);
    if (!image.url) lookAt(image); // its turn came while it was away
    if (!["done", "failed"].includes(image.status) || !matchesOptions(image)) restart(image);
  }
  say(t("said.restored", { count: removed.length }));
  select(removed[0].image);
}
