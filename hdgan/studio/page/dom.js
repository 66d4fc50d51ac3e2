// Making elements, and the ways of groups that have one tab stop.

/**
 * Makes an element.
 * @param {string} tag
 * @param {object} [attributes] `class`, `title`, `aria-...`; functions as listeners (`onclick`)
 * @param {...(Node|string|null|false)} children what is null or false is left out
 * @returns {HTMLElement}
 */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null && child !== false));
  return element;
}

/** Writes a text only where it differs, so that nothing is read out twice. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets an attribute, or takes it away where the value is null. */
export function setAttribute(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/**
 * Makes a group of buttons one tab stop: arrows, Home and End go about in it.
 * Call `roving` again (it costs little) whenever its members changed.
 * @param {HTMLElement} group
 * @param {(member: HTMLElement) => void} [reach] what to do where arrows lead, such as choosing
 */
export function makeRoving(group, reach = undefined) {
  group.addEventListener("focusin", (event) => {
    const member = /** @type {HTMLElement} */ (event.target).closest("[data-stop]");
    if (member) roving(group, /** @type {HTMLElement} */ (member));
  });
  group.addEventListener("keydown", (event) => {
    const to = target(group, event);
    if (!to) return;
    event.preventDefault();
    event.stopPropagation();
    to.focus();
    to.scrollIntoView({ block: "nearest", inline: "nearest" });
    if (reach) reach(to);
  });
}

/**
 * Gives one member the group's tab stop.
 * @param {HTMLElement} group
 * @param {HTMLElement | null} [chosen] else the one that has it, else the first
 */
export function roving(group, chosen = null) {
  const members = stops(group);
  const one = chosen || members.find((member) => member.tabIndex === 0) || members[0];
  for (const member of members) member.tabIndex = member === one ? 0 : -1;
}

/** The members that can be reached: not disabled, not hidden. */
function stops(group) {
  const members = /** @type {HTMLElement[]} */ ([...group.querySelectorAll("[data-stop]")]);
  return members.filter((one) => !one.matches("[hidden], .other-kind, :disabled"));
}

/** Where an arrow key leads, null for other keys. */
function target(group, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  const members = stops(group), at = members.indexOf(event.target);
  if (at < 0) return null;
  const across = rowLength(members), n = members.length;
  const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: across, ArrowUp: -across };
  if (event.key === "Home") return members[0];
  if (event.key === "End") return members[n - 1];
  if (!(event.key in steps)) return null;
  const to = at + steps[event.key];
  if (to >= 0 && to < n) return members[to];
  return across > 1 && Math.abs(steps[event.key]) > 1 ? members[at] : members[(to + n) % n];
}

/** How many members stand in the first line, as they are laid out. */
function rowLength(members) {
  const top = members[0].offsetTop;
  const next = members.findIndex((one) => one.offsetTop > top + 4);
  if (next >= 0) return next;
  return members.length > 1 && members[1].offsetTop <= top + 4 ? members.length : 1;
}
