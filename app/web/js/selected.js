/** The image that is looked at: its result, how it stands, and what can be done with it. */

import { boxInImage, Chooser, inImage } from "./choosing.js";
import { isCurrent } from "./composing.js";
import { correctMask } from "./correcting.js";
import { cutAgain } from "./cutting.js";
import { t } from "./i18n.js";
import { explain, MethodCard } from "./method.js";
import { commandOf } from "./outgoing.js";
import { Stage } from "./stage.js";
import { classifier, state, updateAll } from "./state.js";
import { canCopyImages } from "./takeaway.js";
import { detailOf, methodTexts, noteOn, reason, say, stageTexts } from "./texts.js";

const $ = (id) => document.getElementById(id);

const MAX_POINTS = 32; // of the option `points`

const stage = new Stage($("stage"));
const chooser = new Chooser($("points"), {
  choose: choosePoint,
  enclose: chooseBox,
  keeps: () => $("choose-keeps").checked,
});
const card = new MethodCard($("method"), {
  ask: () => explain(state.selected),
  enlarge: () => setView("parts"),
});

let choosing = null; // the image of which a click says what is meant

/** Look at the result, at the map of its parts, or at all images. */
export function setView(view) {
  state.view = view;
  if (!state.selected) return;
  updateAll();
  $("stage").scrollIntoView({ block: "nearest" });
}

export function showSelected() {
  const image = state.selected;
  const { status, insight, cut, url } = image;
  const parts = Boolean(state.view === "parts" && classifier());
  const isDone = status === "done" && !parts;
  if (choosing !== image) choosing = null;
  showStage(image, parts);
  showProblem(image);
  $("method").hidden = !classifier() || !cut || state.view === "all";
  card.show(insight, methodTexts(insight));
  showChoosing(image);
  $("correct").hidden = !(isDone && url);
  $("copy-image").hidden = !(isDone && canCopyImages);
  $("trimap").hidden = !image.trimap;
  $("curl").textContent = commandOf(image);
  if (parts && status === "done") explain(image);
}

function showStage(image, parts) {
  const { insight, cut } = image;
  const map = parts ? insight?.map : undefined;
  const texts = stageTexts(image);
  if (parts && cut && !map) texts.state = methodTexts(insight).verdict;
  stage.show(image, { texts, map, busy: !isCurrent(image) });
  $("scale").hidden = !map;
}

function showProblem(image) {
  const { problem } = image;
  $("why").textContent = problem ? reason(problem) : "";
  $("detail").textContent = problem ? detailOf(problem) : "";
  $("unlock").hidden = !problem?.wantsKey;
  $("unlock").elements.key.setAttribute("aria-invalid", problem?.code === "key_rejected");
  const note = noteOn(image);
  $("note").textContent = note;
  $("note").hidden = !note || state.view === "all";
}

// Choosing the subject

function showChoosing(image) {
  const { status, result, cut, points = [], box } = image;
  const can = Boolean(result && cut) && status !== "failed" && state.view === "result";
  const now = choosing === image && can;
  $("choose").hidden = !can;
  $("choose").setAttribute("aria-pressed", now);
  $("points").hidden = $("choose-hint").hidden = !now;
  $("choose-all").hidden = !(points.length || box);
  $("frame").toggleAttribute("data-choosing", now);
  if (now) chooser.show({ points, box }, result.region);
}

export function toggleChoosing() {
  choosing = choosing ? null : state.selected;
  showSelected();
  if (choosing) $("points").focus();
}

function choosePoint(point) {
  const { cut, result, points = [], box } = state.selected;
  if (points.length >= MAX_POINTS) say(t("said.points.most", { count: MAX_POINTS }));
  else if (cut && result) cutAgain(state.selected, { points: [...points, inImage(point, result.region, cut)], box });
}

function chooseBox(from, to) {
  const { cut, result, points } = state.selected;
  const box = cut && result && boxInImage(from, to, result.region, cut);
  if (box) cutAgain(state.selected, { points, box });
}

// Correcting the mask

export async function correctSelected() {
  $("correct").disabled = true;
  try {
    await correctMask(state.selected, $("editor"));
  } catch {
    say(t("edit.failed"));
  } finally {
    $("correct").disabled = false;
    $("correct").focus(); // where the dialog would give it back to, were the button not disabled
  }
}
