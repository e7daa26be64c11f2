/** The large view of one image: before and after, or the map of its parts. */

import { showProgress } from "./tiles.js";

const PARTS = "frame before after original map slider busy trouble state".split(" ");

export class Stage {
  constructor(root) {
    this.root = root;
    for (const id of PARTS) this[id] = root.querySelector(`#${id}`);
    this.slider.addEventListener("input", () => this.slide());
  }

  /** Show an image as it stands; `texts` are its sentences, `map` its canvas of parts where that is what to see; `busy` where better is to come. */
  show(image, { texts, map, busy }) {
    const { result, status } = image;
    const failed = status === "failed";
    this.texts = texts;
    this.root.dataset.status = status;
    this.root.setAttribute("aria-busy", busy);
    this.trouble.hidden = !failed;
    this.frame.hidden = failed || !(result || image.url);
    this.busy.hidden = status === "done" || failed;
    showProgress(this.busy.firstElementChild, image, texts.state);
    this.state.textContent = texts.state;
    if (this.frame.hidden) return;
    this.fit(map ?? result ?? image);
    this.showImages(image, texts);
    this.showMap(map, texts);
    this.slide();
  }

  showImages(image, texts) {
    const { result, url } = image;
    const region = result ? result.region : whole(image);
    this.frame.dataset.mode = !result ? "before" : url ? "both" : "after";
    set(this.after, result?.url, texts.after);
    set(this.original, url, texts.before);
    if (url) crop(this.original, region, image);
    if (result && !image.seen) this.settle();
    image.seen ||= Boolean(result);
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

function whole({ width, height }) {
  return { left: 0, top: 0, width, height };
}

function crop(image, region, whole) {
  image.style.setProperty("--zoom-x", whole.width / region.width);
  image.style.setProperty("--zoom-y", whole.height / region.height);
  image.style.setProperty("--left", region.left / whole.width);
  image.style.setProperty("--top", region.top / whole.height);
}

function set(box, url, text) {
  const image = box.querySelector?.("img") ?? box;
  image.alt = url ? text : "";
  if (!url) image.removeAttribute("src");
  else if (image.src !== url) image.src = url;
}
