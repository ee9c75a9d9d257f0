// Checkpoints and the keys that sign them: c2sp.org/signed-note and c2sp.org/tlog-checkpoint.

import { bytes, fromBase64, fromHex, joined, need, same, sha256, toHex, Unproven } from "./encoded.js";

const NOTE_MAX = 65536, SIGNATURES_MAX = 64, ED25519 = 1;
const isName = (text) => /^[^\s+\p{C}]+$/u.test(text);

/** Read verifier keys, one in each line, as `plant audit key` prints them. */
export async function readKeys(text) {
  // Behind a key that command says which of several it is.
  const lines = text.split("\n").map((line) => line.trim().split(/\s+/)[0]).filter(Boolean);
  return Promise.all(lines.map(readKey));
}

async function readKey(line) {
  const found = line.match(/^([^+]+)\+([^+]+)\+(.+)$/);
  need(found && isName(found[1]), "A verifier key is <name>+<8 hex digits>+<base64>.");
  const [, name, given, material] = found;
  const raw = fromBase64(material, "The last part of the verifier key", 33);
  need(raw[0] === ED25519, "This is no Ed25519 key of a log.");
  const id = (await sha256(joined(bytes(`${name}\n`), raw))).slice(0, 4);
  need(same(id, fromHex(given, "The key id", 4)), "The key id does not belong to the key: a part of it is altered.");
  return { name, id, raw: raw.slice(1) };
}

/** Take a checkpoint apart; nothing is verified yet. */
export async function readCheckpoint(note) {
  const end = note.lastIndexOf("\n\n");
  need(note.length <= NOTE_MAX && end > 0 && note.endsWith("\n"), "The checkpoint is no signed note.");
  const text = note.slice(0, end + 1);
  need(!/[\0-\x09\x0b-\x1f]/.test(text), "The text of a note has no control characters.");
  const signatures = note.slice(end + 2, -1).split("\n").map(readSignature);
  need(signatures.length <= SIGNATURES_MAX, "A note has at most 64 signatures.");
  const [origin, size, encoded, ...rest] = text.slice(0, -1).split("\n");
  need(isName(origin), "The first line of a checkpoint is the name of the log.");
  need(/^(0|[1-9][0-9]{0,17})$/.test(size ?? ""), "The second line of a checkpoint is the number of entries.");
  need(rest.every(Boolean), "No line of a checkpoint is empty.");
  const root = fromBase64(encoded ?? "", "The root in the checkpoint", 32);
  need(size !== "0" || same(root, await sha256(new Uint8Array())), "An empty log has another root.");
  return { text, origin, size: BigInt(size), root, signatures };
}

function readSignature(line) {
  const found = line.match(/^— (\S+) (\S+)$/);
  need(found && isName(found[1]), "A signature is a line: a dash, the key's name, base64.");
  const made = fromBase64(found[2], "A signature");
  need(made.length > 4, "A signature is too short.");
  return { name: found[1], id: made.slice(0, 4), made: made.slice(4) };
}

/** Check that a pinned key of the log has signed a checkpoint, and give the ids of those that have. */
export async function signedBy(checkpoint, keys) {
  const message = bytes(checkpoint.text);
  const good = [];
  for (const key of keys) {
    for (const one of checkpoint.signatures) {
      if (one.name !== key.name || !same(one.id, key.id)) continue;
      need(await holds(key, one.made, message), `The signature of ${key.name} is not that of this checkpoint.`);
      good.push(key);
    }
  }
  const names = [...new Set(checkpoint.signatures.map((one) => `${one.name}+${toHex(one.id)}`))].join(", ");
  need(good.length, `None of your keys has signed this; it was signed by ${names}.`);
  need(good.some((key) => key.name === checkpoint.origin), `The checkpoint is of ${checkpoint.origin}, and another log's key signed it.`);
  return good.map((key) => toHex(key.id));
}

async function holds(key, signature, message) {
  try {
    const read = await crypto.subtle.importKey("raw", key.raw, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", read, signature, message);
  } catch (fault) {
    if (fault.name === "NotSupportedError") throw new Error("This browser cannot check Ed25519 signatures.");
    throw new Unproven(`The signature of ${key.name} is none.`);
  }
}
