/** The strip of pictures: a tile each, with its progress. */

export class Film {
  constructor(list, template, { select, remove }) {
    Object.assign(this, { list, template, select, remove });
    this.tiles = new Map();
    list.addEventListener("keydown", (event) => this.onKey(event));
  }

  add(picture) {
    const tile = this.template.content.firstElementChild.cloneNode(true);
    const [pick, away] = tile.querySelectorAll("button");
    pick.addEventListener("click", () => this.select(picture));
    away.addEventListener("click", () => this.remove(picture));
    this.tiles.set(picture, tile);
    this.list.append(tile);
  }

  /** Show how a picture stands. `label` is said of it, `removal` of its button. */
  update(picture, { label, removal, selected }) {
    const tile = this.tiles.get(picture);
    const [pick, away] = tile.querySelectorAll("button");
    tile.dataset.status = picture.status;
    pick.lastElementChild.textContent = label;
    pick.title = picture.name;
    pick.toggleAttribute("data-selected", selected);
    if (selected) pick.setAttribute("aria-current", "true");
    else pick.removeAttribute("aria-current");
    away.setAttribute("aria-label", removal);
    showProgress(tile.querySelector("progress"), picture, label);
    if (picture.thumb && pick.firstElementChild !== picture.thumb) pick.firstElementChild.replaceWith(picture.thumb);
  }

  drop(picture) {
    this.tiles.get(picture).remove();
    this.tiles.delete(picture);
  }

  reveal(picture) {
    this.tiles.get(picture).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  focus(picture) {
    this.tiles.get(picture).querySelector("button").focus();
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
