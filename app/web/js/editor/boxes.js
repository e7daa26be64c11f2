/** The mean of a plane over the square around each pixel, cut off at the borders: running sums, whatever the radius. */
export function boxMean(plane, width, height, radius) {
  const across = new Float32Array(plane.length);
  for (let row = 0; row < height; row++) slide(plane, across, row * width, 1, width, radius);
  const result = new Float32Array(plane.length);
  for (let column = 0; column < width; column++) slide(across, result, column, width, height, radius);
  return result;
}

function slide(from, to, start, step, length, radius) {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < Math.min(radius, length); i++, count++) sum += from[start + i * step];
  for (let i = 0; i < length; i++) {
    if (i + radius < length) {
      sum += from[start + (i + radius) * step];
      count++;
    }
    if (i > radius) {
      sum -= from[start + (i - radius - 1) * step];
      count--;
    }
    to[start + i * step] = sum / count;
  }
}
