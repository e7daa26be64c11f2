/** READ FIRST: what the page does. Images come in, are sent once and cut out, are dressed here, and taken away. */

import { copyCommand, copySelected, download, downloadAll, guard, saveTrimap } from "./actions.js";
import { models, useKey } from "./api.js";
import { preview } from "./composing.js";
import { apply, cutAgain, pump, restart, reworded } from "./cutting.js";
import * as i18n from "./i18n.js";
import { t } from "./i18n.js";
import { example, intake } from "./intake.js";
import { nameOf } from "./outgoing.js";
import { changeView, removeEvery, removeOne, showAll, takeIn } from "./screen.js";
import { correctSelected, toggleChoosing } from "./selected.js";
import { options, state } from "./state.js";
import { draggedOutAs } from "./takeaway.js";
import { reason, say } from "./texts.js";

const $ = (id) => document.getElementById(id);
const on = (id, kind, act) => $(id).addEventListener(kind, act);

async function changeLanguage() {
  await i18n.switchLanguage();
  offerModels();
  showAll();
}

function offerModels() {
  if (state.catalog) options.offer(state.catalog, (name) => t("model.default", { name }));
}

async function loadModels() {
  try {
    state.catalog = await models();
  } catch (problem) {
    return say(reason(problem)); // the page works without: the server's default model it is
  }
  offerModels();
  // An image may have been sent before there was a model to choose: to the default one.
  if (options.cutFields().some(([name]) => name === "model")) apply();
  else reworded();
  showAll();
}

/** With a key, what was refused for want of one is tried again. */
function unlock(event) {
  event.preventDefault();
  useKey(event.target.elements.key.value);
  loadModels();
  state.images.filter(({ problem }) => problem?.wantsKey).forEach(restart);
  pump();
}

i18n.translate();
showAll();
intake(takeIn, $("drop-overlay"));
on("example", "click", async () => takeIn([await example()]));
on("language", "click", changeLanguage);
on("views", "change", changeView);
on("clear", "click", removeEvery);

on("options", "input", preview);
on("options", "change", apply);
on("download", "click", download);
on("download-all", "click", downloadAll);

on("correct", "click", correctSelected);
on("choose", "click", toggleChoosing);
on("choose-all", "click", () => cutAgain(state.selected));
on("copy-image", "click", copySelected);
on("again", "click", () => cutAgain(state.selected, state.selected));
on("away", "click", () => removeOne(state.selected));
on("unlock", "submit", unlock);
on("copy", "click", copyCommand);
on("save-trimap", "click", saveTrimap);

addEventListener("beforeunload", guard);
draggedOutAs($("after"), () => nameOf(state.selected));
loadModels();
