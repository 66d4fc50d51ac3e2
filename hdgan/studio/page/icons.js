// Icons, drawn for this page: 20 x 20, one stroke in the text's colour.

const PATHS = {
  // Tools.
  select: "M5 3l10.5 6.4-4.6 1.2-2.3 4.4z",
  brush: "M16.5 3.5l-8 8M8.5 11.5A2.6 2.6 0 004.7 13c-.2 1.5-.7 2.5-1.7 3 2.7.9 5.5.5 6-2.1a2.6 2.6 0 00-.5-2.4z",
  erase: "M8 16.5l-4.5-4.5a1.4 1.4 0 010-2l6.5-6.5a1.4 1.4 0 012 0l4.5 4.5a1.4 1.4 0 010 2l-6.5 6.5zM6.8 6.8l6.4 6.4M7.5 16.5H17",
  fill: "M8.5 2.5l7 7-5.8 5.8a1.5 1.5 0 01-2.2 0l-4-4a1.5 1.5 0 010-2.2l5.8-5.8M3.2 10h11.8M17 12.8c.8 1.1 1.2 1.9 1.2 2.5a1.2 1.2 0 01-2.4 0c0-.6.4-1.4 1.2-2.5z",
  pick: "M10 5l5 5M11.5 6.5l-7 7L3.5 16.5l3-1 7-7M13 5l1.2-1.2a1.4 1.4 0 012 2L15 7",
  stamp: "M7.5 12c.7-1.7.5-2.7 0-3.8a2.7 2.7 0 115 0c-.5 1.1-.7 2.1 0 3.8M4 12h12v2.5H4zM4.5 17h11",
  // History and scenes.
  undo: "M6.5 4.5L3 8l3.5 3.5M3 8h9a4.5 4.5 0 010 9H8",
  redo: "M13.5 4.5L17 8l-3.5 3.5M17 8H8a4.5 4.5 0 000 9h4",
  scenes: "M3 3.5h6v6H3zM11 3.5h6v6h-6zM3 11.5h6v5H3zM11 11.5h6v5h-6z",
  open: "M2.5 15.5v-11h5l1.5 2h6.5v2M2.5 15.5l2.5-7h12.5l-2.5 7z",
  new: "M5 2.5h6.5l4 4v11H5zM11.5 2.5v4h4M10 9.5v5M7.5 12h5",
  export: "M10 12.5v-10M6.5 6L10 2.5 13.5 6M3.5 11v6h13v-6",
  random: "M3.5 3.5h13v13h-13zM7 7h.01M13 7h.01M10 10h.01M7 13h.01M13 13h.01",
  history: "M3 10a7 7 0 102-4.9L3 7M3 3v4h4M10 6.5V10l2.5 1.5",
  // The view.
  fit: "M3 7V3h4M13 3h4v4M17 13v4h-4M7 17H3v-4M7 7.5h6v5H7z",
  screen: "M12 3h5v5M17 3l-6 6M8 17H3v-5M3 17l6-6",
  actual: "M4 7l2-1.5v9M16 14.5v-9L14 7M10 8v.01M10 12.5v.01",
  zoomin: "M8.5 3a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM12.5 12.5L17 17M8.5 6v5M6 8.5h5",
  zoomout: "M8.5 3a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM12.5 12.5L17 17M6 8.5h5",
  search: "M8.5 3a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM12.5 12.5L17 17",
  outlines: "M6 3.5h2M11 3.5h3.5a2 2 0 012 2v1M16.5 9.5v3M16.5 15a1.5 1.5 0 01-1.5 1.5h-1.5M10.5 16.5h-3M4.5 16.5a1 1 0 01-1-1v-2M3.5 10.5v-3M3.5 5a1.5 1.5 0 011-1.4",
  layout: "M2.5 4h15v12h-15zM10 4v12",
  single: "M2.5 4h15v12h-15z",
  compare: "M10 2.5v15M7.5 5h-5v10h5M12.5 5h5v10h-5M4.5 12.5l2-2.5",
  original: "M2.5 4h15v12h-15zM2.5 13l4-4 4 4 2.5-2.5 4.5 4.5M13 7.5v.01",
  real: "M2.5 6h3.5l1.5-2.5h5L14 6h3.5v10.5h-15zM10 8a3 3 0 100 6 3 3 0 000-6z",
  overlay: "M10 3l7.5 4-7.5 4-7.5-4zM2.5 10.5l7.5 4 7.5-4M2.5 13.5l7.5 4 7.5-4",
  eye: "M1.5 10S4.5 4.5 10 4.5 18.5 10 18.5 10 15.5 15.5 10 15.5 1.5 10 1.5 10zM10 7.5a2.5 2.5 0 100 5 2.5 2.5 0 000-5z",
  // Objects.
  trash: "M3.5 5.5h13M7.5 5.5v-2h5v2M5 5.5l.8 11.5h8.4l.8-11.5M8.5 8.5v5.5M11.5 8.5v5.5",
  duplicate: "M7 7h10v10H7zM13 7V3H3v10h4",
  move: "M10 2.5v15M2.5 10h15M8 4.5l2-2 2 2M8 15.5l2 2 2-2M4.5 8l-2 2 2 2M15.5 8l2 2-2 2",
  makestamp: "M2.5 10.5h8v7h-8zM6.5 8V5.5M6.5 2.5h3M12.5 2.5H15M17.5 2.5V5M17.5 8v3M17.5 14h-4",
  next: "M7.5 4.5L13 10l-5.5 5.5",
  previous: "M12.5 4.5L7 10l5.5 5.5",
  alike: "M3 3h5.5v5.5H3zM11.5 3H17v5.5h-5.5zM3 11.5h5.5V17H3zM11.5 14l2 2 3.5-4",
  all: "M3 6V3h3M14 3h3v3M17 14v3h-3M6 17H3v-3M6.5 6.5h7v7h-7z",
  style: "M10 2.5a7.5 7.5 0 100 15c1.5 0 1.8-1 1.3-2-.6-1.2 0-2.3 1.5-2.3h2.2a2.5 2.5 0 002.5-2.7C17.2 5.8 14 2.5 10 2.5zM6.5 9v.01M9 6v.01M13 6.5v.01M6.5 12.5v.01",
  class: "M3 3h6.5l7.5 7.5-6.5 6.5L3 9.5zM6.5 6.5v.01",
  mirror: "M10 2.5v15M7.5 5.5v9h-5zM12.5 5.5v9h5z",
  preview: "M3 3.5h6v6H3zM11 3.5h6v6h-6zM3 11.5h6v5H3zM14 11v6M11 14h6",
  // Of the page.
  cancel: "M5 5l10 10M15 5L5 15",
  stop: "M5 5h10v10H5z",
  render: "M16.5 10a6.5 6.5 0 11-2-4.7L16.5 7M16.5 3v4h-4",
  hold: "M7 4.5v11M13 4.5v11",
  byhand: "M6.5 3.5l9.5 6.5-9.5 6.5z",
  connect: "M8 12l4-4M9 6l1.5-1.5a3.5 3.5 0 015 5L14 11M11 14l-1.5 1.5a3.5 3.5 0 01-5-5L6 9",
  help: "M10 2.5a7.5 7.5 0 100 15 7.5 7.5 0 000-15zM7.8 8a2.2 2.2 0 113.3 1.9c-.7.4-1.1.8-1.1 1.6M10 14v.01",
  more: "M4.5 10v.01M10 10v.01M15.5 10v.01",
  plus: "M10 4v12M4 10h12",
  minus: "M4 10h12",
  check: "M4 10.5l4 4 8-9",
  down: "M5.5 8l4.5 4.5L14.5 8",
  warning: "M10 3l7.5 13.5h-15zM10 8v4M10 14.2v.01",
  offline: "M3 3l14 14M2.5 8.5a10.5 10.5 0 013.5-2.2M17.5 8.5a10.5 10.5 0 00-7-2.7M5.5 11.5a6.5 6.5 0 014-1.9M14.5 11.5a6 6 0 00-1-.8M10 15.5v.01",
};

/** Other names of the same picture. */
const SAME = {
  remove: "trash", close: "cancel", keys: "help", retry: "render", copy: "duplicate", fresh: "plus", split: "layout",
  smaller: "minus", larger: "plus", blank: "new",
};

/** Whether there is one of this name. @param {string} name */
export function hasIcon(name) {
  return name in PATHS || name in SAME;
}

/**
 * An icon.
 * @param {string} name
 * @returns {SVGElement}
 */
export function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(space, "path");
  path.setAttribute("d", PATHS[SAME[name] || name] || PATHS.more);
  svg.append(path);
  return svg;
}
