/** Choosing the subject: points on what is meant and beside it, by mouse, finger and keys. */

const STEP = 0.02; // of the stage, by an arrow key
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** The points as the API writes them: `120px 80px +; 10px 9px -`. */
export function pointsText(points) {
  return points.map(({ x, y, keeps }) => `${x}px ${y}px ${keeps ? "+" : "-"}`).join("; ");
}

export class Chooser {
  /** `choose({x, y, keeps})` gets a point: x and y from 0 to 1 of `overlay`, which lies over the result. */
  constructor(overlay, choose) {
    Object.assign(this, { overlay, choose, at: [0.5, 0.5] });
    this.cross = overlay.querySelector(".cross");
    overlay.addEventListener("click", (event) => this.onClick(event));
    overlay.addEventListener("contextmenu", (event) => {
      event.preventDefault();
      this.onClick(event, false);
    });
    overlay.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** Show points, in pixels of the image, of which `region` is in sight. */
  show(points, region) {
    this.overlay.replaceChildren(this.cross, ...points.map((point) => marker(point, region)));
  }

  onClick({ clientX, clientY, shiftKey }, keeps = !shiftKey) {
    const { left, top, width, height } = this.overlay.getBoundingClientRect();
    this.choose({ x: (clientX - left) / width, y: (clientY - top) / height, keeps });
  }

  onKey(event) {
    const [across, down] = ARROWS[event.key] ?? [0, 0];
    if (event.key === "Enter") this.choose({ x: this.at[0], y: this.at[1], keeps: !event.shiftKey });
    else if (across || down) this.at = [held(this.at[0] + STEP * across), held(this.at[1] + STEP * down)];
    else return;
    event.preventDefault();
    place(this.cross, ...this.at);
  }
}

/** A point of the overlay as a whole pixel of the image. */
export function inImage({ x, y, keeps }, region, { width, height }) {
  const pixel = (from, share, length, side) => Math.min(side - 1, Math.max(0, Math.floor(from + share * length)));
  return {
    x: pixel(region.left, x, region.width, width),
    y: pixel(region.top, y, region.height, height),
    keeps,
  };
}

function marker({ x, y, keeps }, region) {
  const mark = document.createElement("span");
  mark.className = keeps ? "mark keeps" : "mark";
  place(mark, (x - region.left) / region.width, (y - region.top) / region.height);
  return mark;
}

function place(element, x, y) {
  element.style.setProperty("--x", `${100 * x}%`);
  element.style.setProperty("--y", `${100 * y}%`);
}

function held(share) {
  return Math.min(1, Math.max(0, share));
}
