// The first page of who is signed in: how to prove something, how much there is, how the log stands.

import { ask, may, session } from "./api.js";
import { chart } from "./chart.js";
import { address, counted, h, section, table, time } from "./dom.js";
import { checkpointOf } from "./log.js";
import { KINDS, STATES, spoken } from "./words.js";

/** Show the overview. */
export async function overview({ body }) {
  body.append(path());
  const place = h("div", {}, h("p", { class: "mild" }, "Counting …"));
  body.append(section("What is registered", place), section("The log", await standing()), section("Your key", key()));
  if (!may("read")) {
    place.replaceChildren(h("p", {}, "This key has no scope read, so it is shown no entities."));
    return null;
  }
  const counts = new Map();
  for (const item of (await ask("/v1/counts")).json.items) {
    counts.set(`${item.entity_type} ${item.status}`, item.count);
  }
  const total = [...counts.values()].reduce((sum, one) => sum + one, 0);
  place.replaceChildren(
    h("p", {}, `${counted(total, "entity", "entities")} of tenant ${session.me.tenant.name} are visible to this key. `,
      h("span", { class: "mild" }, "Drafts are seen by their author alone.")),
    chart(counts), numbers(counts),
  );
  return counted(total, "entity", "entities");
}

function path() {
  return h("section", { class: "card path", "aria-labelledby": "path" },
    h("h2", { id: "path" }, "Prove something in three steps"),
    h("ol", {},
      h("li", {}, h("a", { href: address("skills", { status: "active" }) }, "Find an active skill"),
        " in the list, or ", h("a", { href: address("search") }, "search"), " for one."),
      h("li", {}, "Open it: it says who certified it, and when."),
      h("li", {}, "Press “Prove it in this browser”: the receipt is checked here, step by step, not by the service.")));
}

function numbers(counts) {
  const at = (kind, state) => counts.get(`${kind} ${state}`) ?? 0;
  const rows = KINDS.map((kind) => {
    const cells = STATES.map((state) => {
      const number = at(kind.name, state);
      const link = h("a", {
        href: address(kind.path, { status: state }),
        "aria-label": `${number} ${spoken(state)} ${kind.many.toLowerCase()}`,
      }, number.toLocaleString("en"));
      return h("td", { class: "number" }, number ? link : h("span", { class: "mild" }, "0"));
    });
    const sum = STATES.reduce((all, state) => all + at(kind.name, state), 0);
    return h("tr", {}, h("th", { scope: "row" }, h("a", { href: address(kind.path) }, kind.many)), cells,
      h("td", { class: "number" }, h("b", {}, sum.toLocaleString("en"))));
  });
  const made = table("Entities by kind and state", ["Kind", ...STATES.map(spoken), "all"], rows);
  made.classList.add("counts");
  return made;
}

function key() {
  const { governance_agent: agent, tenant, scopes, key: own } = session.me;
  return h("p", {}, "It speaks for the governance agent ", h("b", {}, agent.name), ` of tenant ${tenant.name}, with `,
    scopes.length === 1 ? "scope " : "scopes ", scopes.map((one, at) => [at ? ", " : "", h("code", {}, one)]), ", ",
    own.expires_at ? ["until ", time(own.expires_at)] : "without an end", ".");
}

async function standing() {
  const { size, origin } = await checkpointOf();
  if (size === undefined) return h("p", {}, origin);
  return h("p", {},
    `${counted(size, "change is", "changes are")} sealed in the log `, h("code", {}, origin), ". ",
    h("a", { href: address("log") }, "Look at the log"), ".");
}
