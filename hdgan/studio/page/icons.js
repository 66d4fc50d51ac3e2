// Icons, drawn for this page: 20 x 20, strokes in the text's colour.

const PATHS = {
  select: "M5 3l10 6-5 1.5L8 16z",
  brush: "M15 3l2 2-8 8-2-2zM7 12c-2 0-2 2-4 4 3 1 6 0 6-2z",
  undo: "M7 4L3 8l4 4M3 8h8a5 5 0 010 10H8",
  redo: "M13 4l4 4-4 4M17 8H9a5 5 0 000 10h3",
};

/**
 * An icon.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[name] || "M4 10h12");
  svg.append(path);
  return svg;
}
