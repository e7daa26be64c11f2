/** What was removed, and the way back while its notice is in sight. */

const SECONDS = 20;

export class Removals {
  /** `restore(removed)` gets `[{image, place}]`; without it, the images are closed in the end. */
  constructor(notice, restore) {
    Object.assign(this, { notice, restore, removed: [] });
    notice.querySelector("button").addEventListener("click", () => this.undo());
    document.addEventListener("keydown", (event) => {
      const undoes = (event.ctrlKey || event.metaKey) && event.key === "z" && !event.shiftKey;
      if (!undoes || !this.removed.length || event.target.closest("dialog, input, select")) return;
      event.preventDefault();
      this.undo();
    });
    for (const kind of ["focusin", "pointerenter"]) notice.addEventListener(kind, () => clearTimeout(this.timer));
    for (const kind of ["focusout", "pointerleave"]) notice.addEventListener(kind, () => this.wait());
  }

  /** Keep what was removed, and say so. */
  keep(removed, text) {
    this.forget();
    this.removed = removed;
    this.notice.querySelector("span").textContent = text;
    this.notice.hidden = false;
    this.wait();
  }

  wait() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.forget(), 1000 * SECONDS);
  }

  undo() {
    const { removed } = this;
    this.removed = [];
    this.forget();
    this.restore(removed);
  }

  forget() {
    clearTimeout(this.timer);
    for (const { image } of this.removed) image.close();
    this.removed = [];
    this.notice.hidden = true;
  }
}
