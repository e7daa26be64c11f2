/** The buttons by which results leave the page, and what they say meanwhile. */

import { t } from "./i18n.js";
import { copyResult, saveOne, saveTogether } from "./outgoing.js";
import { state, update } from "./state.js";
import { copy, save } from "./takeaway.js";
import { reason, say } from "./texts.js";

const SAID = 2000; // ms
const $ = (id) => document.getElementById(id);

let saving = false;

export function showActions() {
  const { images, selected, view } = state;
  const usable = images.filter(({ status }) => status !== "failed");
  const ready = done().length;
  const all = view === "all";
  $("download").hidden = all;
  $("download").disabled = selected?.status !== "done";
  $("download-all").hidden = usable.length < 2 && !all;
  $("download-all").classList.toggle("primary", all);
  $("download-all").disabled = saving || ready < usable.length || !ready;
  if (!saving) $("download-all").textContent = t("download.all", { count: usable.length });
  $("tally").hidden = images.length < 2 || ready === usable.length;
  $("tally").firstElementChild.max = usable.length;
  $("tally").firstElementChild.value = ready;
  $("tally-text").textContent = t("tally", { done: ready, count: usable.length });
}

function done() {
  return state.images.filter((image) => image.status === "done");
}

export async function download() {
  const image = state.selected;
  try {
    await saveOne(image);
  } catch (trouble) {
    update(image, { trouble });
  }
}

export async function downloadAll() {
  const ready = done();
  saving = true;
  try {
    await saveTogether(ready, (count) => {
      $("download-all").textContent = t("tally", { done: count, count: ready.length });
      showActions();
    });
    saving = false;
    showActions();
  } catch (problem) {
    saving = false;
    showActions();
    $("download-all").textContent = reason(problem); // until something else changes
    say(reason(problem));
  }
}

export async function copySelected() {
  const said = await copyResult(state.selected).then(() => "copied", () => "copy.failed");
  tell($("copy-image"), said, "copy.image");
}

export async function copyCommand() {
  await copy($("curl"));
  tell($("copy"), "copied", "copy.curl");
}

/** The mask that says what the reader corrected. */
export function saveTrimap() {
  const { trimap } = state.selected;
  save(trimap, trimap.name);
}

/** Say something on a button for a moment. */
function tell(button, key, usual) {
  button.textContent = t(key);
  say(t(key));
  setTimeout(() => (button.textContent = t(usual)), SAID);
}

/** Ask before the page is left with something on it that was not taken away. */
export function guard(event) {
  if (state.images.some(({ status, isSaved }) => status !== "failed" && !isSaved)) event.preventDefault();
}
