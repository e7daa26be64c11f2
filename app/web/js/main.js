/** READ FIRST: what the page does. Images come in, are sent once and cut out, are dressed here, and taken away. */

import { hasKey, models, post, Problem, useKey } from "./api.js";
import { correct } from "./correcting.js";
import { curlCommand } from "./curl.js";
import { changesNothing, drafted, extensionOf, finished, keyOf } from "./dressing.js";
import { Film } from "./film.js";
import * as i18n from "./i18n.js";
import { t } from "./i18n.js";
import { intake } from "./intake.js";
import { ask, MethodCard } from "./method.js";
import { Options } from "./options.js";
import { Queue } from "./queue.js";
import { Stage } from "./stage.js";
import { copy, save, saveAll } from "./takeaway.js";
import { detailOf, methodTexts, noteOn, reason, stageTexts, stateOf } from "./texts.js";
import { Upload } from "./upload.js";

const $ = (id) => document.getElementById(id);

let images = [];
let selected = null;
let catalog = null; // the answer of GET /models

const stage = new Stage($("stage"));
const options = new Options($("options"), { onInput: preview, onChange: apply });
const film = new Film($("film"), $("tile"), { select, remove });
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
  for (const image of added) lookAt(image);
  select(!selected || selected.status === "failed" ? added[0] : selected);
  if (first) $("name").focus();
}

let looking = Promise.resolve();

/** One after the other: a decoded photograph is large. */
function lookAt(image) {
  looking = looking.then(async () => {
    if (images.includes(image)) await image.look();
    if (!images.includes(image)) image.close();
    update(image);
  });
  image.looked = looking;
}

function select(image) {
  selected = image;
  if (image.insight?.problem) image.insight = undefined; // a new look, a new try
  render();
  film.reveal(image);
  dress(image);
  queue.pump();
}

function remove(image) {
  const place = images.indexOf(image);
  const wasFocused = $("work").contains(document.activeElement);
  image.close();
  images = images.filter((other) => other !== image);
  film.drop(image);
  if (selected === image) selected = images[Math.min(place, images.length - 1)] ?? null;
  render();
  if (selected) dress(selected);
  if (wasFocused) selected ? film.focus(selected) : $("pick").focus();
  say(t("said.removed", { name: image.name }));
  queue.pump();
}

function removeAll() {
  for (const image of images) {
    image.close();
    film.drop(image);
  }
  images = [];
  selected = null;
  render();
  $("pick").focus();
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
    await image.accept(answer.blob, { took, found: answer.header("X-Subject-Found") !== "false" });
    await image.looked;
    if (image === selected || changesNothing(options.recipe(), image.cut)) await attempt(image, finished);
    if (!calls.signal.aborted) finish(image);
  } catch (error) {
    if (!calls.signal.aborted) fail(image, error);
  }
}

/** What is sent: corrections go along, so that another model keeps them. */
function cutFields(image) {
  const mask = image.trimap ? [["mask", image.trimap]] : [];
  return [["file", image.file], ...mask, ...options.cutFields()];
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
  images.filter(({ problem }) => problem?.code === "unauthorized").forEach(restart);
  queue.pump();
}

function classifier() {
  return catalog?.models.find((model) => model.task === "classify")?.name;
}

// What the page does itself

let asked = JSON.stringify(options.cutFields());

/** The options changed. What is there stays in sight until what is made anew replaces it. */
function apply() {
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
  await attempt(image, drafted);
  await attempt(image, finished);
}

async function attempt(image, make) {
  const recipe = options.recipe();
  try {
    const made = await make(image, recipe);
    if (!made || made.key !== keyOf(options.recipe()) || isCurrent(image)) return;
    await image.show(made);
    image.trouble = undefined;
  } catch (problem) {
    image.trouble = problem;
  }
  update(image);
}

function isCurrent({ status, cut, result }) {
  if (status === "failed") return true;
  return Boolean(cut && result && !result.draft && result.cut === cut.key && result.key === keyOf(options.recipe()));
}

// What the reader does: correcting a mask

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
  image.trimap = trimap;
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
  options.show({ percent: i18n.percent, choose: () => t("background.choose") });
  images.forEach(showTile);
  if (selected) showSelected();
  showActions();
}

function showTile(image) {
  film.update(image, {
    label: `${image.name}: ${stateOf(image)}`,
    removal: t("remove", { name: image.name }),
    selected: image === selected,
  });
}

function showSelected() {
  const { name, insight, cut, problem } = selected;
  const parts = view() === "parts" && classifier();
  $("name").textContent = name;
  $("views").hidden = !classifier();
  $("scale").hidden = !(parts && insight?.map);
  const texts = stageTexts(selected);
  if (parts && cut && !insight?.map) texts.state = methodTexts(insight).verdict;
  stage.show(selected, { texts, map: parts ? insight?.map : undefined, busy: !isCurrent(selected) });
  $("why").textContent = problem ? reason(problem) : "";
  $("detail").textContent = problem ? detailOf(problem) : "";
  $("unlock").hidden = problem?.code !== "unauthorized";
  const note = noteOn(selected);
  $("note").textContent = note;
  $("note").hidden = !note;
  $("method").hidden = !classifier() || !cut;
  card.show(insight, methodTexts(insight));
  $("correct").hidden = !(selected.status === "done" && selected.url && !parts);
  $("trimap").hidden = !selected.trimap;
  $("curl").textContent = command(selected);
  if (parts && selected.status === "done") explain(selected);
}

function view() {
  return document.querySelector("[name=view]:checked").value;
}

function setView(value) {
  document.querySelector(`[name=view][value=${value}]`).checked = true;
  showSelected();
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
  const busy = images.some(({ status }) => status !== "done" && status !== "failed");
  $("download").disabled = selected?.status !== "done";
  const usable = images.filter(({ status }) => status !== "failed").length;
  $("download-all").hidden = usable < 2;
  $("download-all").disabled = busy;
  $("download-all").textContent = t("download.all", { count: usable });
}

function output(image) {
  const recipe = options.recipe();
  return image.output(recipe.mask ? "mask" : "cutout", extensionOf(recipe));
}

/** The file as the options have it now, `{name, blob}`. */
async function file(image) {
  for (;;) {
    const made = await finished(image, options.recipe());
    if (made) return { name: output(image), blob: made.blob };
  }
}

async function download() {
  const { name, blob } = await file(selected);
  save(blob, name);
}

async function downloadAll() {
  const files = [];
  for (const image of done()) files.push(await file(image));
  saveAll(files, "cutouts.zip");
}

function command(image) {
  const url = new URL("cutout", document.baseURI).href;
  const mask = image.trimap ? [["mask", image.trimap]] : [];
  return curlCommand(url, [["file", image.file], ...mask, ...options.fields()], output(image), hasKey());
}

async function copyCommand() {
  await copy($("curl"));
  $("copy").textContent = t("copied");
  say(t("copied"));
  setTimeout(() => ($("copy").textContent = t("copy.curl")), 2000);
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
intake(take, $("veil"));
$("language").addEventListener("click", changeLanguage);
$("download").addEventListener("click", download);
$("download-all").addEventListener("click", downloadAll);
$("copy").addEventListener("click", copyCommand);
$("correct").addEventListener("click", correctSelected);
$("save-trimap").addEventListener("click", () => save(selected.trimap, selected.trimap.name));
$("clear").addEventListener("click", removeAll);
$("example").addEventListener("click", takeExample);
$("unlock").addEventListener("submit", unlock);
$("again").addEventListener("click", () => (restart(selected), queue.pump()));
$("away").addEventListener("click", () => remove(selected));
$("views").addEventListener("change", showSelected);
loadModels();
