// Which page is shown: the address after the # decides. Focus goes to its heading.

import { keptKey, session, shownProblem, signIn, signOut } from "./api.js";
import { browse } from "./browse.js";
import { address, announce, h } from "./dom.js";
import { entity } from "./entity.js";
import { log } from "./log.js";
import { overview } from "./overview.js";
import { receipt } from "./receipt.js";
import { search } from "./search.js";
import { signInPage } from "./signin.js";
import { KINDS, kindOf } from "./words.js";

const kinds = KINDS.map((kind) => kind.path).join("|");
const PAGES = [
  { at: /^$/, title: () => "Overview", show: overview },
  { at: new RegExp(`^(${kinds})$`), title: ([, path]) => kindOf(path).many, show: browse },
  { at: new RegExp(`^(${kinds})/([0-9a-f-]{36})$`), title: ([, path]) => kindOf(path).one, show: entity },
  { at: /^search$/, title: () => "Search", show: search },
  { at: /^log$/, title: () => "The log", show: log },
  { at: /^receipt$/, title: () => "Check a receipt", show: receipt },
];
const MENU = [["", "Overview"], ...KINDS.map((kind) => [kind.path, kind.many]), ["search", "Search"],
  ["log", "Log"], ["receipt", "Receipt"]];

const main = document.getElementById("main");
let opened = false;

async function show() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const found = PAGES.map((page) => [page, path.match(page.at)]).find(([, match]) => match);
  frame(path);
  if (!session.me) return signedOut();
  const [page, match] = found ?? [null, null];
  const heading = h("h1", { tabindex: "-1" }, page ? page.title(match) : "Nothing here");
  const body = h("div", { class: "body", "aria-busy": "true" });
  main.replaceChildren(heading, body);
  settle(heading);
  try {
    if (!page) throw new Error("The console has no such page. Its menu has all of them.");
    const told = await page.show({ heading, body, match, query: new URLSearchParams(query) });
    if (told && heading.isConnected) announce(told);
  } catch (fault) {
    body.append(shownProblem(fault));
  }
  body.removeAttribute("aria-busy");
  if (heading.isConnected) document.title = `${heading.textContent} · Plant`;
}

/** Name the page and put the focus on its heading; not when the page was opened just now. */
function settle(heading) {
  document.title = `${heading.textContent} · Plant`;
  scrollTo(0, 0);
  if (opened) heading.focus({ preventScroll: true });
  opened = true;
}

function signedOut(fault = null) {
  const heading = h("h1", { tabindex: "-1" }, "Sign in with an API key");
  const body = h("div", { class: "body" });
  main.replaceChildren(heading, body);
  settle(heading);
  signInPage(body, async (key) => {
    await signIn(key);
    await show();
  });
  if (fault) body.prepend(shownProblem(fault));
}

/** Draw what stands around every page. */
function frame(path) {
  const menu = document.getElementById("menu");
  menu.hidden = !session.me;
  const here = path.split("/")[0];
  menu.replaceChildren(
    ...MENU.map(([to, words]) =>
      h("a", { href: address(to), "aria-current": to === here ? "page" : null }, words),
    ),
  );
  const me = session.me;
  document.getElementById("who").replaceChildren(
    ...(me
      ? [
          h("span", { title: `Scopes: ${me.scopes.join(", ")}` }, h("b", {}, me.governance_agent.name), ` of ${me.tenant.name}`),
          h("button", { type: "button", onclick: leave }, "Sign out"),
        ]
      : []),
  );
}

function leave() {
  signOut();
  show();
}

addEventListener("hashchange", show);
addEventListener("plant-signed-out", () => {
  signOut();
  frame("");
  signedOut(new Error("The key is not taken any more: it may have expired or been revoked."));
});
document.getElementById("skip").addEventListener("click", () => main.querySelector("h1").focus());

if (keptKey()) {
  try {
    await signIn(keptKey());
  } catch (fault) {
    frame("");
    signedOut(fault);
  }
}
if (session.me || !main.querySelector("form")) await show();
