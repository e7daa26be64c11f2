/** The large view of one picture: before and after, or the map of its parts. */

import { showProgress } from "./film.js";

const PARTS = "frame before after original map slider busy trouble state".split(" ");

export class Stage {
  constructor(root) {
    this.root = root;
    for (const id of PARTS) this[id] = root.querySelector(`#${id}`);
    this.slider.addEventListener("input", () => this.slide());
  }

  /** Show a picture as it stands; `texts` are its sentences, `map` its canvas of parts where that is what to see. */
  show(picture, { texts, map }) {
    const { result, status } = picture;
    const failed = status === "failed";
    this.texts = texts;
    this.root.dataset.status = status;
    this.trouble.hidden = !failed;
    this.frame.hidden = failed || !(result || picture.url);
    this.busy.hidden = status === "done" || failed;
    showProgress(this.busy.firstElementChild, picture, texts.state);
    this.state.textContent = texts.state;
    if (this.frame.hidden) return;
    this.fit(map ?? result ?? picture);
    this.showPictures(picture, texts);
    this.showMap(map, texts);
    this.slide();
  }

  showPictures(picture, texts) {
    const { result, url } = picture;
    const region = result ? result.region : whole(picture);
    this.frame.dataset.mode = !result ? "before" : region && url ? "both" : "after";
    set(this.after, result?.url, texts.after);
    set(this.original, region ? url : undefined, texts.before);
    if (region) crop(this.original, region, picture);
    if (result && !picture.seen) this.settle();
    picture.seen ||= Boolean(result);
  }

  showMap(map, texts) {
    this.frame.toggleAttribute("data-map", Boolean(map));
    this.map.hidden = !map;
    if (!map) return;
    this.map.width = map.width;
    this.map.height = map.height;
    this.map.getContext("2d").drawImage(map, 0, 0);
    this.map.setAttribute("aria-label", texts.map);
  }

  fit({ width, height }) {
    this.frame.style.setProperty("--width", width || 4);
    this.frame.style.setProperty("--height", height || 3);
  }

  /** The first look at a result starts from the original. */
  settle() {
    this.frame.classList.remove("settle");
    this.frame.style.setProperty("--cut", "100%");
    this.frame.getBoundingClientRect(); // makes the browser take the start of the transition
    this.frame.classList.add("settle");
    this.slider.value = 50;
  }

  slide() {
    const share = this.slider.value / 100;
    this.frame.style.setProperty("--cut", `${100 * share}%`);
    this.slider.setAttribute("aria-valuetext", this.texts.slider(share));
  }
}

/** Where the result lies in the upright original, in its pixels; a crop may reach beyond it. */
export function regionOf(picture, cropBox) {
  if (!cropBox) return whole(picture);
  const [left, top, width, height] = cropBox.split(",").map(Number);
  return { left, top, width, height };
}

function whole({ width, height }) {
  return width ? { left: 0, top: 0, width, height } : null;
}

function crop(image, region, picture) {
  image.style.setProperty("--zoom-x", picture.width / region.width);
  image.style.setProperty("--zoom-y", picture.height / region.height);
  image.style.setProperty("--left", region.left / picture.width);
  image.style.setProperty("--top", region.top / picture.height);
}

function set(box, url, text) {
  const image = box.querySelector?.("img") ?? box;
  image.alt = url ? text : "";
  if (!url) image.removeAttribute("src");
  else if (image.src !== url) image.src = url;
}
