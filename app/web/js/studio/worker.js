/** A worker that keeps cut-outs and composes what is asked of them; answers `{id, value}` or `{id, error}`. */

import { compose } from "./compose.js";
import { decode, encode } from "./encode.js";
import { channel } from "./pixels.js";
import { decodePng, encodePng } from "./png.js";
import { recut } from "./recut.js";
import { resize, resizeCutout } from "./resize.js";

const DRAFT = 1440; // pixels of the longer side, for what is only looked at
const THUMB = 400;
const KEPT = 2; // decoded cut-outs: one of 12 megapixels takes 48 MB

const thumbs = new Map(); // key of a cut-out -> its small copy
const decoded = new Map(); // key -> {full, draft}, the last used last
let behind = { key: null, image: null };
let original = { key: null, image: null };

const CALLS = {
  /**
   * A cut-out, `{key, blob}`, finished by a recipe: `{blob, width, height, region}`. `detail`: full, draft or thumb;
   * `file` is the original, for a background that is blurred.
   */
  async compose({ cut, recipe, detail, file }) {
    const source = await cutout(cut, detail);
    const scaled = { ...reducedBy(source, recipe, detail), behind: await backdrop(recipe.behind) };
    const original = recipe.blur ? await originalOf(file, source.image) : null;
    const { image, region } = compose(source.image, scaled, original);
    const format = detail === "full" ? recipe.format : image.channels === 3 ? "jpeg" : "png";
    const blob = await encode(image, format, recipe.quality);
    return { blob, width: image.width, height: image.height, region: enlarged(region, source.ratio) };
  },

  /** The alpha of a cut-out, a byte a pixel. */
  async alpha({ cut }) {
    const { full } = await opened(cut);
    return new Uint8Array(channel(full, 3).data.buffer);
  },

  /** A grey PNG (a Blob) as bytes, and back. */
  async bytes({ blob }) {
    return new Uint8Array((await decodePng(blob)).data); // its own memory: not that of the filtered lines
  },

  async grey({ width, height, data }) {
    return encodePng({ width, height, channels: 1, data });
  },

  /** A cut-out with another alpha, as a PNG (a Blob); `file` is the original. */
  async recut({ cut, alpha, file }) {
    const { full } = await opened(cut);
    return encodePng(recut(full, alpha, await decode(file)));
  },

  drop({ key }) {
    thumbs.delete(key);
    decoded.delete(key);
  },
};

/** A recipe for a smaller copy of a cut-out: lengths in pixels shrink with it. */
function reducedBy({ image, ratio }, recipe, detail) {
  const longest = { draft: DRAFT, thumb: THUMB }[detail];
  if (!longest) return recipe;
  const { canvas, crop, size, outline, blur } = recipe;
  const limits = crop || size < Math.max(image.width, image.height) * ratio; // a larger one changes nothing
  const fixed = canvas ? Math.max(canvas.width, canvas.height) : limits && size;
  const shrink = fixed ? Math.min(1, longest / fixed) : 1 / ratio; // of the result
  const length = (pixels) => pixels && Math.max(1, Math.round(pixels * shrink));
  return {
    ...recipe,
    canvas: canvas && { width: length(canvas.width), height: length(canvas.height) },
    outline: outline && { ...outline, width: length(outline.width) },
    blur: length(blur),
  };
}

/** The original at the size of a cut-out; the last small copy is kept, for drafts. */
async function originalOf(file, { width, height }) {
  const key = keyOf(file);
  if (original.key !== key) original = { key, image: await decode(file) };
  if (original.image.width === width && original.image.height === height) return original.image;
  if (original.small?.width !== width) original.small = resize(original.image, width, height);
  return original.small;
}

function keyOf({ name, size, lastModified }) {
  return [name, size, lastModified].join("/");
}

async function cutout(cut, detail) {
  if (detail === "thumb" && thumbs.has(cut.key)) return thumbs.get(cut.key);
  const { full, draft } = await opened(cut);
  if (detail === "full") return { image: full, ratio: 1 };
  return detail === "thumb" ? thumbs.get(cut.key) : draft;
}

async function opened({ key, blob }) {
  const known = decoded.get(key);
  decoded.delete(key);
  const kept = known ?? (await open(blob));
  decoded.set(key, kept);
  if (!thumbs.has(key)) thumbs.set(key, reduced(kept.draft.image, THUMB, kept.draft.ratio));
  for (const oldest of decoded.keys()) if (decoded.size > KEPT) decoded.delete(oldest);
  return kept;
}

async function open(blob) {
  const full = await decodePng(blob);
  return { full, draft: reduced(full, DRAFT, 1) };
}

function reduced(image, longest, before) {
  const ratio = Math.max(1, Math.max(image.width, image.height) / longest);
  const width = Math.max(1, Math.round(image.width / ratio));
  const height = Math.max(1, Math.round(image.height / ratio));
  return { image: resizeCutout(image, width, height), ratio: ratio * before };
}

function enlarged({ left, top, width, height }, ratio) {
  return { left: left * ratio, top: top * ratio, width: width * ratio, height: height * ratio };
}

async function backdrop(file) {
  if (!file) return null;
  const key = keyOf(file);
  if (behind.key !== key) behind = { key, image: await decode(file) };
  return behind.image;
}

addEventListener("message", async ({ data: { id, call, given } }) => {
  try {
    postMessage({ id, value: await CALLS[call](given) });
  } catch (error) {
    postMessage({ id, error: `${error.name}: ${error.message}` });
  }
});
