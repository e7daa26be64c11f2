/** Pixels: `{width, height, channels, data}`, 8 bits each, rows from the top; 4 channels are RGBA with straight alpha. */

export function pixels(width, height, channels, data = new Uint8ClampedArray(width * height * channels)) {
  return { width, height, channels, data };
}

/** One channel of an image, as an image of its own. */
export function channel({ width, height, channels, data }, index) {
  const plane = pixels(width, height, 1);
  for (let from = index, to = 0; to < plane.data.length; from += channels, to++) plane.data[to] = data[from];
  return plane;
}

/** The part in a box; transparent, or black, where the box reaches beyond the image. */
export function part(image, { left, top, width, height }) {
  const { channels } = image;
  const cut = pixels(width, height, channels);
  const first = Math.max(0, left);
  const last = Math.min(image.width, left + width);
  if (last <= first) return cut;
  for (let row = Math.max(0, top); row < Math.min(image.height, top + height); row++) {
    const from = (row * image.width + first) * channels;
    const to = ((row - top) * width + first - left) * channels;
    cut.data.set(image.data.subarray(from, from + (last - first) * channels), to);
  }
  return cut;
}

/** An image on an empty canvas `{width, height}`, its corner at (left, top). */
export function pasted(image, { width, height }, left, top) {
  return part(image, { left: -left, top: -top, width, height });
}
