// How an entity stands: what depends on it, and which checks it meets.

import { ask, shownProblem } from "./api.js";
import { address, announce, counted, h, section, table, time } from "./dom.js";
import { badge, entityLink, findEntities } from "./names.js";
import { CHECKS, RELATIONS, kindOf } from "./words.js";

const PAGE = 25;

/** Show what refers to an entity, page after page. */
export async function dependents(path) {
  const list = h("tbody", {});
  const more = h("button", { type: "button" }, "Show more");
  const place = h("div", {});
  let cursor = null, shown = 0;
  const add = async () => {
    const query = new URLSearchParams([["limit", PAGE], ...(cursor ? [["cursor", cursor]] : [])]);
    const page = (await ask(`${path}/dependents?${query}`)).json;
    list.append(...page.items.map(row));
    shown += page.items.length;
    cursor = page.next_cursor;
    more.hidden = !cursor;
  };
  more.addEventListener("click", async () => {
    await add();
    announce(counted(shown, "dependent is shown", "dependents are shown"));
  });
  try {
    await add();
    const made = table("What depends on it", ["Name", "Kind", "How", "State", "Keeps it from being archived"], []);
    made.querySelector("tbody").replaceWith(list);
    place.append(shown ? made : h("p", { class: "empty" }, "Nothing refers to it."), more);
  } catch (fault) {
    place.append(shownProblem(fault));
  }
  return section("What depends on it", place);
}

function row(one) {
  const kind = kindOf(one.entity_type);
  return h("tr", {},
    h("th", { scope: "row" }, h("a", { href: address(`${kind.path}/${one.id}`) }, one.name)),
    h("td", { class: "nowrap" }, kind.one),
    h("td", {}, RELATIONS[one.relation] ?? one.relation),
    h("td", {}, badge(one.status)),
    h("td", {}, one.in_force ? "yes" : "no"));
}

/** Show each check with its verdict, those that fail first. */
export async function compliance(path) {
  try {
    const found = (await ask(`${path}/compliance`)).json;
    await findEntities(found.checks.flatMap((check) => check.violations.map((one) => one.entity_id)));
    const failed = found.checks.filter((check) => !check.passed);
    const checks = [...failed, ...found.checks.filter((check) => check.passed)];
    return section("Compliance",
      h("p", {}, failed.length
        ? [h("b", {}, `${counted(failed.length, "check fails", "checks fail")}`), ` of ${found.checks.length}`]
        : [h("b", {}, "Compliant"), `: all ${found.checks.length} checks pass`],
      ", asked of the tables and the log at ", time(found.checked_at), "."),
      h("ul", { class: "verdicts" }, checks.map(verdict)));
  } catch (fault) {
    return section("Compliance", shownProblem(fault));
  }
}

function verdict(check) {
  return h("li", { class: check.passed ? "holds" : "fails" },
    h("b", {}, check.passed ? "passes" : "fails"), " ", h("code", {}, check.id), ` ${CHECKS[check.id] ?? ""}`,
    check.violations.length
      ? h("ul", {}, check.violations.map((one) =>
          h("li", {}, one.message, one.entity_id ? [" ", entityLink(one.entity_id)] : null)))
      : null);
}
