/** The sentences that tell how an image stands. */

import * as i18n from "./i18n.js";
import { t } from "./i18n.js";

/** Problems that the page's own sentence says all of: the server's would only say it again, in English. */
const SAY_ALL = new Set(
  "unauthorized key_rejected unsupported_format undecodable_image empty_image overloaded too_slow internal_error".split(" "),
);

/** Have it said to readers who do not see the page. */
export function say(text) {
  document.getElementById("live").textContent = text;
}

export function stageTexts(image) {
  const { name, result } = image;
  return {
    state: stateOf(image),
    before: t("original.of", { name }),
    after: t(result?.isMask ? "mask.of" : "cutout.of", { name }),
    map: t("map.of", { name }),
    slider: (share) => t("slider.value", { percent: i18n.percent(share) }),
  };
}

export function stateOf({ status, sent, seconds, result, cut }) {
  if (status !== "done") return t(`state.${status}`, { percent: i18n.percent(sent), seconds });
  if (!result || result.draft) return t("state.composing");
  const { width, height, blob } = result;
  return t("facts", { width, height, bytes: i18n.bytes(blob.size), time: i18n.seconds(cut.took) });
}

export function noteOn({ status, cut, url, trouble }) {
  if (status !== "done") return "";
  if (trouble) return reason(trouble);
  if (!cut.found) return t("no.subject");
  if (cut.dropped) return t("frames.dropped", { count: cut.dropped });
  return url ? "" : t("cannot.show");
}

export function methodTexts(insight) {
  if (insight?.problem) return { verdict: reason(insight.problem), meter: "" };
  if (!insight?.verdict) return { verdict: t("method.waiting"), meter: "" };
  const { label, probability, threshold } = insight.verdict;
  return {
    verdict: t("method.verdict", { label: t(`method.${label}`) }),
    meter: t("method.meter", { percent: i18n.percent(probability), threshold: i18n.percent(threshold) }),
  };
}

export function reason(problem) {
  const key = `problem.${problem.code}`;
  return t(i18n.has(key) ? key : "problem.other");
}

/** The server's sentence, where it says more than the page's own. */
export function detailOf({ code, detail }) {
  return SAY_ALL.has(code) ? "" : detail;
}
