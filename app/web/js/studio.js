/** The way to the worker that composes results: one job at a time, the urgent ones first, none that is out of date. */

let worker;
let count = 0;
let current = null; // the job that the worker is at
let waiting = [];

/**
 * Finish a cut-out `{key, blob}` by a recipe (`studio/compose.js`): `{blob, width, height, region}`. `detail` is full,
 * draft or thumb; `file` is the original. A newer job of the same `lane` replaces one that still waits, which then answers undefined.
 */
export function composed(cut, recipe, detail, { lane, urgent = false, file }) {
  return ask("compose", { cut, recipe, detail, file }, { lane, urgent });
}

/** The alpha of a cut-out, a byte a pixel. */
export function alphaOf(cut) {
  return ask("alpha", { cut }, { lane: `alpha ${cut.key}`, urgent: true });
}

/** The bytes of a grey PNG (a Blob). */
export function bytesOf(blob) {
  return ask("bytes", { blob }, { lane: "bytes", urgent: true });
}

/** A grey PNG (a Blob) of a byte a pixel. */
export function greyOf(width, height, data) {
  return ask("grey", { width, height, data }, { lane: "grey", urgent: true });
}

/** A cut-out with another alpha, as a PNG (a Blob); `file` is the original. */
export function recutOf(cut, alpha, file) {
  return ask("recut", { cut, alpha, file }, { lane: `recut ${cut.key}`, urgent: true });
}

/** Forget a cut-out. */
export function dropped(key) {
  if (worker) ask("drop", { key }, { lane: `drop ${key}`, urgent: true });
}

function ask(call, given, { lane, urgent }) {
  return new Promise((resolve, reject) => {
    waiting.filter((job) => job.lane === lane).forEach((job) => job.resolve(undefined));
    waiting = waiting.filter((job) => job.lane !== lane);
    waiting.push({ id: ++count, call, given, lane, urgent, resolve, reject });
    next();
  });
}

function next() {
  if (current || !waiting.length) return;
  current = waiting.find(({ urgent }) => urgent) ?? waiting[0];
  waiting = waiting.filter((job) => job !== current);
  worker ??= started();
  const { id, call, given } = current;
  worker.postMessage({ id, call, given });
}

function started() {
  const fresh = new Worker(trusted(new URL("studio/worker.js", import.meta.url).href), { type: "module" });
  fresh.addEventListener("message", ({ data }) => settle(data));
  fresh.addEventListener("error", (event) => {
    event.preventDefault();
    fresh.terminate();
    worker = undefined; // out of memory, say: the next job gets a new one
    settle({ error: event.message || "the worker stopped" });
  });
  return fresh;
}

function settle({ value, error }) {
  const { resolve, reject } = current;
  current = null;
  if (error === undefined) resolve(value);
  else reject(new Error(error));
  next();
}

/** The page's policy has scripts named through a policy of their own; this is the only one, for an address of ours. */
function trusted(address) {
  if (!self.trustedTypes) return address;
  return trustedTypes.createPolicy("studio", { createScriptURL: (url) => url }).createScriptURL(address);
}
