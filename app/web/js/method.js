/** The card that shows the method: the classifier's verdict on an image, and its map of the parts. */

import { post } from "./api.js";
import { heatmap } from "./heatmap.js";

const MAP_SIDE = "640";

/** What the classifier says of an image: `{verdict, map}`, the answer of POST /predict and a canvas. */
export async function ask(image, classifier) {
  const fields = [["file", image.file], ["model", classifier]];
  const verdict = await post("predict", fields);
  const mask = await post("mask", [...fields, ["refine", "false"], ["size", MAP_SIDE]]);
  return { verdict: JSON.parse(await verdict.blob.text()), map: await heatmap(mask.blob, image.preview) };
}

export class MethodCard {
  constructor(root, enlarge) {
    this.root = root;
    this.button = root.querySelector("#enlarge");
    this.canvas = root.querySelector("#mini");
    this.verdict = root.querySelector("#verdict");
    this.meter = root.querySelector("#meter");
    this.text = root.querySelector("#meter-text");
    this.button.addEventListener("click", enlarge);
  }

  /** `insight` is what `ask` answered, or undefined; `texts` are the sentences for it. */
  show(insight, texts) {
    const map = insight?.map;
    this.verdict.textContent = texts.verdict;
    this.text.textContent = texts.meter;
    this.button.hidden = !map;
    this.meter.hidden = !insight?.verdict;
    if (insight?.verdict) this.showMeter(insight.verdict);
    if (!map || map === this.shown) return;
    this.shown = map;
    [this.canvas.width, this.canvas.height] = [map.width, map.height];
    this.canvas.getContext("2d").drawImage(map, 0, 0);
  }

  showMeter({ probability, threshold }) {
    this.meter.style.setProperty("--value", probability);
    this.meter.style.setProperty("--threshold", threshold);
    this.meter.setAttribute("aria-valuenow", Math.round(100 * probability));
  }
}
