/** The page's language: the reader's choice, else the browser's. The texts of the other are fetched when it is chosen. */

const LANGUAGES = { en: () => import("./en.js"), "zh-CN": () => import("./zh.js") };
const STORED = "cutout.language";

let language = chosen() ?? preferred(navigator.languages);
let texts = await textsOf(language);

/** The text of `key` with `{name}` filled in. */
export function t(key, values = {}) {
  return texts[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function has(key) {
  return key in texts;
}

/** Put every text in its place: `data-t` is an element's text, `data-t-label` its accessible name, `data-t-title` its hint, `data-t-group` a group's. */
export function translate(root = document) {
  document.documentElement.lang = language;
  document.title = t("title");
  for (const element of root.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of root.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
  }
  for (const group of root.querySelectorAll("[data-t-group]")) group.label = t(group.dataset.tGroup);
  for (const element of root.querySelectorAll("[data-t-title]")) element.title = t(element.dataset.tTitle);
}

export async function switchLanguage() {
  const other = language === "en" ? "zh-CN" : "en";
  texts = await textsOf(other);
  language = other;
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the page.
  }
  translate();
}

async function textsOf(language) {
  return (await LANGUAGES[language]()).default;
}

export function percent(share) {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function seconds(milliseconds) {
  const unit = milliseconds < 1000 ? "millisecond" : "second";
  const value = unit === "second" ? milliseconds / 1000 : Math.round(milliseconds);
  return number(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: 1 });
}

export function bytes(count) {
  const unit = count < 1e6 ? "kilobyte" : "megabyte";
  const value = count / (unit === "megabyte" ? 1e6 : 1e3);
  return number(value, { style: "unit", unit, unitDisplay: "short", maximumFractionDigits: value < 10 ? 1 : 0 });
}

export function number(value, options) {
  return new Intl.NumberFormat(language, options).format(value);
}

function chosen() {
  try {
    const stored = localStorage.getItem(STORED);
    return stored in LANGUAGES ? stored : undefined;
  } catch {
    return undefined;
  }
}

function preferred(tags) {
  for (const tag of tags) {
    if (/^zh\b/i.test(tag)) return "zh-CN";
    if (/^en\b/i.test(tag)) return "en";
  }
  return "en";
}
