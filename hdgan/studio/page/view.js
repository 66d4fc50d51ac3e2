// The view: which part of the map is shown and where. Plain arithmetic, in CSS pixels.

/**
 * A window of the stage that shows the map, the photo, or one over the other.
 * @typedef {{show: "map"|"photo"|"both", x: number, y: number, w: number, h: number}} Pane
 * What all panes show alike: CSS pixels per pixel of the map, and the point of the map
 * that lies in their middle.
 * @typedef {{scale: number, cx: number, cy: number}} View
 */

const GAP = 12;
const MARGIN = 8;
const LARGEST = 48;

/**
 * The panes of a layout; two lie as they show the map larger.
 * @param {string} layout "split" or "single"
 * @param {{width: number, height: number, ratio: number}} stage
 * @param {{w: number, h: number}} size of the map
 * @returns {Pane[]}
 */
export function panesOf(layout, stage, size) {
  const { width, height, ratio } = stage;
  if (layout !== "split") return [{ show: "both", x: 0, y: 0, w: width, h: height }];
  // Panes begin at whole pixels of the screen, else their lines would blur.
  const whole = (v) => Math.max(1, Math.floor(v * ratio)) / ratio;
  const w = whole((width - GAP) / 2), h = whole((height - GAP) / 2);
  if (fitScale({ w: width, h }, size) >= fitScale({ w, h: height }, size)) {
    return [
      { show: "map", x: 0, y: 0, w: width, h },
      { show: "photo", x: 0, y: whole(height - h), w: width, h },
    ];
  }
  return [
    { show: "map", x: 0, y: 0, w, h: height },
    { show: "photo", x: whole(width - w), y: 0, w, h: height },
  ];
}

/** The scale at which all of the map is seen. */
function fitScale(pane, size) {
  const w = Math.max(1, pane.w - 2 * MARGIN), h = Math.max(1, pane.h - 2 * MARGIN);
  return Math.min(LARGEST, w / size.w, h / size.h);
}

/** All of the map. @returns {View} */
export function fitView(pane, size) {
  return { scale: fitScale(pane, size), cx: size.w / 2, cy: size.h / 2 };
}

/** Another scale and middle as far as they go: the map never leaves the view. @returns {View} */
export function keptView(view, pane, size) {
  const least = Math.min(1, fitScale(pane, size)) / 2;
  return {
    scale: Math.min(LARGEST, Math.max(least, view.scale)),
    cx: Math.min(size.w, Math.max(0, view.cx)),
    cy: Math.min(size.h, Math.max(0, view.cy)),
  };
}

/** Where the map's top left corner lies. */
export function originOf(view, pane) {
  return {
    x: pane.x + pane.w / 2 - view.cx * view.scale,
    y: pane.y + pane.h / 2 - view.cy * view.scale,
  };
}

/** From a point of the stage to one of the map. */
export function toMap(view, pane, x, y) {
  const from = originOf(view, pane);
  return { x: (x - from.x) / view.scale, y: (y - from.y) / view.scale };
}

/**
 * Zooms so that what lies at a point of the stage stays there.
 * @returns {View}
 */
export function zoomedAt(view, pane, size, x, y, scale) {
  const p = toMap(view, pane, x, y), next = keptView({ ...view, scale }, pane, size);
  const u = x - pane.x - pane.w / 2, v = y - pane.y - pane.h / 2;
  const cx = p.x - u / next.scale, cy = p.y - v / next.scale;
  return keptView({ scale: next.scale, cx, cy }, pane, size);
}

/** Moves what is seen by CSS pixels. @returns {View} */
export function movedBy(view, pane, size, dx, dy) {
  const cx = view.cx - dx / view.scale, cy = view.cy - dy / view.scale;
  return keptView({ ...view, cx, cy }, pane, size);
}

/** Moves as little as needed to show a point of the map. @returns {View} */
export function showing(view, pane, size, x, y) {
  const u = Math.max(1, pane.w / 2 - 3 * MARGIN) / view.scale;
  const v = Math.max(1, pane.h / 2 - 3 * MARGIN) / view.scale;
  const cx = Math.min(x + u, Math.max(x - u, view.cx));
  const cy = Math.min(y + v, Math.max(y - v, view.cy));
  return keptView({ ...view, cx, cy }, pane, size);
}
