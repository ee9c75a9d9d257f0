// Requests to the JSON API with the reader's key, which is in no address and leaves with the tab.

import { h } from "./dom.js";

const KEPT = "plant-key";

/** A refusal of the service, with what it says. */
export class Problem extends Error {
  constructor(status, said) {
    super(said.detail ?? said.title ?? `The service answered ${status}.`);
    this.status = status;
    this.said = said;
    this.slug = (said.type ?? "").split("#")[1] ?? "";
  }
}

export const session = { me: null };

/** Give the key that is kept until the tab is closed; nothing when there is none. */
export function keptKey() {
  return sessionStorage.getItem(KEPT) ?? "";
}

/** Find out whose key it is, and keep it. */
export async function signIn(key) {
  if (!/^[\x21-\x7e]+$/.test(key)) {
    throw new Error("A key is one word of plain characters, as plant key create printed it.");
  }
  sessionStorage.setItem(KEPT, key);
  try {
    session.me = (await ask("/v1/me")).json;
  } catch (fault) {
    signOut();
    throw fault;
  }
}

/** Forget the key. */
export function signOut() {
  sessionStorage.removeItem(KEPT);
  session.me = null;
}

/** Tell whether the key has one of these scopes. */
export function may(...scopes) {
  return scopes.some((scope) => session.me.scopes.includes(scope));
}

/** Send a request; raises Problem for a refusal. Gives status, text, json and etag. */
export async function ask(path, { method = "GET", body, headers = {} } = {}) {
  const sent = { ...headers };
  if (keptKey()) sent.Authorization = `Bearer ${keptKey()}`;
  if (body !== undefined) sent["Content-Type"] = "application/json";
  let answer, text;
  try {
    answer = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
    });
    text = await answer.text();
  } catch {
    const detail = "Nothing was heard from the service. Is it running, and can it be reached?";
    throw new Problem(0, { title: "No answer", detail });
  }
  const media = answer.headers.get("Content-Type") ?? "";
  const json = media.includes("json") ? readJson(text) : null;
  if (!answer.ok) {
    if (answer.status === 401 && session.me) dispatchEvent(new Event("plant-signed-out"));
    throw new Problem(answer.status, json ?? { title: answer.statusText });
  }
  return { status: answer.status, text, json, etag: answer.headers.get("ETag") };
}

/** Read JSON so that numbers are shown as they were written, however long. */
export function readJson(text) {
  return JSON.parse(text, (_, value, context) => {
    if (typeof value !== "number" || !context || !JSON.rawJSON) return value;
    return String(value) === context.source ? value : JSON.rawJSON(context.source);
  });
}

/** Show what went wrong: words, the fields, and where the catalogue explains it. */
export function shownProblem(fault) {
  if (!(fault instanceof Problem)) {
    return h("div", { class: "problem", role: "alert" }, h("p", {}, fault.message));
  }
  const said = fault.said;
  const faults = (said.errors ?? []).map((one) =>
    h("li", {}, one.pointer ? h("code", {}, one.pointer) : null, ` ${one.message ?? ""}`),
  );
  return h(
    "div",
    { class: "problem", role: "alert" },
    h("p", {}, h("strong", {}, `${said.title ?? "Refused"}${fault.status ? ` (${fault.status})` : ""}. `), said.detail),
    faults.length ? h("ul", {}, faults) : null,
    said.dependents?.length
      ? [h("p", {}, `${said.count ?? said.dependents.length} in force depend on it:`),
         h("ul", {}, said.dependents.map((one) => h("li", {}, one.name)))]
      : null,
    said.required_scope
      ? h("p", {}, "The scope that is missing: ", h("code", {}, said.required_scope), ".")
      : null,
    h(
      "p",
      { class: "mild" },
      fault.slug ? h("a", { href: `/docs/errors#${fault.slug}` }, "What this problem means") : null,
      said.request_id ? ` Request ${said.request_id}` : null,
    ),
  );
}
