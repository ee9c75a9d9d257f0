// Names for ids: of entities and of governance agents, asked for together and kept for the page's life.

import { ask, may, Problem } from "./api.js";
import { address, h, short } from "./dom.js";
import { kindOf, spoken } from "./words.js";

const AT_ONCE = 50;
const entities = new Map();
const agents = new Map();

/** Find the entities of some ids; those that the key does not see stay unknown. */
export async function findEntities(ids) {
  for (const item of await found("/v1/entities", ids, entities)) entities.set(item.id, item);
}

/** Find the governance agents of some ids. */
export async function findAgents(ids) {
  for (const item of await found("/v1/governance-agents", ids, agents)) {
    agents.set(item.id, item.name);
  }
}

async function found(path, ids, known) {
  const wanted = [...new Set(ids)].filter((id) => id && !known.has(id));
  if (!may("read")) return [];
  const items = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    items.push(...(await some(path, wanted.slice(at, at + AT_ONCE))));
  }
  return items;
}

/** Ask for some; where they are larger than an answer may be, for half of them at a time. */
async function some(path, ids) {
  const query = new URLSearchParams(ids.map((id) => ["id", id]));
  try {
    return (await ask(`${path}?${query}`)).json.items;
  } catch (fault) {
    if (!(fault instanceof Problem) || fault.said.fitting === undefined || ids.length < 2) throw fault;
    const half = Math.ceil(ids.length / 2);
    return [...(await some(path, ids.slice(0, half))), ...(await some(path, ids.slice(half)))];
  }
}

/** Forget an entity, because it has changed. */
export function forget(id) {
  entities.delete(id);
}

/** Tell whether an entity that was looked for is seen by the key. */
export const isVisible = (id) => entities.has(id);

/** Show an entity by its name, as a link; by its id where the key does not see it. */
export function entityLink(id) {
  const item = entities.get(id);
  if (!item) return h("span", {}, short(id), h("span", { class: "mild" }, " not visible to this key"));
  const kind = kindOf(item.entity_type);
  return h("a", { href: address(`${kind.path}/${id}`) }, item.name);
}

/** Show a governance agent by its name. */
export function agentName(id) {
  const name = agents.get(id);
  return name ? h("span", { class: "agent", title: id }, name) : short(id);
}

/** Show a state: its word, and a mark that differs in form. */
export function badge(state) {
  return h("span", { class: `state ${state ?? "gone"}` }, spoken(state) || "content gone");
}
