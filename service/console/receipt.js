// The proof as a person meets it: a receipt, a key of one's own, and each step with its verdict.

import { ask, Problem, session, shownProblem } from "./api.js";
import { address, announce, field, h, section, time } from "./dom.js";
import { agentName, findAgents } from "./names.js";
import { check } from "./proof.js";
import { DONE, kindOf, spoken } from "./words.js";

const PINNED = "plant-log-keys", WAIT_S = 10;
const MARKS = { holds: "✓", fails: "✗", open: "?" };
const VERDICTS = { holds: "holds", fails: "does not hold", open: "left open" };

/** Show the page: with an address that names a version its receipt is fetched and checked. */
export async function receipt({ heading, body, query }) {
  const kind = kindOf(query.get("kind") ?? "");
  const asked = kind && { entity: query.get("id"), version: Number(query.get("version")), tenant: session.me.tenant.id };
  const keys = h("textarea", { name: "keys", rows: 2, spellcheck: "false", placeholder: "name+1234abcd+A…" });
  keys.value = localStorage.getItem(PINNED) ?? "";
  const text = h("textarea", { name: "receipt", rows: 8, spellcheck: "false", required: true, placeholder: "{…}" });
  const verdict = h("div", {}), steps = h("div", {});
  const run = async () => {
    if (!globalThis.crypto?.subtle) {
      verdict.replaceChildren(shownProblem(new Error("This browser computes hashes only for pages of https or of this machine (127.0.0.1, localhost). Open the console there, or check with plant audit verify --offline.")));
      return;
    }
    const told = await check(text.value, keys.value, asked);
    const signed = told.steps.find((one) => one.id === "signature")?.verdict === "holds";
    if (signed && keys.value.trim()) localStorage.setItem(PINNED, keys.value.trim());
    verdict.replaceChildren(await outcome(told));
    steps.replaceChildren(stepsOf(told));
    announce(summary(told));
  };
  if (kind) {
    heading.textContent = `Proof of version ${asked.version}`;
    body.append(h("p", { class: "subtitle" }, h("a", { href: address(`${kind.path}/${asked.entity}`) }, `Back to the ${kind.one.toLowerCase()}`)));
    text.value = (await fetched(kind, asked)) ?? "";
    if (!text.value) {
      body.append(h("p", { class: "problem", role: "alert" }, "The change is not sealed yet. That takes a fraction of a second where the log is led; reload this page."));
    }
  }
  const submit = async (event) => {
    event.preventDefault();
    await run();
  };
  body.append(h("p", { class: "lead" }, "The receipt is checked in this browser, step by step: the service has no part in the verdict. As this page came from the service too, whoever doubts it checks the same receipt with ", h("code", {}, "plant audit verify --offline"), "."),
    verdict,
    h("form", { onsubmit: submit, class: "proof" },
      keyField(keys, run), steps,
      section("The receipt", field("Receipt", text, kind ? "Change any of it and check again: see which step notices." : "As it was kept, or as the service gave it."),
        h("p", { class: "buttons" }, h("button", { type: "submit" }, kind ? "Check again" : "Check this"),
          h("button", { type: "button", onclick: async () => { text.value = altered(text.value); await run(); verdict.scrollIntoView({ block: "nearest" }); } }, "Alter one letter of the document and check")))));
  if (text.value) await run();
  return null;
}

function keyField(keys, run) {
  const forget = h("button", { type: "button", onclick: async () => { keys.value = ""; localStorage.removeItem(PINNED); await run(); keys.focus(); } }, "Forget the key");
  return h("div", { class: "card" },
    field("The log's verifier key, from somebody you trust", keys,
      "One in each line. It is kept in this browser once it has held, until you forget it."),
    h("p", {}, "This page does not ask the service for the key: whoever made a log up would hand out the key that fits. Where the service runs, its operator prints it:"),
    h("pre", { tabindex: "0" }, "plant audit key"),
    h("p", { class: "mild" }, "After ", h("code", {}, "make run"), " that is ", h("code", {}, ".venv/bin/plant audit key"),
      " in the same folder. Without a key the other steps show that receipt and checkpoint agree with each other, and nothing about who made them."),
    h("p", { class: "buttons" }, h("button", { type: "submit", class: "main" }, "Check"), forget));
}

async function fetched(kind, asked) {
  const query = new URLSearchParams({ version: asked.version, wait: WAIT_S });
  const answer = await ask(`/v1/${kind.path}/${asked.entity}/receipt?${query}`);
  if (answer.status === 202) return null;
  if (!answer.json) throw new Problem(answer.status, { title: "No receipt" });
  return answer.text;
}

/** Change one letter of the document in a receipt, so that the check has something to find. */
function altered(text) {
  try {
    const read = JSON.parse(text);
    const document = JSON.parse(read.document);
    const name = document.name;
    document.name = name.slice(0, -1) + (name.endsWith("x") ? "y" : "x");
    read.document = read.document.replace(JSON.stringify(name), JSON.stringify(document.name));
    return JSON.stringify(read);
  } catch {
    return `${text} `;
  }
}

function summary(told) {
  if (told.failed) return `Not proven: ${told.steps.find((one) => one.id === told.failed).title.toLowerCase()}, that does not hold.`;
  return told.proven ? "Proven." : "Not proven yet.";
}

async function outcome(told) {
  const state = told.failed ? "fails" : told.proven ? "holds" : "open";
  const failed = told.steps.find((one) => one.id === told.failed);
  const lead = {
    holds: told.receipt?.document === null
      ? "Proven, but for what it said: that this was written stands in the log that your key signed."
      : "Proven: this stands in the log that your key signed.",
    open: "Not proven yet: everything agrees, but no key of yours says whose log it is. Paste it below.",
    fails: `Not proven. This step fails: ${failed?.title}.`,
  }[state];
  return h("section", { class: `card outcome ${state}`, "aria-label": "Verdict" },
    h("p", { class: "big" }, h("span", { class: "mark", "aria-hidden": "true" }, MARKS[state]), " ", lead),
    told.entry ? await claim(told) : null);
}

function stepsOf(told) {
  return section("What was checked", h("ol", { class: "verdicts" }, told.steps.map((one) =>
    h("li", { class: one.verdict, "data-step": one.id },
      h("b", {}, one.title), " ", h("span", { class: "word" }, VERDICTS[one.verdict]),
      h("p", { class: "mild" }, one.words)))));
}

/** Say in words what the receipt claims. */
async function claim({ entry, receipt, failed }) {
  // Ids are given by whoever restores an export: in another tenant they name somebody else.
  const own = entry.tenant === session.me.tenant.id;
  if (own) await findAgents(entry.actors);
  const [writer, certifier] = entry.actors.map((actor) => (own ? agentName(actor) : actor));
  const at = new Date(Number(entry.micros / 1000n)).toISOString();
  let name = null;
  try {
    name = JSON.parse(receipt.document).name;
  } catch {
    // An erased document has none, and a broken one is told of below.
  }
  return h("p", {}, failed ? "It claims: " : "It says: ", h("b", {}, writer), ` ${DONE[entry.operation] ?? spoken(entry.operation)} `,
    certifier ? ["and ", h("b", {}, certifier), " certified "] : null,
    `the ${spoken(entry.kind)} `, name ? h("b", {}, `“${name}”`) : h("code", {}, entry.entity),
    `, version ${entry.version}, at `, time(at),
    own ? "." : [". It is of ", h("b", {}, "another tenant than yours"), ": ", h("code", {}, entry.tenant), "."]);
}
