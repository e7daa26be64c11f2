/** Mouse, pen and fingers on the canvas: one paints, two move and zoom; the wheel zooms. */

const ZOOM_A_NOTCH = 0.0018;

/**
 * Tells `{start, move, end, cancel, hover, leave, pan, zoom}` what happens, with points in pixels of the element:
 * `zoom(factor, at)`, `pan(x, y)`. `grabs()` says whether the next drag moves the image (the space bar is held);
 * `signal` ends it all.
 */
export function gestures(element, on, grabs, signal) {
  const fingers = new Map();
  let mode = null; // null, "paint", "grab" or "pinch"

  const point = ({ clientX, clientY }) => {
    const { left, top } = element.getBoundingClientRect();
    return { x: clientX - left, y: clientY - top };
  };

  const listen = (kind, act) => element.addEventListener(kind, act, { signal, passive: false });

  listen("pointerdown", (event) => {
    if (event.button > 1) return;
    event.preventDefault();
    element.focus();
    element.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, point(event));
    if (fingers.size === 2) {
      if (mode === "paint") on.cancel(); // the second finger says that the first wasn't to paint
      mode = "pinch";
    } else if (fingers.size === 1) {
      mode = event.button === 1 || grabs() ? "grab" : "paint";
      if (mode === "paint") on.start(point(event));
    }
  });

  listen("pointermove", (event) => {
    on.hover(point(event), event.pointerType);
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const now = point(event);
    if (mode === "pinch") pinch(event.pointerId, before, now);
    fingers.set(event.pointerId, now);
    if (mode === "grab") on.pan(now.x - before.x, now.y - before.y);
    if (mode === "paint") for (const part of trail(event)) on.move(point(part));
  });

  /** Two fingers: their middle moves the image, their distance zooms it. */
  function pinch(id, before, now) {
    const other = [...fingers].find(([finger]) => finger !== id)?.[1];
    if (!other) return;
    const middle = between(now, other);
    const last = between(before, other);
    on.pan(middle.x - last.x, middle.y - last.y);
    on.zoom(distance(now, other) / Math.max(1, distance(before, other)), middle);
  }

  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    if (mode === "paint") event.type === "pointerup" ? on.end() : on.cancel();
    if (mode !== "pinch" || !fingers.size) mode = null;
  };
  listen("pointerup", lift);
  listen("pointercancel", lift);
  listen("pointerleave", () => on.leave());

  listen("wheel", (event) => {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 24 : 1;
    if (event.deltaX && !event.ctrlKey) return on.pan(-event.deltaX * lines, -event.deltaY * lines); // a touchpad
    const speed = event.ctrlKey ? 5 : 1; // a pinch on a touchpad comes as small steps of the wheel
    on.zoom(Math.exp(-event.deltaY * lines * speed * ZOOM_A_NOTCH), point(event));
  });
}

/** Every position since the last event: a fast pen is asked more often than the screen is drawn. */
function trail(event) {
  const parts = event.getCoalescedEvents?.() ?? [];
  return parts.length ? parts : [event];
}

function between(one, other) {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}

function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
