/** READ FIRST: what the page does. Images come in, are sent once and cut out, are dressed here, and taken away. */

import { hasKey, models, post, Problem, useKey } from "./api.js";
import { boxInImage, Chooser, inImage } from "./choosing.js";
import { correct } from "./correcting.js";
import { changesNothing, drafted, finished, glanced, keyOf } from "./dressing.js";
import { Film } from "./film.js";
import { Grid } from "./grid.js";
import * as i18n from "./i18n.js";
import { t } from "./i18n.js";
import { intake } from "./intake.js";
import { ask, MethodCard } from "./method.js";
import { Options } from "./options.js";
import { Outgoing } from "./outgoing.js";
import { Queue } from "./queue.js";
import { Removals } from "./removals.js";
import { Stage } from "./stage.js";
import { canCopyImages, copy, draggedOutAs, save } from "./takeaway.js";
import { detailOf, methodTexts, noteOn, reason, stageTexts, stateOf } from "./texts.js";
import { Upload } from "./upload.js";

const CALM = 300; // ms without a change, after which a draft is made good
const GRID_FROM = 7; // images that come at once: more than a look at each
const $ = (id) => document.getElementById(id);

let images = [];
let selected = null;
let choosing = false; // whether a click on the result says what is meant
let catalog = null; // the answer of GET /models

const stage = new Stage($("stage"));
const options = new Options($("options"), { onInput: preview, onChange: apply });
const film = new Film($("film"), $("tile"), { select, remove });
const grid = new Grid($("grid"), $("cell"), { select: open, remove });
const chooser = new Chooser($("points"), {
  choose: choosePoint,
  enclose: chooseBox,
  keeps: () => $("choose-keeps").checked,
});
const outgoing = new Outgoing(options);
const removals = new Removals($("toast"), restore);
const card = new MethodCard($("method"), { ask: () => explain(selected), enlarge: () => setView("parts") });
const queue = new Queue(() => [selected, ...images].find((image) => image?.status === "waiting"), cutOut);

// Images in and out

function take(files) {
  if (!files.length) return;
  const added = files.map((file) => new Upload(file));
  images.push(...added);
  for (const image of added) film.add(image);
  say(t("said.added", { count: added.length }));
  const first = !selected;
  if (first && added.length >= GRID_FROM) setView("all");
  for (const image of added) lookAt(image);
  select(!selected || selected.status === "failed" ? added[0] : selected);
  if (first) $("name").focus();
}

let looking = Promise.resolve();

/** One after the other: a decoded photograph is large. */
function lookAt(image) {
  looking = looking.then(async () => {
    if (images.includes(image)) await image.look();
    update(image);
  });
  image.looked = looking;
}

function select(image) {
  if (image !== selected) choosing = false;
  selected = image;
  if (image.insight?.problem) image.insight = undefined; // a new look, a new try
  render();
  film.reveal(image);
  dress(image);
  queue.pump();
}

/** From the grid to one of its images. */
function open(image) {
  setView("result");
  select(image);
  $("name").focus();
}

function remove(image) {
  const wasFocused = $("work").contains(document.activeElement);
  const place = images.indexOf(image);
  takeOut([image], t("said.removed", { name: image.name }));
  if (selected === image || !images.includes(selected)) selected = images[Math.min(place, images.length - 1)] ?? null;
  render();
  if (selected) dress(selected);
  if (wasFocused) selected ? (view() === "all" ? grid : film).focus(selected) : $("pick").focus();
  queue.pump();
}

function removeAll() {
  takeOut(images, t("said.removed.all", { count: images.length }));
  selected = null;
  render();
  $("pick").focus();
}

/** Take images out; as long as the notice of it is in sight they can come back. */
function takeOut(some, text) {
  const removed = some.map((image) => ({ image, place: images.indexOf(image) }));
  for (const image of some) {
    image.calls?.abort();
    film.drop(image);
  }
  images = images.filter((image) => !some.includes(image));
  removals.keep(removed, text);
  say(text);
}

function restore(removed) {
  for (const { image, place } of removed) {
    film.add(image, images[place]);
    images.splice(place, 0, image);
    if (image.status !== "done" && image.status !== "failed") restart(image);
  }
  say(t("said.restored", { count: removed.length }));
  select(removed[0].image);
}

/** The image that comes with the page. */
async function takeExample() {
  const answer = await fetch("assets/example.jpg");
  take([new File([await answer.blob()], "cat.jpg", { type: "image/jpeg" })]);
}

// What the server does: once for an image, and again only where another mask is asked for

async function cutOut(image) {
  const calls = (image.calls = new AbortController());
  const began = performance.now();
  update(image, { status: "sending", sent: 0 });
  try {
    if (!image.file.size) throw new Problem("empty_file");
    const answer = await post("cutout", cutFields(image), {
      signal: calls.signal,
      onProgress: (sent) => update(image, sent < 1 ? { status: "sending", sent } : { status: "working" }),
      onWait: (seconds) => wait(image, seconds),
    });
    const took = performance.now() - began;
    calls.signal.throwIfAborted();
    const found = answer.header("X-Subject-Found") !== "false";
    await image.accept(answer.blob, { took, found, dropped: Number(answer.header("X-Frames-Dropped")) });
    await image.looked;
    if (image === selected || changesNothing(options.recipe(), image.cut)) await attempt(image, finished);
    if (!calls.signal.aborted) finish(image);
  } catch (error) {
    if (!calls.signal.aborted) fail(image, error);
  }
}

/** What is sent: corrections go along, so that another model keeps them, and the points that say what is meant. */
function cutFields(image) {
  return [...image.fields(), ...options.cutFields()];
}

function wait(image, seconds) {
  update(image, { status: "busy", seconds });
  say(t("said.busy", { name: image.name, seconds }));
}

function finish(image) {
  update(image, { status: "done" });
  say(t("said.done", { name: image.name }));
  if (image === selected) dress(image); // the options may have changed meanwhile
}

function fail(image, problem) {
  image.forget();
  if (problem.code === "unauthorized" && hasKey()) problem.code = "key_rejected";
  update(image, { status: "failed", problem });
  say(t("said.failed", { name: image.name, why: reason(problem) }));
}

/** Ask the classifier, which nobody else does. */
async function explain(image) {
  if (image.insight || !image.cut || !classifier()) return;
  update(image, { insight: {} });
  try {
    await image.looked;
    image.insight = await ask(image, classifier());
  } catch (problem) {
    image.insight = { problem };
  }
  update(image);
}

function restart(image) {
  image.calls?.abort();
  update(image, { status: "waiting", sent: 0, problem: undefined });
}

/** With a key, what was refused for want of one is tried again. */
function unlock(event) {
  event.preventDefault();
  useKey(event.target.elements.key.value);
  loadModels();
  images.filter(({ problem }) => problem?.wantsKey).forEach(restart);
  queue.pump();
}

function classifier() {
  return catalog?.models.find((model) => model.task === "classify")?.name;
}

// What the page does itself

let asked = JSON.stringify(options.cutFields());

/** The options changed. What is there stays in sight until what is made again replaces it. */
function apply() {
  options.remember();
  render();
  const now = JSON.stringify(options.cutFields());
  if (now !== asked) {
    asked = now;
    images.forEach(restart);
    queue.pump();
  } else if (selected) {
    dress(selected);
  }
}

/** While a control moves: a draft, no more. */
function preview() {
  if (selected?.status === "done") attempt(selected, drafted);
}

/** Finish an image as the options say. */
async function dress(image) {
  if (image.status !== "done" || isCurrent(image)) return;
  const recipe = keyOf(options.recipe());
  if (await attempt(image, drafted)) await pause(); // more changes may follow: the next draft shall not wait for this
  if (recipe === keyOf(options.recipe())) await attempt(image, finished);
}

function pause() {
  return new Promise((resolve) => setTimeout(resolve, CALM));
}

/** Make a result and show it; answers whether it did. */
async function attempt(image, make) {
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
async function glance(image) {
  const recipe = options.recipe();
  const key = keyOf(recipe);
  const { cut } = image;
  if (view() !== "all" || !cut || (image.glance?.key === key && image.glance.cut === cut.key)) return;
  if (image.glancing === `${cut.key} ${key}`) return;
  image.glancing = `${cut.key} ${key}`;
  const glance = await glanced(image, recipe).catch(() => undefined);
  if (!glance || image.cut?.key !== cut.key) return;
  image.glanceAt(glance);
  showTile(image);
}

function isCurrent({ status, cut, result }) {
  if (status === "failed") return true;
  return Boolean(cut && result && !result.draft && result.cut === cut.key && result.key === keyOf(options.recipe()));
}

// What the reader does: choosing the subject, correcting a mask

function toggleChoosing() {
  choosing = !choosing;
  showSelected();
  if (choosing) $("points").focus();
}

function choosePoint(point) {
  const { cut, result, points = [], box } = selected;
  if (cut && result) cutAgain(selected, { points: [...points, inImage(point, result.region, cut)], box });
}

function chooseBox(from, to) {
  const { cut, result, points } = selected;
  const box = cut && result && boxInImage(from, to, result.region, cut);
  if (box) cutAgain(selected, { points, box });
}

/** Have the server cut an image out again, with other points and another box, or none. */
function cutAgain(image, { points, box } = {}) {
  Object.assign(image, { points, box, isSaved: false });
  restart(image);
  queue.pump();
}

async function correctSelected() {
  const image = selected;
  $("correct").disabled = true;
  try {
    const corrected = await correct(image, $("editor"));
    if (corrected && images.includes(image)) await takeCorrection(image, corrected);
  } catch {
    say(t("edit.failed"));
  } finally {
    $("correct").disabled = false;
  }
}

async function takeCorrection(image, { blob, found, trimap }) {
  Object.assign(image, { trimap, isSaved: false });
  await image.accept(blob, { took: image.cut.took, found });
  update(image);
  await dress(image);
}

// What is seen

function update(image, changes = {}) {
  Object.assign(image, changes);
  if (!images.includes(image)) return;
  showTile(image);
  if (image === selected) showSelected();
  showActions();
}

function render() {
  $("start").hidden = images.length > 0;
  $("work").hidden = images.length === 0;
  $("clear").hidden = images.length < 2;
  if (images.length < 2 && view() === "all") choose("result");
  grid.arrange(images);
  options.show({ percent: i18n.percent, choose: () => t("background.choose") });
  images.forEach(showTile);
  if (selected) showSelected();
  showActions();
}

function showTile(image) {
  if (!images.includes(image)) return;
  const texts = { label: `${image.name}: ${stateOf(image)}`, removal: t("remove", { name: image.name }) };
  film.update(image, { ...texts, selected: image === selected });
  grid.update(image, texts);
  glance(image);
}

function showSelected() {
  const { name, insight, cut, problem } = selected;
  const parts = view() === "parts" && classifier();
  const all = view() === "all";
  $("work").classList.toggle("all", all);
  $("grid").hidden = !all;
  for (const id of ["stage", "film"]) $(id).hidden = all;
  $("name").textContent = all ? t("images.count", { count: images.length }) : name;
  $("view-parts").hidden = !classifier();
  $("view-all").hidden = images.length < 2;
  $("views").hidden = !classifier() && images.length < 2;
  $("scale").hidden = !(parts && insight?.map);
  const texts = stageTexts(selected);
  if (parts && cut && !insight?.map) texts.state = methodTexts(insight).verdict;
  stage.show(selected, { texts, map: parts ? insight?.map : undefined, busy: !isCurrent(selected) });
  $("why").textContent = problem ? reason(problem) : "";
  $("detail").textContent = problem ? detailOf(problem) : "";
  $("unlock").hidden = !problem?.wantsKey;
  $("unlock").elements.key.setAttribute("aria-invalid", problem?.code === "key_rejected");
  const note = noteOn(selected);
  $("note").textContent = note;
  $("note").hidden = !note || all;
  $("method").hidden = !classifier() || !cut || all;
  card.show(insight, methodTexts(insight));
  $("correct").hidden = !(selected.status === "done" && selected.url && !parts);
  showChoosing(selected);
  $("copy-image").hidden = !(selected.status === "done" && canCopyImages && !parts);
  $("trimap").hidden = !selected.trimap;
  $("curl").textContent = outgoing.command(selected);
  if (parts && selected.status === "done") explain(selected);
}

function showChoosing({ status, result, cut, points = [], box }) {
  const can = Boolean(result && cut) && status !== "failed" && view() === "result";
  const now = choosing && can;
  $("choose").hidden = !can;
  $("choose").setAttribute("aria-pressed", now);
  $("points").hidden = $("choose-hint").hidden = !now;
  $("choose-all").hidden = !(points.length || box);
  $("frame").toggleAttribute("data-choosing", now);
  if (now) chooser.show({ points, box }, result.region);
}

function view() {
  return document.querySelector("[name=view]:checked").value;
}

function choose(value) {
  document.querySelector(`[name=view][value=${value}]`).checked = true;
}

function setView(value) {
  choose(value);
  if (!selected) return;
  render();
  $("stage").scrollIntoView({ block: "nearest" });
}

function say(text) {
  $("live").textContent = text;
}

// What is taken away

function done() {
  return images.filter((image) => image.status === "done");
}

function showActions() {
  const usable = images.filter(({ status }) => status !== "failed");
  const ready = done().length;
  const all = view() === "all";
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

async function download() {
  const image = selected;
  try {
    await outgoing.download(image);
  } catch (trouble) {
    update(image, { trouble });
  }
}

let saving = false;

async function downloadAll() {
  const ready = done();
  saving = true;
  try {
    await outgoing.downloadAll(ready, (count) => {
      $("download-all").textContent = t("tally", { done: count, count: ready.length });
      showActions();
    });
  } catch (problem) {
    say(reason(problem));
  }
  saving = false;
  showActions();
}

async function copySelected() {
  const said = await outgoing.copy(selected).then(() => "copied", () => "copy.failed");
  tell($("copy-image"), said, "copy.image");
}

/** Say something on a button for a moment. */
function tell(button, key, usual) {
  button.textContent = t(key);
  say(t(key));
  setTimeout(() => (button.textContent = t(usual)), 2000);
}

/** Ask before the page is left with something on it that was not taken away. */
function guard(event) {
  if (images.some(({ status, isSaved }) => status !== "failed" && !isSaved)) event.preventDefault();
}

async function copyCommand() {
  await copy($("curl"));
  tell($("copy"), "copied", "copy.curl");
}

// The start

function changeLanguage() {
  i18n.switchLanguage();
  offerModels();
  render();
}

function offerModels() {
  if (catalog) options.offer(catalog, (name) => t("model.default", { name }));
}

async function loadModels() {
  try {
    catalog = await models();
  } catch (problem) {
    return say(reason(problem)); // the page works without: the server's default model it is
  }
  offerModels();
  asked = JSON.stringify(options.cutFields());
  render();
}

i18n.translate();
render();
intake(take, $("drop-overlay"));
$("language").addEventListener("click", changeLanguage);
$("download").addEventListener("click", download);
$("download-all").addEventListener("click", downloadAll);
$("copy").addEventListener("click", copyCommand);
$("correct").addEventListener("click", correctSelected);
$("save-trimap").addEventListener("click", () => save(selected.trimap, selected.trimap.name));
$("clear").addEventListener("click", removeAll);
$("example").addEventListener("click", takeExample);
$("unlock").addEventListener("submit", unlock);
$("again").addEventListener("click", () => cutAgain(selected));
$("choose").addEventListener("click", toggleChoosing);
$("choose-all").addEventListener("click", () => cutAgain(selected));
$("away").addEventListener("click", () => remove(selected));
$("views").addEventListener("change", render);
$("copy-image").addEventListener("click", copySelected);
addEventListener("beforeunload", guard);
draggedOutAs($("after"), () => outgoing.name(selected));
loadModels();
