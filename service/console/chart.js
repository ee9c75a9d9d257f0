// Counts per kind and state as bars. The table beside it has the same numbers for everyone.

import { h, svg } from "./dom.js";
import { KINDS, STATES, spoken } from "./words.js";

const LEFT = 84, RIGHT = 76, ROW = 32, BAR = 20, LEAST = 3;
const WIDE = 720, NARROW = 330;

/** Draw the bars: one scale for all kinds; what is there is seen, be it ever so few. */
export function chart(counts) {
  const at = (kind, state) => counts.get(`${kind.name} ${state}`) ?? 0;
  const sums = KINDS.map((kind) => STATES.reduce((sum, state) => sum + at(kind, state), 0));
  const width = matchMedia("(max-width: 44rem)").matches ? NARROW : WIDE;
  const scale = (width - LEFT - RIGHT) / Math.max(1, ...sums);
  const rows = KINDS.map((kind, row) => {
    const y = row * ROW + (ROW - BAR) / 2;
    let x = LEFT;
    const parts = STATES.map((state) => {
      const number = at(kind, state);
      if (!number) return null;
      const long = Math.max(LEAST, number * scale);
      const bar = svg("rect", { class: `bar ${state}`, x, y, width: long - 1, height: BAR },
        svg("title", {}, `${kind.many}, ${spoken(state)}: ${number}`));
      x += long;
      return bar;
    });
    return svg("g", {},
      svg("text", { class: "label", x: LEFT - 10, y: y + 14, "text-anchor": "end" }, kind.many),
      parts,
      svg("text", { class: "sum", x: x + 8, y: y + 14 }, sums[row].toLocaleString("en")));
  });
  const height = KINDS.length * ROW;
  const picture = svg("svg", {
    class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": "Bars: how many entities of each kind there are, by state. The table below has the numbers.",
  }, rows);
  const legend = h("ul", { class: "legend", "aria-hidden": "true" }, STATES.map((state) =>
    h("li", {}, svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14 },
      svg("rect", { class: `bar ${state}`, width: 14, height: 14 })), spoken(state))));
  return h("figure", {}, picture, legend);
}
