// Taking a step: which may be taken with this key, and a dialogue that asks for the reason.

import { ask, may, session, shownProblem } from "./api.js";
import { announce, field, h } from "./dom.js";
import { badge, forget } from "./names.js";
import { spoken } from "./words.js";

/** List the steps that come next, each with its scope, and a button where the key has that. */
export function steps(kind, item, etag, next, redraw) {
  if (!next.length) return h("p", { class: "mild" }, "Archived is final: no step leads on.");
  const mine = item.governance_agent_id === session.me.governance_agent.id;
  const shown = next.filter((step) => step.own === undefined || step.own === mine || step.to === "certified");
  return h("ul", { class: "steps" }, shown.map((step) => {
    const lacks = !may(step.scope) && ["needs a key with scope ", h("code", {}, step.scope)];
    const own = step.own === false && mine && "needs another governance agent: nobody certifies their own work";
    const button = h("button", { type: "button", onclick: () => dialogue(kind, item, etag, step, redraw) }, step.word);
    return h("li", {},
      lacks || own ? h("span", { class: "off" }, step.word) : button,
      h("span", {}, " to ", badge(step.to), " ",
        h("span", { class: "mild" }, lacks || own || ["with scope ", h("code", {}, step.scope), ", which this key has"])));
  }));
}

function dialogue(kind, item, etag, step, redraw) {
  const reason = h("textarea", { name: "reason", rows: 3, required: true, maxlength: 2000 });
  const successor = h("input", { name: "successor", pattern: "[0-9a-fA-F\\-]{36}", autocomplete: "off" });
  const wrong = h("div", {});
  const send = h("button", { type: "submit", class: "main" }, step.word);
  const box = h("dialog", { "aria-labelledby": "step-title" });
  const close = () => box.close();
  const submit = async (event) => {
    event.preventDefault();
    send.disabled = true;
    wrong.replaceChildren();
    const body = { to: step.to, reason: reason.value };
    if (successor.value) body.successor_id = successor.value;
    try {
      const path = `/v1/${kind.path}/${item.id}/status`;
      await ask(path, { method: "POST", body, headers: { "If-Match": etag } });
      forget(item.id);
      close();
      await redraw();
      announce(`${item.name} is ${spoken(step.to)} now.`);
    } catch (fault) {
      wrong.replaceChildren(shownProblem(fault));
      if (fault.slug === "precondition-failed") {
        wrong.append(h("p", {}, h("button", { type: "button", onclick: async () => { close(); await redraw(); } },
          "Close, and show it as it is now")));
      }
      send.disabled = false;
    }
  };
  box.append(
    h("form", { onsubmit: submit },
      h("h2", { id: "step-title" }, `${step.word}: ${item.name}`),
      h("p", {}, badge(item.status), " → ", badge(step.to),
        `. Version ${item.version} is meant: if it has changed meanwhile, nothing is done.`),
      step.to === "archived" ? h("p", { class: "warning" }, "This is final: nothing leads back from archived.") : null,
      field("Reason", reason, "Kept beside the log entry for good."),
      step.to === "deprecated"
        ? field("Id of its successor (may be left out)", successor, `A ${kind.one.toLowerCase()} that is certified or active; needed while others in force depend on this.`)
        : null,
      wrong,
      h("p", { class: "buttons" }, send, h("button", { type: "button", onclick: close }, "Cancel"))),
  );
  box.addEventListener("close", () => box.remove());
  document.body.append(box);
  box.showModal();
  reason.focus();
}
