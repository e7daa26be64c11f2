/** READ FIRST: what the page does. Images come in, wait their turn, are cut out, are shown and saved. */

import { hasKey, models, post, Problem, useKey } from "./api.js";
import { curlCommand } from "./curl.js";
import { Film } from "./film.js";
import * as i18n from "./i18n.js";
import { t } from "./i18n.js";
import { intake } from "./intake.js";
import { ask, MethodCard } from "./method.js";
import { Options } from "./options.js";
import { Upload } from "./upload.js";
import { regionOf, Stage } from "./stage.js";
import { copy, save, saveAll } from "./takeaway.js";

const AT_ONCE = 2; // requests: the server has other guests
/** Problems that the page's own sentence says all of: the server's would only say it again, in English. */
const SAY_ALL = new Set(
  "unauthorized unsupported_format undecodable_image empty_image overloaded too_slow internal_error".split(" "),
);
const $ = (id) => document.getElementById(id);

let images = [];
let selected = null;
let running = 0;
let catalog = null; // the answer of GET /models

const stage = new Stage($("stage"));
const options = new Options($("options"), restartAll);
const film = new Film($("film"), $("tile"), { select, remove });
const card = new MethodCard($("method"), () => setView("parts"));

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
  pump();
}

function remove(image) {
  const place = images.indexOf(image);
  const wasFocused = $("work").contains(document.activeElement);
  image.close();
  images = images.filter((other) => other !== image);
  film.drop(image);
  if (selected === image) selected = images[Math.min(place, images.length - 1)] ?? null;
  render();
  if (wasFocused) selected ? film.focus(selected) : $("pick").focus();
  say(t("said.removed", { name: image.name }));
  pump();
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

// The work

function pump() {
  while (running < AT_ONCE) {
    const job = nextJob();
    if (!job) return;
    running++;
    job().finally(() => {
      running--;
      pump();
    });
  }
}

/** Cut-outs first, the one that is looked at before the others; then what the classifier says of it. */
function nextJob() {
  const waiting = [selected, ...images].find((image) => image?.status === "waiting");
  if (waiting) return () => cutOut(waiting);
  if (classifier() && selected?.status === "done" && !selected.insight) return () => explain(selected);
  return null;
}

async function cutOut(image) {
  const calls = (image.calls = new AbortController());
  const { isMask, extension, endpoint } = options;
  const began = performance.now();
  update(image, { status: "sending", sent: 0 });
  try {
    if (!image.file.size) throw new Problem("empty_file");
    const answer = await post(endpoint, [["file", image.file], ...options.fields()], {
      signal: calls.signal,
      onProgress: (sent) => update(image, sent < 1 ? { status: "sending", sent } : { status: "working" }),
      onWait: (seconds) => wait(image, seconds),
    });
    const took = performance.now() - began;
    const about = { isMask, extension, took, found: answer.header("X-Subject-Found") !== "false" };
    await image.accept(answer.blob, about, calls.signal);
    await image.looked;
    image.result.region = regionOf(image, answer.header("X-Crop-Box"));
    if (!calls.signal.aborted) finish(image);
  } catch (error) {
    if (!calls.signal.aborted) fail(image, error);
  }
}

function wait(image, seconds) {
  update(image, { status: "busy", seconds });
  say(t("said.busy", { name: image.name, seconds }));
}

function finish(image) {
  update(image, { status: "done" });
  say(t("said.done", { name: image.name }));
}

function fail(image, problem) {
  image.forget();
  update(image, { status: "failed", problem });
  say(t("said.failed", { name: image.name, why: reason(problem) }));
}

async function explain(image) {
  image.insight = {};
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
  pump();
}

let asked = options.fingerprint();

/** The options changed: everything is made anew, and what is there stays in sight until then. */
function restartAll() {
  render();
  if (options.fingerprint() === asked) return;
  asked = options.fingerprint();
  images.forEach(restart);
  pump();
}

function classifier() {
  return catalog?.models.find((model) => model.task === "classify")?.name;
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
  const { name, insight, result, problem } = selected;
  const parts = view() === "parts" && classifier();
  $("name").textContent = name;
  $("views").hidden = !classifier();
  $("scale").hidden = !(parts && insight?.map);
  const texts = stageTexts(selected);
  if (parts && result && !insight?.map) texts.state = methodTexts(insight).verdict;
  stage.show(selected, { texts, map: parts ? insight?.map : undefined });
  $("why").textContent = problem ? reason(problem) : "";
  $("detail").textContent = problem && !sayAll(problem) ? problem.detail : "";
  $("unlock").hidden = problem?.code !== "unauthorized";
  const note = noteOn(selected);
  $("note").textContent = note;
  $("note").hidden = !note;
  $("method").hidden = !classifier() || !result;
  card.show(insight, methodTexts(insight));
  $("curl").textContent = command(selected);
}

function stageTexts(image) {
  const { name, result } = image;
  return {
    state: stateOf(image),
    before: t("original.of", { name }),
    after: t(result?.isMask ? "mask.of" : "cutout.of", { name }),
    map: t("map.of", { name }),
    slider: (share) => t("slider.value", { percent: i18n.percent(share) }),
  };
}

function methodTexts(insight) {
  if (insight?.problem) return { verdict: reason(insight.problem), meter: "" };
  if (!insight?.verdict) return { verdict: t("method.waiting"), meter: "" };
  const { label, probability, threshold } = insight.verdict;
  return {
    verdict: t("method.verdict", { label: t(`method.${label}`) }),
    meter: t("method.meter", { percent: i18n.percent(probability), threshold: i18n.percent(threshold) }),
  };
}

function stateOf({ status, sent, seconds, result }) {
  if (status !== "done") return t(`state.${status}`, { percent: i18n.percent(sent), seconds });
  const { width, height, blob, took } = result;
  return t("facts", { width, height, bytes: i18n.bytes(blob.size), time: i18n.seconds(took) });
}

function noteOn({ status, result, url }) {
  if (status !== "done") return "";
  if (!result.found) return t("no.subject");
  return url ? "" : t("cannot.show");
}

function reason(problem) {
  const key = `problem.${problem.code}`;
  return t(i18n.has(key) ? key : "problem.other");
}

/** Where two images were sent, only the server's sentence tells which one is meant. */
function sayAll({ code }) {
  return SAY_ALL.has(code) && !options.fields().some(([name]) => name === "background_image");
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
  const { isMask, extension } = image.result ?? options;
  return image.output(isMask ? "mask" : "cutout", extension);
}

function command(image) {
  const url = new URL(options.endpoint, document.baseURI).href;
  const name = image.output(options.isMask ? "mask" : "cutout", options.extension);
  return curlCommand(url, [["file", image.file], ...options.fields()], name, hasKey());
}

function downloadAll() {
  saveAll(done().map((image) => ({ name: output(image), blob: image.result.blob })), "cutouts.zip");
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
  asked = options.fingerprint();
  render();
  pump();
}

i18n.translate();
render();
intake(take, $("veil"));
$("language").addEventListener("click", changeLanguage);
$("download").addEventListener("click", () => save(selected.result.blob, output(selected)));
$("download-all").addEventListener("click", downloadAll);
$("copy").addEventListener("click", copyCommand);
$("clear").addEventListener("click", removeAll);
$("example").addEventListener("click", takeExample);
$("unlock").addEventListener("submit", unlock);
$("again").addEventListener("click", () => (restart(selected), pump()));
$("away").addEventListener("click", () => remove(selected));
$("views").addEventListener("change", showSelected);
loadModels();
