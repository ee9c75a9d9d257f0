// A kind as a list: filters, pages.

import { ask } from "./api.js";
import { added, address, choice, counted, field, h, table, time } from "./dom.js";
import { badge, findEntities, entityLink } from "./names.js";
import { STATES, kindOf, spoken } from "./words.js";

/** Filters that come from links of other pages; these have no field of their own. */
const OTHERS = ["external_id", "parent_id", "category", "seniority_level", "industry_id", "job_role_id",
  "skill_id", "team_id", "scheme"];
const LIMIT = 25;

/** Show a page of a kind. */
export async function browse({ body, match, query }) {
  const kind = kindOf(match[1]);
  const others = OTHERS.flatMap((name) => query.getAll(name).map((value) => [name, value]));
  added(body, form(kind, query, others), await chips(kind, query, others));
  const asked = new URLSearchParams([["limit", LIMIT]]);
  for (const name of ["status", "name", "tag", "cursor", ...OTHERS]) {
    for (const value of query.getAll(name)) asked.append(name, value);
  }
  const page = (await ask(`/v1/${kind.path}?${asked}`)).json;
  body.append(list(kind, page.items), next(kind, query, page));
  return counted(page.items.length, "entity on this page", "entities on this page");
}

function form(kind, query, others) {
  const status = choice("status", [["", "any"], ...STATES.map((one) => [one, spoken(one)])], query.get("status") ?? "");
  const name = h("input", { name: "name", type: "search", maxlength: 255, value: query.get("name") ?? "" });
  const tag = h("input", { name: "tag", type: "search", maxlength: 64, value: query.get("tag") ?? "" });
  const submit = (event) => {
    event.preventDefault();
    const given = { status: status.value, name: name.value, tag: tag.value };
    location.hash = address(kind.path, { ...given, ...grouped(others) });
  };
  return h("form", { class: "filters", role: "search", "aria-label": `Filter ${kind.many.toLowerCase()}`, onsubmit: submit },
    field("State", status), field("Name begins with", name), field("Tag", tag),
    h("button", { type: "submit", class: "main" }, "Filter"));
}

async function chips(kind, query, others) {
  if (!others.length) return null;
  const isId = (name) => name.endsWith("_id") && name !== "external_id";
  await findEntities(others.filter(([name]) => isId(name)).map(([, value]) => value));
  return h("ul", { class: "chips" }, others.map(([name, value]) => {
    const left = others.filter((one) => one[0] !== name || one[1] !== value);
    const kept = { status: query.get("status"), name: query.get("name"), tag: query.get("tag") };
    return h("li", {}, `${spoken(name.replace(/_id$/, ""))}: `, isId(name) ? entityLink(value) : value, " ",
      h("a", { href: address(kind.path, { ...kept, ...grouped(left) }), "aria-label": `Remove the filter ${spoken(name)}` }, "remove"));
  }));
}

const grouped = (pairs) =>
  Object.fromEntries(pairs.map(([name]) => [name, pairs.filter((one) => one[0] === name).map((one) => one[1])]));

function list(kind, items) {
  if (!items.length) return h("p", { class: "empty" }, "Nothing here meets that.");
  return table(kind.many, ["Name", "State", "~Version", "Changed", "~Tags"], items.map((item) =>
    h("tr", {},
      h("th", { scope: "row" }, h("a", { href: address(`${kind.path}/${item.id}`) }, item.name)),
      h("td", {}, badge(item.status)),
      h("td", { class: "number spare" }, item.version),
      h("td", { class: "nowrap" }, time(item.updated_at)),
      h("td", { class: "spare" }, h("ul", { class: "tags" }, item.tags.map((tag) => h("li", {}, tag)))))));
}

function next(kind, query, page) {
  const links = [];
  const kept = Object.fromEntries([...query.keys()].map((name) => [name, query.getAll(name)]));
  delete kept.cursor;
  if (query.has("cursor")) links.push(h("a", { href: address(kind.path, kept) }, "First page"));
  if (page.next_cursor) {
    links.push(h("a", { rel: "next", href: address(kind.path, { ...kept, cursor: page.next_cursor }) }, "Next page"));
    if (!page.items.length) links.unshift(h("span", {}, "This page is empty, but the list goes on: "));
  } else links.push(h("span", { class: "mild" }, "This is the end of the list."));
  return h("nav", { class: "pages", "aria-label": "Pages" }, links);
}
