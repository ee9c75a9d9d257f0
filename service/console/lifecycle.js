// The life cycle as a picture: where the entity stands, what is allowed next and by which scope.

import { h, svg } from "./dom.js";
import { steps } from "./steps.js";
import { STATES, STEPS, spoken } from "./words.js";

const ROAD = STATES.slice(0, 5);
const NARROW = "(max-width: 44rem)";

/** Show the picture and, below it, the steps. */
export function lifeCycle(kind, item, etag, redraw) {
  const now = item.status;
  const next = STEPS.filter((step) => step.from === now);
  const told = next.map((step) => `${step.word} to ${spoken(step.to)}, scope ${step.scope}`).join("; ");
  const picture = matchMedia(NARROW).matches ? upright(now, next) : across(now, next);
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label",
    `The life cycle: ${ROAD.map(spoken).join(", ")}; any of them may be archived. ` +
    `It is ${spoken(now)} now. ${next.length ? `Next: ${told}.` : "Nothing comes after that."}`);
  return [h("figure", {}, picture), steps(kind, item, etag, next, redraw)];
}

const allowed = (next, to) => next.filter((step) => step.to === to).map((step) => step.scope);
const look = (on) => (on ? "way on" : "way");

function box(state, now, next, x, y, width, height) {
  const kind = state === now ? "box now" : allowed(next, state).length ? "box next" : "box";
  return svg("g", { class: kind },
    svg("rect", { x, y, width, height, rx: 7 }),
    svg("text", { x: x + width / 2, y: y + height / 2 + 4.5, "text-anchor": "middle" },
      state === now ? `● ${spoken(state)}` : spoken(state)));
}

/** An arrow along a path; its head has the look of its line, so no marker is shared. */
function arrow(path, tip, turn, on) {
  return svg("g", { class: look(on) },
    svg("path", { d: path }),
    svg("path", { class: "head", d: "M-8,-4.5 L0,0 L-8,4.5 Z", transform: `translate(${tip}) rotate(${turn})` }));
}

const scopes = (text, x, y, anchor = "middle") => svg("text", { class: "scope", x, y, "text-anchor": anchor }, text);

function across(now, next) {
  const width = 124, height = 38, gap = 50, top = 46, left = 4, bus = 122, low = 148;
  const x = (index) => left + index * (width + gap);
  const middle = top + height / 2;
  const ways = ROAD.slice(1).map((to, index) => {
    const on = now === ROAD[index], from = x(index) + width, tip = x(index + 1) - 2;
    return [arrow(`M${from + 2},${middle} H${tip - 6}`, `${tip},${middle}`, 0, on),
      on ? scopes(allowed(next, to).join(", "), (from + tip) / 2, middle - 8) : null];
  });
  const back = now === "under_review";
  const [start, end] = [x(1) + width / 2, x(0) + width / 2];
  ways.push(arrow(`M${start},${top - 2} C${start},8 ${end},8 ${end},${top - 8}`, `${end},${top - 2}`, 90, back),
    back ? scopes("certify, or its author with write", (start + end) / 2, 12) : null);
  const centre = x(2) + width / 2;
  const downs = ROAD.map((state, index) => {
    const from = x(index) + width / 2;
    return svg("g", { class: look(state === now) }, svg("path", { d: `M${from},${top + height + 2} V${bus} H${centre}` }));
  });
  const on = ROAD.includes(now);
  downs.sort((one) => (one.getAttribute("class") === "way on" ? 1 : -1));
  downs.push(arrow(`M${centre},${bus} V${low - 8}`, `${centre},${low - 2}`, 90, on),
    on ? scopes("write, once nothing in force depends on it", centre + 12, low - 10, "start") : null);
  const boxes = ROAD.map((state, index) => box(state, now, next, x(index), top, width, height));
  return svg("svg", { class: "cycle", viewBox: `0 0 ${x(4) + width + left} ${low + height + 4}` },
    downs, ways, boxes, box("archived", now, next, centre - width / 2, low, width, height));
}

function upright(now, next) {
  const width = 128, height = 34, gap = 32, left = 92, top = 4, bus = 256;
  const y = (index) => top + index * (height + gap);
  const centre = left + width / 2, right = left + width;
  const ways = ROAD.slice(1).map((to, index) => {
    const on = now === ROAD[index], from = y(index) + height, tip = y(index + 1) - 2;
    return [arrow(`M${centre},${from + 2} V${tip - 6}`, `${centre},${tip}`, 90, on),
      on ? scopes(allowed(next, to).join(", "), centre + 10, (from + tip) / 2 + 4, "start") : null];
  });
  const back = now === "under_review";
  const [start, end] = [y(1) + height / 2, y(0) + height / 2];
  ways.push(arrow(`M${left - 2},${start} C48,${start} 48,${end} ${left - 8},${end}`, `${left - 2},${end}`, 0, back),
    back ? [scopes("certify", 2, (start + end) / 2 - 3, "start"), scopes("or write", 2, (start + end) / 2 + 13, "start")] : null);
  const low = y(5) + height / 2;
  const sides = ROAD.map((state, index) => svg("g", { class: look(state === now) },
    svg("path", { d: `M${right + 2},${y(index) + height / 2} H${bus} V${low}` })));
  sides.sort((one) => (one.getAttribute("class") === "way on" ? 1 : -1));
  const on = ROAD.includes(now);
  sides.push(arrow(`M${bus},${low} H${right + 8}`, `${right + 2},${low}`, 180, on),
    on ? scopes("write", bus + 8, low, "start") : null);
  const boxes = STATES.map((state, index) => box(state, now, next, left, y(index), width, height));
  return svg("svg", { class: "cycle narrow", viewBox: `0 0 300 ${y(5) + height + 4}` }, sides, ways, boxes);
}
