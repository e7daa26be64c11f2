/** Calls to the server: progress while sending, patience while it is busy, problems (RFC 9457) as errors. */

const BUSY = new Set([429, 503]);
const MAX_TRIES = 12;
const MAX_WAIT = 30;

let key = "";

/** Send this key with every call from now on, as UTF-8. */
export function useKey(text) {
  key = String.fromCharCode(...new TextEncoder().encode(text));
}

export function hasKey() {
  return key !== "";
}

/** `code` is the problem's, or one of this page's: `key_rejected`, `network`, `unreadable_file`, `empty_file`, `undecodable_answer`; `detail` is the server's sentence, in English. */
export class Problem extends Error {
  constructor(code, detail = "") {
    super(detail || code);
    this.code = code;
    this.detail = detail;
  }

  get wantsKey() {
    return this.code === "unauthorized" || this.code === "key_rejected";
  }
}

/** The models that are loaded: `{models, default_for_masks, default_for_predict}`. */
export async function models() {
  return JSON.parse(await (await call("GET", "models")).blob.text());
}

/**
 * POST fields, `[name, text or File]`, as a form. Answers `{blob, header(name)}`; throws Problem, or AbortError.
 * `onProgress(share)` tells how much is sent; `onWait(seconds)`, that the server asked to come back later.
 */
export async function post(path, fields, { signal, onProgress, onWait } = {}) {
  const form = new FormData();
  for (const [name, value] of fields) form.append(name, value);
  try {
    return await call("POST", path, form, { signal, onProgress, onWait });
  } catch (error) {
    if (error.code === "network" && !(await readable(fields))) throw new Problem("unreadable_file");
    throw error;
  }
}

async function call(method, path, body, { signal, onProgress, onWait } = {}) {
  for (let tries = 1; ; tries++) {
    const request = await exchange(method, path, body, signal, onProgress);
    if (request.status >= 200 && request.status < 300) {
      return { blob: request.response, header: (name) => request.getResponseHeader(name) };
    }
    if (!BUSY.has(request.status) || tries === MAX_TRIES) throw await problem(request);
    const wait = patience(request.getResponseHeader("Retry-After"), tries);
    onWait?.(wait);
    await pause(wait, signal);
  }
}

/** One request; only XMLHttpRequest tells how much of a body is sent. */
function exchange(method, path, body, signal, onProgress) {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = () => request.abort();
    request.open(method, path);
    request.responseType = "blob";
    if (key) request.setRequestHeader("X-Api-Key", key);
    request.upload.onprogress = (event) => event.lengthComputable && onProgress?.(event.loaded / event.total);
    request.onload = () => resolve(request);
    request.onerror = () => reject(new Problem("network"));
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal?.removeEventListener("abort", abort);
    signal?.addEventListener("abort", abort);
    request.send(body);
  });
}

/** A file that was moved or changed since it was picked makes a request fail just as a lost connection does. */
async function readable(fields) {
  try {
    for (const [, value] of fields) if (value instanceof File) await value.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}

async function problem(request) {
  try {
    const { code, detail } = JSON.parse(await request.response.text());
    return new Problem(code ?? "other", detail);
  } catch {
    return new Problem("other", `${request.status} ${request.statusText}`.trim());
  }
}

/** Seconds to wait: what the server asks for, and longer each time, so that many pages don't come back at once. */
function patience(retryAfter, tries) {
  const asked = Number(retryAfter) || (Date.parse(retryAfter) - Date.now()) / 1000 || 1;
  return Math.min(MAX_WAIT, Math.max(1, Math.ceil(asked)) * Math.min(tries, 5));
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, 1000 * seconds);
    signal?.addEventListener("abort", stop);
    function done() {
      signal?.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}
