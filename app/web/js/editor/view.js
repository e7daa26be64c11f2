/** What the editor shows of an image and its mask, at any zoom: the removed parts stay in sight, faintly. */

const TILE = 512;
const FAINT = 0.28; // opacity of what is removed
const PIXELATED_FROM = 3; // times its size, from which a pixel is shown as a square
const SMALL = 1600; // pixels of the longer side of a copy for when all of it is in sight
const LARGEST = 16;
const CHECK = 10;

export class View {
  /** `bitmap` is the image, `mask` a Mask; they are drawn on `canvas`. */
  constructor(canvas, bitmap, mask) {
    Object.assign(this, { canvas, bitmap, mask });
    this.context = canvas.getContext("2d");
    this.tiles = new Map();
    this.compares = false;
    this.scale = 1;
    this.offset = { x: 0, y: 0 };
    this.small = reduced(bitmap);
    this.checks = checkerboard(this.context);
    this.changed({ left: 0, top: 0, right: mask.width, bottom: mask.height });
  }

  /** Take over the canvas' size on the screen; the first time, show all of the image. */
  resize() {
    const { clientWidth, clientHeight } = this.canvas;
    this.ratio = devicePixelRatio;
    this.canvas.width = Math.round(clientWidth * this.ratio);
    this.canvas.height = Math.round(clientHeight * this.ratio);
    if (!this.isZoomed) this.fit();
    this.draw();
  }

  get fitting() {
    const { clientWidth, clientHeight } = this.canvas;
    const margin = Math.min(48, clientWidth / 12);
    const { width, height } = this.mask;
    return Math.min(4, (clientWidth - margin) / width, (clientHeight - margin) / height);
  }

  fit() {
    const { clientWidth, clientHeight } = this.canvas;
    this.scale = this.fitting;
    this.offset = {
      x: (clientWidth - this.mask.width * this.scale) / 2,
      y: (clientHeight - this.mask.height * this.scale) / 2,
    };
    this.isZoomed = false;
    this.draw();
  }

  /** Zoom so that the point of the image under `at` (pixels of the canvas on the screen) stays there. */
  zoom(scale, at = this.middle) {
    const next = Math.min(Math.max(LARGEST, this.fitting), Math.max(this.fitting / 2, scale));
    const factor = next / this.scale;
    this.offset = { x: at.x - (at.x - this.offset.x) * factor, y: at.y - (at.y - this.offset.y) * factor };
    this.scale = next;
    this.pan(0, 0);
  }

  pan(x, y) {
    const { clientWidth, clientHeight } = this.canvas;
    this.offset = {
      x: held(this.offset.x + x, this.mask.width * this.scale, clientWidth),
      y: held(this.offset.y + y, this.mask.height * this.scale, clientHeight),
    };
    this.isZoomed = true;
    this.draw();
  }

  get middle() {
    return { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 };
  }

  /** The pixel of the image under a point of the canvas, and back. */
  inImage({ x, y }) {
    return { x: (x - this.offset.x) / this.scale, y: (y - this.offset.y) / this.scale };
  }

  onScreen({ x, y }) {
    return { x: x * this.scale + this.offset.x, y: y * this.scale + this.offset.y };
  }

  compare(compares) {
    this.compares = compares;
    this.draw();
  }

  /** The mask changed in a box: `{left, top, right, bottom}`. */
  changed(box) {
    for (let top = floored(box.top); top < box.bottom; top += TILE) {
      for (let left = floored(box.left); left < box.right; left += TILE) this.fill(left, top, box);
    }
    this.draw();
  }

  fill(left, top, box) {
    const { width, height, alpha } = this.mask;
    const key = `${left} ${top}`;
    const columns = Math.min(TILE, width - left);
    const rows = Math.min(TILE, height - top);
    if (!this.tiles.has(key)) this.tiles.set(key, { left, top, columns, rows, context: blank(columns, rows) });
    const from = { x: Math.max(left, box.left), y: Math.max(top, box.top) };
    const to = { x: Math.min(left + columns, box.right), y: Math.min(top + rows, box.bottom) };
    const part = new ImageData(to.x - from.x, to.y - from.y);
    for (let y = from.y, i = 3; y < to.y; y++) {
      for (let x = from.x; x < to.x; x++, i += 4) part.data[i] = alpha[y * width + x];
    }
    this.tiles.get(key).context.putImageData(part, from.x - left, from.y - top);
  }

  /** Draw before the screen is next refreshed. */
  draw() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.render();
    });
  }

  render() {
    const { context, canvas } = this;
    context.globalCompositeOperation = "source-over";
    context.clearRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = this.scale < PIXELATED_FROM;
    if (this.compares) return this.drawImage();
    for (const tile of this.tiles.values()) this.drawTile(tile);
    context.globalCompositeOperation = "source-in";
    this.drawImage();
    context.globalCompositeOperation = "destination-over";
    context.globalAlpha = FAINT;
    this.drawImage();
    context.globalAlpha = 1;
    context.fillStyle = this.checks;
    context.fillRect(...this.rectangle(0, 0, this.mask.width, this.mask.height));
  }

  drawImage() {
    const { context, mask, bitmap, small } = this;
    const source = this.scale * this.ratio * bitmap.width < 1.2 * small.width ? small : bitmap;
    const [left, top, width, height] = this.rectangle(0, 0, mask.width, mask.height);
    context.drawImage(source, left, top, width, height);
  }

  drawTile({ left, top, columns, rows, context }) {
    const [x, y, width, height] = this.rectangle(left, top, left + columns, top + rows);
    if (x + width < 0 || y + height < 0 || x > this.canvas.width || y > this.canvas.height) return;
    this.context.drawImage(context.canvas, x, y, width, height);
  }

  /** Whole pixels of the canvas, so that tiles meet without a seam. */
  rectangle(left, top, right, bottom) {
    const corner = this.onScreen({ x: left, y: top });
    const opposite = this.onScreen({ x: right, y: bottom });
    const [x, y] = [Math.round(corner.x * this.ratio), Math.round(corner.y * this.ratio)];
    return [x, y, Math.round(opposite.x * this.ratio) - x, Math.round(opposite.y * this.ratio) - y];
  }

  close() {
    cancelAnimationFrame(this.frame);
    this.tiles.clear();
    this.bitmap.close();
  }
}

/** Some of the image stays in sight: at least a third of the canvas, or all of a small one. */
function held(offset, length, room) {
  const least = Math.min(length, room / 3);
  return Math.min(room - least, Math.max(least - length, offset));
}

function floored(value) {
  return Math.floor(value / TILE) * TILE;
}

function blank(width, height) {
  return new OffscreenCanvas(width, height).getContext("2d");
}

function reduced(bitmap) {
  const ratio = Math.min(1, SMALL / Math.max(bitmap.width, bitmap.height));
  const context = blank(Math.max(1, Math.round(bitmap.width * ratio)), Math.max(1, Math.round(bitmap.height * ratio)));
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, context.canvas.width, context.canvas.height);
  return context.canvas;
}

function checkerboard(context) {
  const squares = blank(2 * CHECK, 2 * CHECK);
  const style = getComputedStyle(document.documentElement);
  squares.fillStyle = style.getPropertyValue("--check-2");
  squares.fillRect(0, 0, 2 * CHECK, 2 * CHECK);
  squares.fillStyle = style.getPropertyValue("--check");
  squares.fillRect(0, 0, CHECK, CHECK);
  squares.fillRect(CHECK, CHECK, CHECK, CHECK);
  return context.createPattern(squares.canvas, "repeat");
}
