/** What the server does: once for an image, and again only where another mask is asked for. */

import { hasKey, post, Problem } from "./api.js";
import { attempt, dress, isLookedAt } from "./composing.js";
import { changesNothing, finished } from "./dressing.js";
import { t } from "./i18n.js";
import { Queue } from "./queue.js";
import { options, state, update, updateAll } from "./state.js";
import { reason, say } from "./texts.js";

const queue = new Queue(() => [state.selected, ...state.images].find((image) => image?.status === "waiting"), cutOut);

let asked = JSON.stringify(options.cutFields());

/** The options changed. What is there stays in sight until what is made again replaces it. */
export function apply() {
  options.remember();
  updateAll();
  const now = JSON.stringify(options.cutFields());
  if (now !== asked) {
    asked = now;
    state.images.forEach(restart);
    pump();
  } else if (state.selected) {
    dress(state.selected);
  }
}

/** The options say in other words what they said before: nothing is sent again. */
export function reworded() {
  const before = asked;
  asked = JSON.stringify(options.cutFields());
  for (const image of state.images) if (image.asked === before) image.asked = asked;
}

/** Whether an image was sent with the options that are set now. */
export function matchesOptions(image) {
  return image.asked === asked;
}

/** Send what waits, as the queue has room. */
export function pump() {
  queue.pump();
}

export function restart(image) {
  image.calls?.abort();
  update(image, { status: "waiting", sent: 0, problem: undefined });
}

/** Have the server cut an image out again, with other points and another box, or none. */
export function cutAgain(image, { points, box } = {}) {
  Object.assign(image, { points, box, isSaved: false });
  restart(image);
  pump();
}

async function cutOut(image) {
  const calls = (image.calls = new AbortController());
  const began = performance.now();
  image.asked = asked;
  const fields = options.cutFields();
  const inverted = fields.some(([name]) => name === "invert");
  update(image, { status: "sending", sent: 0 });
  try {
    if (!image.file.size) throw new Problem("empty_file");
    const answer = await post("cutout", [...image.fields(), ...fields], {
      signal: calls.signal,
      onProgress: (sent) => update(image, sent < 1 ? { status: "sending", sent } : { status: "working" }),
      onWait: (seconds) => wait(image, seconds),
    });
    const took = performance.now() - began;
    calls.signal.throwIfAborted();
    const found = answer.header("X-Subject-Found") !== "false";
    await image.accept(answer.blob, { took, found, inverted, dropped: Number(answer.header("X-Frames-Dropped")) });
    await image.looked;
    if (isLookedAt(image) || changesNothing(options.recipe(), image.cut)) await attempt(image, finished);
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
  dress(image); // the options may have changed meanwhile
}

function fail(image, problem) {
  image.forget();
  if (problem.code === "unauthorized" && hasKey()) problem.code = "key_rejected";
  update(image, { status: "failed", problem });
  say(t("said.failed", { name: image.name, why: reason(problem) }));
}
