// The log: the checkpoint that anyone may have, and the tenant's entries for who has scope audit.

import { ask, may, Problem, shownProblem } from "./api.js";
import { address, counted, field, h, section, short, table, time } from "./dom.js";
import { agentName, entityLink, findAgents, findEntities, isVisible } from "./names.js";
import { DONE, kindOf, spoken } from "./words.js";

const LIMIT = 50;

/** Ask for the checkpoint: origin, size, root and the note itself; where there is none, why. */
export async function checkpointOf() {
  try {
    const note = (await ask("/v1/audit/checkpoint")).text;
    const [origin, size, root] = note.split("\n");
    return { origin, size: Number(size), root, note };
  } catch (fault) {
    if (!(fault instanceof Problem)) throw fault;
    return { origin: fault.message };
  }
}

/** Show the log. */
export async function log({ body, query }) {
  const { origin, size, root, note } = await checkpointOf();
  body.append(
    h("p", { class: "lead" }, "Every change is an entry. Their hashes form one tree, whose size and root are signed."),
    section("What is signed", size === undefined ? h("p", {}, origin) : [
      h("dl", { class: "fields" },
        h("div", {}, h("dt", {}, "Log"), h("dd", {}, h("code", {}, origin))),
        h("div", {}, h("dt", {}, "Entries of all tenants"), h("dd", {}, size.toLocaleString("en"))),
        h("div", {}, h("dt", {}, "Root"), h("dd", {}, h("code", {}, root)))),
      h("details", {}, h("summary", {}, "The signed note, to be kept"), h("pre", { tabindex: "0" }, note)),
      h("p", { class: "mild" }, "Who keeps a note can show later whether the log has only grown since. It shows nothing by itself: ",
        h("a", { href: address("receipt") }, "check a receipt"), " with the log's key."),
    ]),
  );
  body.append(section("Entries of your tenant", may("audit") ? await entries(query) : h("p", { class: "problem" },
    "This key has no scope ", h("code", {}, "audit"), ", which the entries need. Ask for a key that has it; receipts of single versions need ",
    h("code", {}, "read"), " only.")));
  return null;
}

async function entries(query) {
  const after = query.get("after") ?? "";
  const asked = new URLSearchParams([["limit", LIMIT], ...(/^\d+$/.test(after) ? [["after", after]] : [])]);
  const input = h("input", { name: "after", inputmode: "numeric", pattern: "[0-9]{1,18}", value: after });
  const submit = (event) => {
    event.preventDefault();
    location.hash = address("log", { after: input.value });
  };
  const form = h("form", { class: "filters", onsubmit: submit, "aria-label": "Go to a position" },
    field("Entries behind position", input), h("button", { type: "submit" }, "Go"),
    h("button", { type: "button", onclick: async () => { location.hash = address("log", { after: await newest() }); } }, "Newest"));
  try {
    const page = (await ask(`/v1/audit/entries?${asked}`)).json;
    const read = page.items.map((item) => ({ ...item, parts: JSON.parse(item.entry) }));
    await findAgents(read.flatMap(({ parts }) => parts[6].split("+")));
    await findEntities(read.map(({ parts }) => (kindOf(parts[2]) ? parts[3] : null)));
    const last = page.items.at(-1)?.position;
    return [form,
      read.length ? table("Entries, oldest first", ["Position", "~When", "What", "By", "Entity", "~Leaf hash", "Proof"], read.map(row))
        : h("p", { class: "empty" }, "No entry has a place behind that position."),
      h("nav", { class: "pages", "aria-label": "Pages" },
        after ? h("a", { href: address("log") }, "First page") : null,
        page.next_cursor ? h("a", { rel: "next", href: address("log", { after: last }) }, "Next page")
          : h("span", { class: "mild" }, `${counted(read.length, "entry", "entries")}; this is the end so far.`))];
  } catch (fault) {
    return [form, shownProblem(fault)];
  }
}

/** Find the position behind which the last entries are, by halving: a tenant is not told its end. */
async function newest() {
  let [low, high] = [0, (await checkpointOf()).size ?? 0];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const there = (await ask(`/v1/audit/entries?limit=1&after=${middle - 1}`)).json.items.length;
    [low, high] = there ? [middle, high] : [low, middle - 1];
  }
  return Math.max(0, low - LIMIT);
}

function row({ position, leaf_hash: leaf, parts }) {
  const [, , kind, entity, version, operation, actor, , micros] = parts;
  const known = kindOf(kind);
  const actors = actor.split("+");
  return h("tr", {},
    h("th", { scope: "row", class: "number" }, position),
    h("td", { class: "nowrap spare" }, time(new Date(Math.floor(micros / 1000)).toISOString())),
    h("td", {}, `${spoken(kind)} ${DONE[operation] ?? spoken(operation)}`),
    h("td", {}, actors.map((one, at) => [at ? " + " : "", agentName(one)])),
    h("td", {}, known ? entityLink(entity) : short(entity)),
    h("td", { class: "spare" }, short(leaf, 12)),
    h("td", {}, known && isVisible(entity) ? h("a", { href: address("receipt", { kind: known.path, id: entity, version }),
      "aria-label": `Prove the entry at position ${position}` }, "Prove") : null));
}
