/** What is seen: the page as a whole, the strip and the grid of images; and where the focus goes. */

import { showActions } from "./actions.js";
import { remove, removeAll, select, take } from "./album.js";
import { dress, glance } from "./composing.js";
import { percent, t } from "./i18n.js";
import { setView, showSelected } from "./selected.js";
import { classifier, options, screen, state } from "./state.js";
import { stateOf } from "./texts.js";
import { Film, Grid } from "./tiles.js";

const $ = (id) => document.getElementById(id);

const film = new Film($("film"), $("tile"), { select, remove: removeOne });
const grid = new Grid($("grid"), $("cell"), { select: open, remove: removeOne });

Object.assign(screen, { showImage, showAll, reveal: (image) => film.reveal(image) });

export function showAll() {
  const { images, selected } = state;
  $("start").hidden = images.length > 0;
  $("work").hidden = images.length === 0;
  $("clear").hidden = images.length < 2;
  showViews();
  film.arrange(images);
  grid.arrange(images);
  options.show({ percent, choose: () => t("background.choose") });
  images.forEach(showTile);
  if (selected) showSelected();
  showActions();
}

function showImage(image) {
  showTile(image);
  if (image === state.selected) showSelected();
  showActions();
}

function showTile(image) {
  const texts = { label: `${image.name}: ${stateOf(image)}`, removal: t("remove", { name: image.name }) };
  film.update(image, { ...texts, selected: image === state.selected });
  grid.update(image, texts);
  glance(image);
}

/** Which of the views there are, and which one it is. */
function showViews() {
  const count = state.images.length;
  if (count < 2 && state.view === "all") state.view = "result";
  const all = state.view === "all";
  document.querySelector(`[name=view][value=${state.view}]`).checked = true;
  $("view-parts").hidden = !classifier();
  $("view-all").hidden = count < 2;
  $("views").hidden = !classifier() && count < 2;
  $("work").classList.toggle("all", all);
  $("grid").hidden = !all;
  $("stage").hidden = $("film").hidden = all;
  $("name").textContent = all ? t("images.count", { count }) : (state.selected?.name ?? "");
}

export function changeView({ target }) {
  state.view = target.value;
  showAll();
  dress(state.selected);
}

// What moves the focus

export function takeIn(files) {
  const isFirst = !state.selected;
  take(files);
  if (isFirst && state.selected) $("name").focus();
}

/** From the grid to one of its images. */
function open(image) {
  setView("result");
  select(image);
  $("name").focus();
}

export function removeOne(image) {
  const wasFocused = $("work").contains(document.activeElement);
  remove(image);
  if (!wasFocused) return;
  const { selected, view } = state;
  if (!selected) $("pick").focus();
  else (view === "all" ? grid : film).focus(selected);
}

export function removeEvery() {
  removeAll();
  $("pick").focus();
}
