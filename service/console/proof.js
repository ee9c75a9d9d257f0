// A receipt, checked step by step as docs/audit-format.md says. Nothing is asked of the service here.

import { bytes, fromHex, joined, need, same, sha256, toHex, Unproven } from "./encoded.js";
import { readCheckpoint, readKeys, signedBy } from "./note.js";

const MEMBERS = ["audit_id", "checkpoint", "document", "entry", "leaf", "log_index", "position", "proof", "salt"];
const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
const NUMBER = "[1-9][0-9]{0,17}", NAME = "[ !#-\\[\\]-~]{0,256}", HASH = "[0-9a-f]{64}";
const WORD = "[a-z][a-z0-9_]{0,63}";
const ENTRY = new RegExp(
  `^\\["plant-entry/v1","(${UUID})","(${WORD})","(${UUID})",(${NUMBER}),"(${WORD})","(${NAME})","(${NAME})",` +
    `(0|-?${NUMBER}),"(${HASH})","(${HASH})"\\]$`,
);
const LEAF = new RegExp(`^\\["plant-leaf/v1","(${UUID})",(${NUMBER}),"(${HASH})","(${HASH})"\\]$`);
const ENTRY_MAX = 2048;

/** The steps in their order. */
export const STEPS = {
  form: "It is a receipt",
  subject: "It is of what was asked for",
  document: "The document is what the entry names",
  entry: "The entry is what the leaf names",
  inclusion: "The leaf is in the signed tree",
  signature: "The checkpoint is signed with your key",
};

/**
 * Check a receipt against verifier keys (text, one per line; empty: that step is left open).
 *
 * `asked` is { entity, version, tenant } or null. Gives { proven, failed, steps, receipt, entry }: each step
 * has id, verdict ("holds", "fails", "open") and words; after the form fails the rest is open.
 */
export async function check(text, keysText, asked = null) {
  const told = { proven: false, failed: null, steps: [], receipt: null, entry: null };
  const step = async (id, work) => {
    let verdict = "holds", words;
    try {
      words = await work();
      if (words?.open) [verdict, words] = ["open", words.open];
    } catch (fault) {
      verdict = fault instanceof Unproven ? "fails" : "open";
      words = fault.message;
    }
    if (verdict === "fails") told.failed ??= id;
    told.steps.push({ id, title: STEPS[id], verdict, words });
    return verdict === "holds";
  };
  let read = null;
  if (await step("form", async () => ((read = await taken(text)), "Nine members, each once and well written."))) {
    Object.assign(told, { receipt: read.receipt, entry: read.entry });
    if (asked) await step("subject", () => subject(read, asked));
    await step("document", () => documentStep(read));
    await step("entry", () => entryStep(read));
    await step("inclusion", () => inclusionStep(read));
    await step("signature", () => signatureStep(read, keysText));
  }
  told.proven = told.steps.length > 1 && told.steps.every((one) => one.verdict === "holds" || (one.id === "document" && !read.receipt.document && one.verdict === "open"));
  return told;
}

/** Read a receipt: its members in any order, each once, and no others. */
async function taken(text) {
  let receipt;
  try {
    receipt = JSON.parse(text);
  } catch (fault) {
    throw new Unproven(`This is no JSON: ${fault.message}`);
  }
  need(receipt && typeof receipt === "object" && !Array.isArray(receipt), "A receipt is a JSON object.");
  const named = topNames(text);
  need(named.length === MEMBERS.length && Object.keys(receipt).sort().join() === MEMBERS.join(),
    `A receipt has nine members, each once: ${MEMBERS.join(", ")}.`);
  for (const name of ["audit_id", "checkpoint", "entry", "leaf"]) need(typeof receipt[name] === "string", `${name} is no text.`);
  for (const name of ["log_index", "position"]) need(Number.isSafeInteger(receipt[name]) && receipt[name] >= 0, `${name} is no number of an entry.`);
  need((receipt.salt === null) === (receipt.document === null), "Salt and document are there both, or neither.");
  need(receipt.document === null || typeof receipt.document === "string", "document is no text.");
  need(Array.isArray(receipt.proof), "proof is no list of hashes.");
  const proof = receipt.proof.map((one) => fromHex(one, "A hash of the proof", 32));
  if (receipt.salt !== null) fromHex(receipt.salt, "The salt", 16);
  const entry = receipt.entry.length <= ENTRY_MAX && receipt.entry.match(ENTRY);
  need(entry, "The entry is not written as plant-entry/v1.");
  const leaf = receipt.leaf.match(LEAF);
  need(leaf, "The leaf is not written as plant-leaf/v1.");
  const [, tenant, kind, entity, version, operation, actor, key, micros, payload] = entry;
  return {
    receipt, proof,
    entry: { tenant, kind, entity, version: Number(version), operation, actors: actor.split("+"), keys: key.split("+"), micros: BigInt(micros), payload },
    leaf: { tenant: leaf[1], position: BigInt(leaf[2]), entryHash: leaf[3] },
    checkpoint: await readCheckpoint(receipt.checkpoint),
  };
}

/** Name the members of the outer object as often as they stand there: JSON.parse keeps the last. */
function topNames(text) {
  const names = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"\s*:?|[{}[\]]/gs)) {
    if (token.startsWith('"')) {
      if (depth === 1 && token.endsWith(":")) names.push(token);
    } else depth += token === "{" || token === "[" ? 1 : -1;
  }
  return names;
}

function subject({ entry }, asked) {
  need(entry.tenant === asked.tenant, `It is of another tenant, ${entry.tenant}: the service has given another than was asked for.`);
  need(entry.entity === asked.entity && entry.version === asked.version,
    `It is of ${entry.kind} ${entry.entity}, version ${entry.version}: the service has given another than was asked for.`);
  return `${entry.kind} ${entry.entity}, version ${entry.version}.`;
}

async function documentStep({ receipt, entry }) {
  if (receipt.document === null) {
    return { open: "The document is not in this receipt: it was erased or pruned, or somebody has left it out. That something was written, when and by whom is proved all the same; what it said is not." };
  }
  const hash = toHex(await sha256(joined(fromHex(receipt.salt, "The salt", 16), bytes(receipt.document))));
  need(hash === entry.payload, `SHA-256 of salt and document is ${hash}, and the entry names ${entry.payload}.`);
  return `SHA-256 of salt and document is ${hash}, as the entry says.`;
}

async function entryStep({ receipt, entry, leaf }) {
  const hash = toHex(await sha256(bytes(receipt.entry)));
  need(hash === leaf.entryHash, `SHA-256 of the entry is ${hash}, and the leaf names ${leaf.entryHash}.`);
  need(leaf.tenant === entry.tenant, "Entry and leaf are of two tenants.");
  need(leaf.position === BigInt(receipt.position), `The leaf has position ${leaf.position}, and the receipt says ${receipt.position}.`);
  return `SHA-256 of the entry is ${hash}; it has position ${leaf.position} of its tenant.`;
}

async function inclusionStep({ receipt, leaf, proof, checkpoint }) {
  const index = BigInt(receipt.log_index);
  need(leaf.position <= index + 1n, `Index ${index} of the log is too early for position ${leaf.position}.`);
  const start = await sha256(joined([0], bytes(receipt.leaf)));
  const root = await rootOf(start, index, checkpoint.size, proof);
  need(same(root, checkpoint.root), `The proof leads to the root ${toHex(root)}, and signed is ${toHex(checkpoint.root)}.`);
  return `${proof.length} hashes lead from entry ${index} to the root of all ${checkpoint.size}: ${toHex(root)}.`;
}

/** Follow an inclusion proof to the root (RFC 9162, 2.1.3.2). */
export async function rootOf(leaf, index, size, proof) {
  need(index < size, `A log of ${size} entries has no index ${index}.`);
  let node = index, last = size - 1n, root = leaf;
  for (const sibling of proof) {
    need(last > 0n, "The proof has a hash too many.");
    if (node & 1n || node === last) {
      root = await sha256(joined([1], sibling, root));
      while (node && !(node & 1n)) [node, last] = [node >> 1n, last >> 1n];
    } else root = await sha256(joined([1], root, sibling));
    [node, last] = [node >> 1n, last >> 1n];
  }
  need(last === 0n, "The proof has a hash too few.");
  return root;
}

async function signatureStep({ checkpoint }, keysText) {
  if (!keysText.trim()) {
    return { open: `No key was given. The checkpoint says that ${checkpoint.origin} signed it; without the log's key that is only a claim.` };
  }
  const ids = await signedBy(checkpoint, await readKeys(keysText));
  return `Ed25519 of ${checkpoint.origin}, key ${ids.join(", ")}, over a log of ${checkpoint.size} entries.`;
}
