// The versions of an entity: who made each, and what is different between two.

import { ask, shownProblem } from "./api.js";
import { address, announce, changed, choice, counted, field, h, short, table, time } from "./dom.js";
import { agentName, badge, findAgents } from "./names.js";
import { DONE, spoken } from "./words.js";

const PAGE = 50, LOOKED_MAX = 10;

/** Ask for a page of versions, newest first. */
export async function versionsOf(path, cursor = null) {
  const query = new URLSearchParams([["limit", PAGE], ...(cursor ? [["cursor", cursor]] : [])]);
  return (await ask(`${path}/versions?${query}`)).json;
}

/**
 * Find the newest version that was certified, and by whom, from a page of versions on.
 *
 * Where there is none: the version that was restored, how many were looked at, `before` included,
 * and the cursor of those that were not.
 */
export async function certification(path, first, before = 0) {
  let page = first, looked = before;
  for (let pages = 1; ; pages += 1) {
    for (const one of page.items) {
      const { version, at } = one;
      if (one.certified_by) return { version, at, by: one.certified_by.governance_agent_id, imported: true };
      if (one.operation === "certify") return { version, at, by: one.governance_agent_id, imported: false };
    }
    looked += page.items.length;
    const restored = page.items.find((one) => one.operation === "restore");
    const next = page.next_cursor;
    if (!next || pages === LOOKED_MAX) return { restored, looked, next };
    page = await versionsOf(path, next);
  }
}

/** Show the versions as a table that grows, and a form that compares two of them. */
export async function history(kind, path, first) {
  const versions = [];
  const place = h("div", {});
  const more = h("button", { type: "button" }, "Show older versions");
  let cursor = null;
  const add = async (page) => {
    versions.push(...page.items);
    cursor = page.next_cursor;
    await findAgents(page.items.flatMap((one) => [one.governance_agent_id, one.certified_by?.governance_agent_id]));
    changed(place, rows(kind, path, versions), versions.length > 1 ? comparison(path, versions) : null);
    more.hidden = !cursor;
  };
  more.addEventListener("click", async () => {
    await add(await versionsOf(path, cursor));
    announce(counted(versions.length, "version is shown", "versions are shown"));
  });
  await add(first);
  return [place, more];
}

function rows(kind, path, versions) {
  const id = path.split("/").pop();
  return table("Versions", ["Version", "~State", "What happened", "By", "When", "~Key", "Proof"], versions.map((one) =>
    h("tr", {},
      h("th", { scope: "row", class: "number" }, one.version),
      h("td", { class: "spare" }, badge(one.status)),
      h("td", {}, DONE[one.operation] ?? spoken(one.operation)),
      h("td", {}, agentName(one.governance_agent_id),
        one.certified_by ? [", certified by ", h("b", {}, agentName(one.certified_by.governance_agent_id))] : null),
      h("td", { class: "nowrap" }, time(one.at)),
      h("td", { class: "spare" }, short(one.key_id, 13)),
      h("td", { class: "nowrap" }, h("a", {
        href: address("receipt", { kind: kind.path, id, version: one.version }),
        "aria-label": `Prove version ${one.version}`,
      }, "Prove")))));
}

function comparison(path, versions) {
  const options = versions.map((one) => [String(one.version), `${one.version} (${DONE[one.operation] ?? one.operation})`]);
  const from = choice("from", options, String(versions[1].version));
  const to = choice("to", options, String(versions[0].version));
  const place = h("div", {});
  const submit = async (event) => {
    event.preventDefault();
    try {
      place.replaceChildren(...(await compared(path, from.value, to.value)));
    } catch (fault) {
      place.replaceChildren(shownProblem(fault));
    }
  };
  return [
    h("form", { class: "filters", onsubmit: submit, "aria-label": "Compare two versions" },
      field("Compare version", from), field("with version", to), h("button", { type: "submit" }, "Show differences")),
    place,
  ];
}

async function compared(path, from, to) {
  const [difference, before] = await Promise.all([
    ask(`${path}/diff?${new URLSearchParams({ from, to })}`),
    ask(`${path}?${new URLSearchParams({ version: from })}`),
  ]);
  const patch = difference.json.patch;
  announce(counted(patch.length, "difference", "differences"));
  if (!patch.length) return [h("p", { class: "empty" }, "They are the same.")];
  const words = { add: "added", remove: "removed", replace: "changed" };
  return [table(`From version ${from} to ${to}`, ["Field", "~", `Version ${from}`, `Version ${to}`], patch.map((one) =>
    h("tr", {},
      h("th", { scope: "row" }, h("code", {}, one.path)),
      h("td", { class: "mild spare" }, words[one.op] ?? one.op),
      h("td", {}, one.op === "add" ? nothing() : h("del", {}, written(valueAt(before.json, one.path)))),
      h("td", {}, one.op === "remove" ? nothing() : h("ins", {}, written(one.value))))))];
}

const nothing = () => h("span", { class: "mild" }, "not there");
const written = (value) => (typeof value === "string" ? value : JSON.stringify(value));

/** Follow a JSON Pointer (RFC 6901). */
function valueAt(document, pointer) {
  return pointer.split("/").slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((value, part) => value?.[part], document);
}
