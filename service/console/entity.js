// One entity: what it is, where it stands, who certified it, what was, what depends on it.

import { ask, shownProblem } from "./api.js";
import { added, address, announce, h, section, time } from "./dom.js";
import { fields } from "./fields.js";
import { certification, history, versionsOf } from "./history.js";
import { lifeCycle } from "./lifecycle.js";
import { agentName, badge, findAgents, forget } from "./names.js";
import { compliance, dependents } from "./standing.js";
import { kindOf } from "./words.js";

/** Show an entity. */
export async function entity({ heading, body, match }) {
  const kind = kindOf(match[1]);
  const path = `/v1/${kind.path}/${match[2]}`;
  const [{ json: item, etag }, versions] = await Promise.all([ask(path), versionsOf(path)]);
  forget(item.id);
  heading.textContent = item.name;
  const certified = await certification(path, versions);
  await findAgents([item.governance_agent_id, ...named(certified)]);
  const redraw = async () => {
    body.setAttribute("aria-busy", "true");
    body.replaceChildren();
    await entity({ heading, body, match }).catch((fault) => body.append(shownProblem(fault)));
    body.removeAttribute("aria-busy");
    heading.focus();
  };
  added(body,
    h("p", { class: "subtitle" },
      h("a", { href: address(kind.path) }, kind.one), " · ", badge(item.status), ` · version ${item.version} · changed `,
      time(item.updated_at), " · accountable: ", agentName(item.governance_agent_id)),
    item.description ? h("p", { class: "lead" }, item.description) : null,
    proof(kind, item, path, certified),
    section("Life cycle", lifeCycle(kind, item, etag, redraw)),
    h("div", { class: "two" }, section("Document", await fields(kind, item)), await compliance(path)),
    section("History", await history(kind, path, versions)),
    await dependents(path),
  );
  return `${kind.one} ${item.name}`;
}

/** Name the governance agents that the card of a certification shows. */
const named = (found) => [found.by, found.restored?.governance_agent_id];

/** Say who certified it, and lead to the proof of that. */
function proof(kind, item, path, certified) {
  const at = (version) => address("receipt", { kind: kind.path, id: item.id, version });
  if (!certified.by) {
    const card = h("section", { class: "card", "aria-label": "Certification" },
      uncertified(certified),
      h("p", {}, h("a", { href: at(item.version) }, `Prove version ${item.version} in this browser`)));
    const look = async () => {
      try {
        const further = await certification(path, await versionsOf(path, certified.next), certified.looked);
        await findAgents(named(further));
        const place = proof(kind, item, path, further);
        card.replaceWith(place);
        announce(place.querySelector("p").innerText);
        place.querySelector("button, a").focus();
      } catch (fault) {
        card.append(shownProblem(fault));
      }
    };
    card.querySelector("button")?.addEventListener("click", look);
    return card;
  }
  return h("section", { class: "card certified", "aria-label": "Certification" },
    h("p", {}, "Certified by ", h("b", {}, agentName(certified.by)), " on ", time(certified.at),
      ` as version ${certified.version}`,
      certified.imported ? ", with the import that wrote it." : "."),
    h("p", {},
      h("a", { class: "button", href: at(certified.version) }, "Prove it in this browser"),
      certified.version === item.version ? null
        : [" ", h("a", { href: at(item.version) }, `or prove the present version ${item.version}`)]));
}

/** Say that no certification was found, and among which versions. */
function uncertified({ restored, looked, next }) {
  if (next) {
    return [
      h("p", {}, `Not certified in the newest ${looked.toLocaleString("en")} versions that this key sees; older ones were not looked at.`),
      h("p", {}, h("button", { type: "button" }, "Look at older versions")),
    ];
  }
  if (restored) {
    return h("p", {}, "Restored by ", h("b", {}, agentName(restored.governance_agent_id)), " on ", time(restored.at),
      ` as version ${restored.version}: who certified it stands in the log that it came from.`);
  }
  return h("p", {}, h("b", {}, "Not certified"), " in any version that this key sees.");
}
