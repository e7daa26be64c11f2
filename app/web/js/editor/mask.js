/** A mask under a brush, at the image's full size: strokes, what they touched, undo and redo. */

export const TILE = 256; // pixels a side of the pieces that undo keeps
const UNDO_BYTES = 256e6;
const CORE = 0.65; // share of the brush's radius within which a stroke is sure; its rim may follow the image's edges

export const KEEP = 255;
export const DROP = 0;
const OPEN = 128; // in a trimap: for the network to decide
const NEARLY = 4; // levels from KEEP or DROP that count as those

/** In a tile's `coverage`: how far a stroke covers a pixel, and SURE in its core. */
export const SURE = 255;

export class Mask {
  /** `alpha` has width * height bytes and is painted on. `trimap` is that of strokes before these, if any. */
  constructor(width, height, alpha, trimap) {
    const touched = trimap ? trimap.map((level) => level !== OPEN) : new Uint8Array(width * height);
    Object.assign(this, { width, height, alpha, touched });
    this.across = Math.ceil(width / TILE);
    this.done = [];
    this.undone = [];
    this.stroke = null;
  }

  /** What the strokes are sure of: KEEP, DROP, and OPEN for all else. */
  trimap() {
    return this.alpha.map((value, index) => {
      if (!this.touched[index]) return OPEN;
      return value >= KEEP - NEARLY ? KEEP : value <= DROP + NEARLY ? DROP : OPEN;
    });
  }

  get isChanged() {
    return this.done.length > 0;
  }

  /** Begin a stroke that keeps (restores) or drops (erases): `target` is KEEP or DROP. */
  begin(target) {
    this.stroke = { target, tiles: new Map() };
  }

  /**
   * Draw the stroke on from one point to another, pixels. `softness` is the share of the radius that fades out.
   * Answers the box that changed, or null.
   */
  draw(from, to, radius, softness) {
    const brush = { from, to, outer: radius + 0.5, inner: Math.max(0, radius * (1 - softness) - 0.5), core: CORE * radius };
    const box = this.clipped({
      left: Math.floor(Math.min(from.x, to.x) - brush.outer),
      top: Math.floor(Math.min(from.y, to.y) - brush.outer),
      right: Math.ceil(Math.max(from.x, to.x) + brush.outer),
      bottom: Math.ceil(Math.max(from.y, to.y) + brush.outer),
    });
    if (!box) return null;
    for (const tile of this.tilesIn(box)) this.paint(this.begun(tile), tile, box, brush);
    return box;
  }

  /** End the stroke, which undo takes back as one. `follow(mask, stroke)` may move its rim first. */
  end(follow) {
    if (this.stroke?.tiles.size) {
      follow?.(this, this.stroke);
      for (const tile of this.stroke.tiles.values()) delete tile.coverage;
      this.done.push(this.stroke);
      this.undone = [];
      this.trim();
    }
    this.stroke = null;
  }

  /** Take the stroke back that is being drawn. Answers the boxes that changed. */
  cancel() {
    const boxes = this.stroke ? this.swap(this.stroke) : [];
    this.stroke = null;
    return boxes;
  }

  undo() {
    return this.move(this.done, this.undone);
  }

  redo() {
    return this.move(this.undone, this.done);
  }

  move(from, to) {
    const stroke = from.pop();
    if (!stroke) return [];
    to.push(stroke);
    return this.swap(stroke);
  }

  /** Exchange what a stroke's tiles hold for what they held before it. */
  swap({ tiles }) {
    return [...tiles].map(([index, tile]) => {
      const box = this.boxOf(index);
      const { alpha, touched } = this.copied(box);
      this.put(box, tile);
      Object.assign(tile, { alpha, touched });
      return box;
    });
  }

  paint(tile, index, box, { from, to, outer, inner, core }) {
    const { width, alpha, touched } = this;
    const { target } = this.stroke;
    const area = this.boxOf(index);
    const left = Math.max(area.left, box.left);
    const right = Math.min(area.right, box.right);
    const across = to.x - from.x;
    const down = to.y - from.y;
    const length = across * across + down * down;
    for (let row = Math.max(area.top, box.top); row < Math.min(area.bottom, box.bottom); row++) {
      const y = row + 0.5 - from.y;
      for (let column = left; column < right; column++) {
        const x = column + 0.5 - from.x;
        const along = length ? Math.min(1, Math.max(0, (x * across + y * down) / length)) : 0;
        const dx = x - along * across;
        const dy = y - along * down;
        const squared = dx * dx + dy * dy;
        if (squared >= outer * outer) continue;
        const distance = Math.sqrt(squared);
        const coverage = distance <= inner ? 1 : eased((outer - distance) / (outer - inner));
        const here = (row - area.top) * TILE + column - area.left;
        const level = distance <= core ? SURE : coverage * (SURE - 1);
        if (level <= tile.coverage[here]) continue;
        tile.coverage[here] = level;
        const before = tile.alpha[here];
        alpha[row * width + column] = before + (target - before) * coverage + 0.5;
        touched[row * width + column] = 1;
      }
    }
  }

  begun(index) {
    const { tiles } = this.stroke;
    if (!tiles.has(index)) {
      tiles.set(index, { ...this.copied(this.boxOf(index)), coverage: new Uint8Array(TILE * TILE) });
    }
    return tiles.get(index);
  }

  copied(box) {
    const alpha = new Uint8Array(TILE * TILE);
    const touched = new Uint8Array(TILE * TILE);
    this.rows(box, (here, from, to) => {
      alpha.set(this.alpha.subarray(from, to), here);
      touched.set(this.touched.subarray(from, to), here);
    });
    return { alpha, touched };
  }

  put(box, { alpha, touched }) {
    this.rows(box, (here, from, to) => {
      this.alpha.set(alpha.subarray(here, here + to - from), from);
      this.touched.set(touched.subarray(here, here + to - from), from);
    });
  }

  rows({ left, top, right, bottom }, visit) {
    for (let row = top; row < bottom; row++) {
      visit((row - top) * TILE, row * this.width + left, row * this.width + right);
    }
  }

  *tilesIn({ left, top, right, bottom }) {
    for (let row = Math.floor(top / TILE); row * TILE < bottom; row++) {
      for (let column = Math.floor(left / TILE); column * TILE < right; column++) yield row * this.across + column;
    }
  }

  boxOf(index) {
    const left = (index % this.across) * TILE;
    const top = Math.floor(index / this.across) * TILE;
    return this.clipped({ left, top, right: left + TILE, bottom: top + TILE });
  }

  clipped({ left, top, right, bottom }) {
    const box = {
      left: Math.max(0, left),
      top: Math.max(0, top),
      right: Math.min(this.width, right),
      bottom: Math.min(this.height, bottom),
    };
    return box.left < box.right && box.top < box.bottom ? box : null;
  }

  /** The oldest strokes can't be undone once all of them would take too much memory. */
  trim() {
    const bytes = () => this.done.reduce((sum, { tiles }) => sum + 2 * TILE * TILE * tiles.size, 0);
    while (this.done.length > 1 && bytes() > UNDO_BYTES) this.done.shift();
  }
}

function eased(share) {
  return share * share * (3 - 2 * share);
}
