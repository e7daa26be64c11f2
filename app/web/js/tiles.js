/** All images at a glance, an item each: the strip under the one that is looked at, and the grid. */

class Items {
  /** `list` is filled with copies of `template`; `select(image)` and `remove(image)` are what their buttons do. */
  constructor(list, template, { select, remove }) {
    Object.assign(this, { list, template, select, remove });
    this.items = new Map();
  }

  /** Have an item for each of these images, in this order. */
  arrange(images) {
    for (const [image, item] of this.items) {
      if (images.includes(image)) continue;
      item.remove();
      this.items.delete(image);
    }
    images.forEach((image, place) => {
      const item = this.items.get(image) ?? this.made(image);
      if (this.list.children[place] !== item) this.list.insertBefore(item, this.list.children[place] ?? null);
    });
  }

  made(image) {
    const item = this.template.content.firstElementChild.cloneNode(true);
    const [pick, away] = item.querySelectorAll("button");
    pick.addEventListener("click", () => this.select(image));
    away.addEventListener("click", () => this.remove(image));
    this.items.set(image, item);
    return item;
  }

  /** Show how an image stands. `label` is said of it, `removal` of its button. Answers its item, if it has one. */
  update(image, { label, removal }) {
    const item = this.items.get(image);
    if (!item) return undefined;
    const [pick, away] = item.querySelectorAll("button");
    item.dataset.status = image.status;
    pick.lastElementChild.textContent = label;
    pick.title = image.name;
    away.setAttribute("aria-label", removal);
    showProgress(item.querySelector("progress"), image, label);
    return item;
  }

  focus(image) {
    this.items.get(image)?.querySelector("button").focus();
  }
}

export class Film extends Items {
  constructor(...given) {
    super(...given);
    this.list.addEventListener("keydown", (event) => this.onKey(event));
  }

  update(image, texts) {
    const pick = super.update(image, texts)?.querySelector("button");
    if (!pick) return;
    pick.toggleAttribute("data-selected", texts.selected);
    if (texts.selected) pick.setAttribute("aria-current", "true");
    else pick.removeAttribute("aria-current");
    if (image.thumb && pick.firstElementChild !== image.thumb) pick.firstElementChild.replaceWith(image.thumb);
  }

  reveal(image) {
    this.items.get(image).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  onKey(event) {
    const tiles = [...this.list.children];
    const here = tiles.findIndex((tile) => tile.contains(event.target));
    const images = new Map([...this.items].map(([image, tile]) => [tile, image]));
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = images.get(tiles[here + step]);
    if (event.key === "Delete") this.remove(images.get(tiles[here]));
    if (!next) return;
    event.preventDefault();
    this.select(next);
    this.focus(next);
  }
}

export class Grid extends Items {
  update(image, texts) {
    const cell = super.update(image, texts);
    if (!cell) return;
    cell.querySelector(".caption").textContent = image.name;
    const shown = cell.querySelector("img");
    const url = image.glance?.url ?? image.url;
    if (url && shown.src !== url) shown.src = url;
    shown.hidden = !url;
    cell.toggleAttribute("data-result", Boolean(image.glance));
  }
}

/** A bar for how much is sent, then one without an end while the server works. */
export function showProgress(bar, { status, sent }, label) {
  bar.hidden = status === "done" || status === "failed";
  bar.setAttribute("aria-label", label);
  if (status === "sending") bar.value = sent;
  else if (status === "waiting") bar.value = 0;
  else bar.removeAttribute("value");
}
