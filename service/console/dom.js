// Elements out of data. Text becomes text: nothing here or elsewhere reads HTML out of data.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `on…` are listeners, null and false are left out, children are text or nodes. */
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** Make an element of a picture. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  return added(element, children);
}

/** Add children to an element: text or nodes, in lists or alone; null and false are left out. */
export function added(element, ...children) {
  const there = (child) => child !== null && child !== undefined && child !== false;
  element.append(...children.flat(Infinity).filter(there));
  return element;
}

/** Put children in the place of those that are there. */
export function changed(element, ...children) {
  element.replaceChildren();
  return added(element, children);
}

let numbered = 0;

/** Make an id that no other element has. */
export function fresh(word) {
  numbered += 1;
  return `${word}-${numbered}`;
}

/** Make a section with its heading. */
export function section(title, ...children) {
  const id = fresh("part");
  return h("section", { "aria-labelledby": id }, h("h2", { id }, title), children);
}

/** Make a labelled field of a form. */
export function field(label, control, hint = null) {
  const id = fresh("field");
  control.id = id;
  const told = hint && h("small", { id: `${id}-hint` }, hint);
  if (told) control.setAttribute("aria-describedby", `${id}-hint`);
  return h("div", { class: "field" }, h("label", { for: id }, label), control, told);
}

/** Make a choice out of pairs of value and words. */
export function choice(name, pairs, chosen) {
  const options = pairs.map(([value, words]) =>
    h("option", { value, selected: value === chosen }, words),
  );
  return h("select", { name }, options);
}

/**
 * Make a table that may be wider than the screen: then it is scrolled, by keys too.
 *
 * A head that begins with ~ is left out on narrow screens; its cells have the class spare.
 */
export function table(caption, heads, rows) {
  const spare = (one) => (one.startsWith("~") ? "spare" : null);
  const head = h("tr", {}, heads.map((one) => h("th", { scope: "col", class: spare(one) }, one.replace(/^~/, ""))));
  return h(
    "div",
    { class: "wide", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      {},
      h("caption", { class: "unseen" }, caption),
      h("thead", {}, head),
      h("tbody", {}, rows),
    ),
  );
}

/** Show a time to the second, in UTC; all six digits are in its title. In tables narrow screens have the day. */
export function time(text) {
  return h("time", { datetime: text, title: text }, text.slice(0, 10), h("span", { class: "clock" }, ` ${text.slice(11, 19)} UTC`));
}

/** Show an id or a hash by its beginning; the whole is in its title and is copied. */
export function short(text, length = 8) {
  return h("code", { class: "short", title: text }, `${text.slice(0, length)}…`);
}

/** Say something to whoever listens to the page. */
export function announce(text) {
  document.getElementById("live").textContent = text;
}

/** Write an address of this page. */
export function address(path, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().filter((one) => one !== "" && one !== null && one !== undefined)
      .map((one) => [name, String(one)]),
  );
  const written = new URLSearchParams(pairs).toString();
  return `#/${path}${written ? `?${written}` : ""}`;
}

/** Write "1 entry", "2 entries". */
export function counted(number, one, many) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}
