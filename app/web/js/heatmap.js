/** A mask drawn over its image in colours: dark violet for 0, bright yellow for 255. */

/** Stops of viridis (van der Walt and Smith, CC0): even steps of lightness, readable without telling red from green. */
const STOPS = [
  [68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141],
  [39, 173, 129], [92, 200, 99], [170, 220, 50], [253, 231, 37],
];
const STRENGTH = 0.68; // of the colour over the image in grey

/** A canvas as large as the mask (a Blob); `preview` is the image's canvas, if there is one. */
export async function heatmap(mask, preview) {
  const bitmap = await createImageBitmap(mask);
  const canvas = document.createElement("canvas");
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const heat = context.getImageData(0, 0, canvas.width, canvas.height);
  if (preview) context.drawImage(preview, 0, 0, canvas.width, canvas.height);
  const image = preview && context.getImageData(0, 0, canvas.width, canvas.height);
  blend(heat.data, image?.data);
  context.putImageData(heat, 0, 0);
  return canvas;
}

function blend(heat, image) {
  for (let i = 0; i < heat.length; i += 4) {
    const color = PALETTE[heat[i]];
    const grey = image && (77 * image[i] + 150 * image[i + 1] + 29 * image[i + 2]) >> 8;
    for (let c = 0; c < 3; c++) {
      heat[i + c] = image ? STRENGTH * color[c] + (1 - STRENGTH) * grey : color[c];
    }
  }
}

const PALETTE = Array.from({ length: 256 }, (_, value) => {
  const place = (value / 255) * (STOPS.length - 1);
  const index = Math.min(STOPS.length - 2, Math.floor(place));
  return STOPS[index].map((from, c) => from + (place - index) * (STOPS[index + 1][c] - from));
});
