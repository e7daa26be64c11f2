/** Rounding as the server's Python does it: halves go to the even neighbour, so that sizes agree to the pixel. */
export function rint(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest === 0.5) return floor % 2 ? floor + 1 : floor;
  return rest < 0.5 ? floor : floor + 1;
}
