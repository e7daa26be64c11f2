/** All images at a glance: a cell each, with its result. */

import { showProgress } from "./film.js";

export class Grid {
  constructor(list, template, { select, remove }) {
    Object.assign(this, { list, template, select, remove });
    this.cells = new Map();
  }

  /** Show these images, in this order. */
  arrange(images) {
    for (const [image, cell] of this.cells) {
      if (images.includes(image)) continue;
      cell.remove();
      this.cells.delete(image);
    }
    images.forEach((image, place) => {
      const cell = this.cells.get(image) ?? this.made(image);
      if (this.list.children[place] !== cell) this.list.insertBefore(cell, this.list.children[place] ?? null);
    });
  }

  made(image) {
    const cell = this.template.content.firstElementChild.cloneNode(true);
    const [pick, away] = cell.querySelectorAll("button");
    pick.addEventListener("click", () => this.select(image));
    away.addEventListener("click", () => this.remove(image));
    this.cells.set(image, cell);
    return cell;
  }

  /** Show how an image stands. `label` is said of it, `removal` of its button. */
  update(image, { label, removal }) {
    const cell = this.cells.get(image);
    if (!cell) return;
    const [pick, away] = cell.querySelectorAll("button");
    cell.dataset.status = image.status;
    cell.querySelector(".caption").textContent = image.name;
    pick.lastElementChild.textContent = label;
    pick.title = image.name;
    away.setAttribute("aria-label", removal);
    showProgress(cell.querySelector("progress"), image, label);
    const shown = cell.querySelector("img");
    const url = image.glance?.url ?? image.url;
    if (url && shown.src !== url) shown.src = url;
    shown.hidden = !url;
    cell.toggleAttribute("data-result", Boolean(image.glance));
  }

  focus(image) {
    this.cells.get(image)?.querySelector("button").focus();
  }
}
