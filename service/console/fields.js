// The fields of a document, with names for ids.

import { address, counted, h, short, time } from "./dom.js";
import { entityLink, findEntities } from "./names.js";
import { spoken } from "./words.js";

const SHOWN_ABOVE = new Set(["name", "description", "status", "version", "governance_agent_id", "updated_at", "entity_type"]);
const ONE = new Set(["industry_id", "job_role_id", "team_id"]);
const MANY = new Set(["parent_ids", "skill_ids"]);
const CALLED = {
  id: "Id", external_id: "Your own id", parent_ids: "Parents", skill_ids: "Skills", industry_id: "Industry",
  job_role_id: "Job role", team_id: "Team", embedding_sha256: "SHA-256 of its own vector",
  required_skills: "Needed skills", custom_attributes: "Attributes",
};
const SHORT_LIST = 12;

/** Show the fields as a list of terms; ids are looked up first. */
export async function fields(kind, item) {
  const ids = Object.entries(item).flatMap(([name, value]) => {
    if (ONE.has(name) && value) return [value];
    if (MANY.has(name)) return value;
    return name === "required_skills" ? value.map((one) => one.id) : [];
  });
  await findEntities(ids);
  const own = Object.entries(item).filter(([name]) => !SHOWN_ABOVE.has(name));
  const rows = own.filter(([, value]) => !isEmpty(value)).map(([name, value]) => [called(name), shown(name, value)]);
  if (kind.name === "team") {
    rows.push(["Members", h("a", { href: address("agents", { team_id: item.id }) }, "Agents of this team")]);
  }
  const empty = own.filter(([, value]) => isEmpty(value)).map(([name]) => called(name));
  if (empty.length) rows.push(["Empty", h("span", { class: "mild" }, empty.join(", "))]);
  return h("dl", { class: "fields" }, rows.map(([term, told]) => h("div", {}, h("dt", {}, term), h("dd", {}, told))));
}

const called = (name) => CALLED[name] ?? spoken(name).replace(/^./, (letter) => letter.toUpperCase());
const isEmpty = (value) => value === null || value === "" || (typeof value === "object" && !Object.keys(value).length);

function shown(name, value) {
  if (ONE.has(name)) return entityLink(value);
  if (MANY.has(name)) return listed(value.map(entityLink));
  if (name === "required_skills") {
    return listed(value.map((one) => [entityLink(one.id), one.relation === "optional" ? h("span", { class: "mild" }, " optional") : null]));
  }
  if (name === "tags") return h("ul", { class: "tags" }, value.map((tag) => h("li", {}, tag)));
  if (name === "aliases") return listed(value);
  if (name.endsWith("_at")) return time(value);
  if (name.endsWith("sha256")) return short(value, 16);
  if (name === "id") return h("code", {}, value);
  if (typeof value === "object") {
    return h("pre", { tabindex: "0" }, JSON.stringify(value, null, 2));
  }
  return ["category", "seniority_level"].includes(name) ? spoken(value) : String(value);
}

function listed(items) {
  const list = (some) => h("ul", { class: "plain" }, some.map((one) => h("li", {}, one)));
  if (items.length <= SHORT_LIST) return list(items);
  return [
    list(items.slice(0, SHORT_LIST)),
    h("details", {}, h("summary", {}, counted(items.length - SHORT_LIST, "more", "more")), list(items.slice(SHORT_LIST))),
  ];
}
