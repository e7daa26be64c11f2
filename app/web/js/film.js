/** The strip of images: a tile each, with its progress. */

export class Film {
  constructor(list, template, { select, remove }) {
    Object.assign(this, { list, template, select, remove });
    this.tiles = new Map();
    list.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Add an image, before another one or at the end. */
  add(image, before) {
    const tile = this.template.content.firstElementChild.cloneNode(true);
    const [pick, away] = tile.querySelectorAll("button");
    pick.addEventListener("click", () => this.select(image));
    away.addEventListener("click", () => this.remove(image));
    this.tiles.set(image, tile);
    this.list.insertBefore(tile, this.tiles.get(before) ?? null);
  }

  /** Show how an image stands. `label` is said of it, `removal` of its button. */
  update(image, { label, removal, selected }) {
    const tile = this.tiles.get(image);
    const [pick, away] = tile.querySelectorAll("button");
    tile.dataset.status = image.status;
    pick.lastElementChild.textContent = label;
    pick.title = image.name;
    pick.toggleAttribute("data-selected", selected);
    if (selected) pick.setAttribute("aria-current", "true");
    else pick.removeAttribute("aria-current");
    away.setAttribute("aria-label", removal);
    showProgress(tile.querySelector("progress"), image, label);
    if (image.thumb && pick.firstElementChild !== image.thumb) pick.firstElementChild.replaceWith(image.thumb);
  }

  drop(image) {
    this.tiles.get(image).remove();
    this.tiles.delete(image);
  }

  reveal(image) {
    this.tiles.get(image).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  focus(image) {
    this.tiles.get(image).querySelector("button").focus();
  }

  onKey(event) {
    const tiles = [...this.tiles];
    const here = tiles.findIndex(([, tile]) => tile.contains(event.target));
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = tiles[here + step]?.[0];
    if (event.key === "Delete") this.remove(tiles[here][0]);
    if (!next) return;
    event.preventDefault();
    this.select(next);
    this.focus(next);
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
