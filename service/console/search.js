// Search by meaning and spelling, and how it was searched.

import { ask } from "./api.js";
import { address, choice, counted, field, h, table } from "./dom.js";
import { badge } from "./names.js";
import { KINDS, STATES, kindOf, spoken } from "./words.js";

const LIMIT = 20;
const MODES = {
  hybrid: "by meaning and by spelling",
  vector: "by meaning alone",
  lexical: "by spelling alone",
};

/** Show the form, and what was found for the address. */
export async function search({ body, query }) {
  body.append(form(query));
  const text = query.get("text") ?? "";
  if (!text) {
    body.append(h("p", { class: "mild" }, "Say what you look for in your own words; slips of the pen are forgiven."));
    return null;
  }
  const asked = { text, limit: LIMIT };
  if (query.get("kind")) asked.kinds = [query.get("kind")];
  if (query.get("status")) asked.status = [query.get("status")];
  const found = (await ask("/v1/search", { method: "POST", body: asked })).json;
  const told = counted(found.items.length, "entity", "entities");
  body.append(
    h("p", {}, `The ${told} nearest to “${text}”, compared ${MODES[found.mode] ?? found.mode}`,
      ` (mode ${found.mode}, model ${found.model}). `,
      found.exact ? "Everything was compared." : "An index led to them: one that is as near may have been missed.",
    ),
    found.items.length ? results(found.items) : h("p", { class: "empty" }, "Nothing was found."),
  );
  return `${told} found`;
}

function form(query) {
  const text = h("input", { name: "text", type: "search", required: true, maxlength: 1000, value: query.get("text") ?? "" });
  const kind = choice("kind", [["", "all kinds"], ...KINDS.map((one) => [one.name, one.many])], query.get("kind") ?? "");
  const status = choice("status", [["", "in force"], ...STATES.map((one) => [one, spoken(one)])], query.get("status") ?? "");
  const submit = (event) => {
    event.preventDefault();
    location.hash = address("search", { text: text.value, kind: kind.value, status: status.value });
  };
  return h("form", { class: "filters", role: "search", "aria-label": "Search the registry", onsubmit: submit },
    h("div", { class: "grow" }, field("Look for", text)), field("Kind", kind), field("State", status),
    h("button", { type: "submit", class: "main" }, "Search"));
}

const clipped = (text) => (text.length > 80 ? `${text.slice(0, 80)}…` : text);

function results(items) {
  const number = (value) => (value === null ? "–" : value.toFixed(3));
  return table("Found", ["Name", "Found by", "Kind", "~State", "~Score", "~Meaning", "~Spelling"],
    items.map(({ entity, score, parts, matched_label: label }) =>
      h("tr", {},
        h("th", { scope: "row" }, h("a", { href: address(`${kindOf(entity.entity_type).path}/${entity.id}`) }, entity.name)),
        h("td", {}, label && label !== entity.name ? `“${clipped(label)}”` : h("span", { class: "mild" }, "its name")),
        h("td", { class: "nowrap" }, kindOf(entity.entity_type).one),
        h("td", { class: "spare" }, badge(entity.status)),
        h("td", { class: "number spare" }, number(score)),
        h("td", { class: "number mild spare" }, number(parts.vector)),
        h("td", { class: "number mild spare" }, number(parts.lexical)))));
}
