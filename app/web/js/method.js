/** The card that shows the method: the classifier's verdict on an image, and its map of the parts. */

import { post } from "./api.js";
import { classifier, update } from "./state.js";

const MAP_SIDE = "640";
const SENT_AS_IT_IS = 500_000; // bytes; of a larger file a small copy is sent, of which the classifier sees as much

/** Ask the classifier about an image, which nobody else does. */
export async function explain(image) {
  if (image.insight || !image.cut || !classifier()) return;
  update(image, { insight: {} });
  try {
    await image.looked;
    image.insight = await ask(image);
  } catch (problem) {
    image.insight = { problem };
  }
  update(image);
}

/** What the classifier says of an image: `{verdict, map}`, the answer of POST /predict and a canvas. */
async function ask(image) {
  const fields = [["file", await seen(image)], ["model", classifier()]];
  const { heatmap } = await import("./heatmap.js");
  const verdict = await post("predict", fields);
  const mask = await post("mask", [...fields, ["refine", "false"], ["size", MAP_SIDE]]);
  return { verdict: JSON.parse(await verdict.blob.text()), map: await heatmap(mask.blob, image.preview) };
}

async function seen({ file, name, preview }) {
  if (file.size <= SENT_AS_IT_IS || !preview) return file;
  const { width, height } = preview;
  const opaque = Object.assign(document.createElement("canvas"), { width, height });
  const context = opaque.getContext("2d");
  context.fillStyle = "white"; // as the server has it behind transparent pixels; a canvas makes them black
  context.fillRect(0, 0, width, height);
  context.drawImage(preview, 0, 0);
  const blob = await new Promise((resolve) => opaque.toBlob(resolve, "image/jpeg", 0.95));
  return new File([blob], name);
}

export class MethodCard {
  constructor(root, { ask, enlarge }) {
    this.root = root;
    this.ask = root.querySelector("#ask");
    this.button = root.querySelector("#enlarge");
    this.canvas = root.querySelector("#mini");
    this.verdict = root.querySelector("#verdict");
    this.meter = root.querySelector("#meter");
    this.text = root.querySelector("#meter-text");
    this.ask.addEventListener("click", ask);
    this.button.addEventListener("click", enlarge);
  }

  /** `insight` is what `ask` answered, empty until then, undefined where nobody asked; `texts` are the sentences for it. */
  show(insight, texts) {
    const map = insight?.map;
    this.ask.hidden = Boolean(insight);
    this.verdict.textContent = insight ? texts.verdict : "";
    this.text.textContent = insight ? texts.meter : "";
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
