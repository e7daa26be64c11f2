/** READ FIRST: what the page does. Pictures come in, wait their turn, are cut out, are shown and saved. */

import { hasKey, models, post, Problem, useKey } from "./api.js";
import { curlCommand } from "./curl.js";
import { Film } from "./film.js";
import * as i18n from "./i18n.js";
import { t } from "./i18n.js";
import { intake } from "./intake.js";
import { ask, MethodCard } from "./method.js";
import { Options } from "./options.js";
import { Picture } from "./picture.js";
import { regionOf, Stage } from "./stage.js";
import { copy, save, saveAll } from "./takeaway.js";

const AT_ONCE = 2; // requests: the server has other guests
/** Problems that the page's own sentence says all of: the server's would only say it again, in English. */
const SAY_ALL = new Set(
  "unauthorized unsupported_format undecodable_picture empty_picture overloaded too_slow internal_error".split(" "),
);
const $ = (id) => document.getElementById(id);

let pictures = [];
let selected = null;
let running = 0;
let catalog = null; // the answer of GET /models

const stage = new Stage($("stage"));
const options = new Options($("options"), restartAll);
const film = new Film($("film"), $("tile"), { select, remove });
const card = new MethodCard($("method"), () => setView("parts"));

// Pictures in and out

function take(files) {
  if (!files.length) return;
  const added = files.map((file) => new Picture(file));
  pictures.push(...added);
  for (const picture of added) film.add(picture);
  say(t("said.added", { count: added.length }));
  const first = !selected;
  for (const picture of added) lookAt(picture);
  select(!selected || selected.status === "failed" ? added[0] : selected);
  if (first) $("name").focus();
}

let looking = Promise.resolve();

/** One after the other: a decoded photograph is large. */
function lookAt(picture) {
  looking = looking.then(async () => {
    if (pictures.includes(picture)) await picture.look();
    if (!pictures.includes(picture)) picture.close();
    update(picture);
  });
  picture.looked = looking;
}

function select(picture) {
  selected = picture;
  if (picture.insight?.problem) picture.insight = undefined; // a new look, a new try
  render();
  film.reveal(picture);
  pump();
}

function remove(picture) {
  const place = pictures.indexOf(picture);
  const wasFocused = $("work").contains(document.activeElement);
  picture.close();
  pictures = pictures.filter((other) => other !== picture);
  film.drop(picture);
  if (selected === picture) selected = pictures[Math.min(place, pictures.length - 1)] ?? null;
  render();
  if (wasFocused) selected ? film.focus(selected) : $("pick").focus();
  say(t("said.removed", { name: picture.name }));
  pump();
}

function removeAll() {
  for (const picture of pictures) {
    picture.close();
    film.drop(picture);
  }
  pictures = [];
  selected = null;
  render();
  $("pick").focus();
}

/** The picture that comes with the page. */
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
  const waiting = [selected, ...pictures].find((picture) => picture?.status === "waiting");
  if (waiting) return () => cutOut(waiting);
  if (classifier() && selected?.status === "done" && !selected.insight) return () => explain(selected);
  return null;
}

async function cutOut(picture) {
  const calls = (picture.calls = new AbortController());
  const { isMask, extension, endpoint } = options;
  const began = performance.now();
  update(picture, { status: "sending", sent: 0 });
  try {
    if (!picture.file.size) throw new Problem("empty_file");
    const answer = await post(endpoint, [["file", picture.file], ...options.fields()], {
      signal: calls.signal,
      onProgress: (sent) => update(picture, sent < 1 ? { status: "sending", sent } : { status: "working" }),
      onWait: (seconds) => wait(picture, seconds),
    });
    const took = performance.now() - began;
    const about = { isMask, extension, took, found: answer.header("X-Subject-Found") !== "false" };
    await picture.accept(answer.blob, about, calls.signal);
    await picture.looked;
    picture.result.region = regionOf(picture, answer.header("X-Crop-Box"));
    if (!calls.signal.aborted) finish(picture);
  } catch (error) {
    if (!calls.signal.aborted) fail(picture, error);
  }
}

function wait(picture, seconds) {
  update(picture, { status: "busy", seconds });
  say(t("said.busy", { name: picture.name, seconds }));
}

function finish(picture) {
  update(picture, { status: "done" });
  say(t("said.done", { name: picture.name }));
}

function fail(picture, problem) {
  picture.forget();
  update(picture, { status: "failed", problem });
  say(t("said.failed", { name: picture.name, why: reason(problem) }));
}

async function explain(picture) {
  picture.insight = {};
  try {
    await picture.looked;
    picture.insight = await ask(picture, classifier());
  } catch (problem) {
    picture.insight = { problem };
  }
  update(picture);
}

function restart(picture) {
  picture.calls?.abort();
  update(picture, { status: "waiting", sent: 0, problem: undefined });
}

/** With a key, what was refused for want of one is tried again. */
function unlock(event) {
  event.preventDefault();
  useKey(event.target.elements.key.value);
  loadModels();
  pictures.filter(({ problem }) => problem?.code === "unauthorized").forEach(restart);
  pump();
}

let asked = options.fingerprint();

/** The options changed: everything is made anew, and what is there stays in sight until then. */
function restartAll() {
  render();
  if (options.fingerprint() === asked) return;
  asked = options.fingerprint();
  pictures.forEach(restart);
  pump();
}

function classifier() {
  return catalog?.models.find((model) => model.task === "classify")?.name;
}

// What is seen

function update(picture, changes = {}) {
  Object.assign(picture, changes);
  if (!pictures.includes(picture)) return;
  showTile(picture);
  if (picture === selected) showSelected();
  showActions();
}

function render() {
  $("start").hidden = pictures.length > 0;
  $("work").hidden = pictures.length === 0;
  $("clear").hidden = pictures.length < 2;
  options.show({ percent: i18n.percent, choose: () => t("background.choose") });
  pictures.forEach(showTile);
  if (selected) showSelected();
  showActions();
}

function showTile(picture) {
  film.update(picture, {
    label: `${picture.name}: ${stateOf(picture)}`,
    removal: t("remove", { name: picture.name }),
    selected: picture === selected,
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

function stageTexts(picture) {
  const { name, result } = picture;
  return {
    state: stateOf(picture),
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

/** Where two pictures were sent, only the server's sentence tells which one is meant. */
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
  return pictures.filter((picture) => picture.status === "done");
}

function showActions() {
  const busy = pictures.some(({ status }) => status !== "done" && status !== "failed");
  $("download").disabled = selected?.status !== "done";
  const usable = pictures.filter(({ status }) => status !== "failed").length;
  $("download-all").hidden = usable < 2;
  $("download-all").disabled = busy;
  $("download-all").textContent = t("download.all", { count: usable });
}

function output(picture) {
  const { isMask, extension } = picture.result ?? options;
  return picture.output(isMask ? "mask" : "cutout", extension);
}

function command(picture) {
  const url = new URL(options.endpoint, document.baseURI).href;
  const name = picture.output(options.isMask ? "mask" : "cutout", options.extension);
  return curlCommand(url, [["file", picture.file], ...options.fields()], name, hasKey());
}

function downloadAll() {
  saveAll(done().map((picture) => ({ name: output(picture), blob: picture.result.blob })), "cutouts.zip");
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
