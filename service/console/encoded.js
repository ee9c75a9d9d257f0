// Bytes as text, read in the one spelling that each value has, and the one hash there is.

/** What does not hold, in a sentence. */
export class Unproven extends Error {}

/** Go no further with what does not hold. */
export function need(holds, message) {
  if (!holds) throw new Unproven(message);
}

/** Give the bytes of a text. */
export function bytes(text) {
  need(text.isWellFormed(), "The text is not Unicode.");
  return new TextEncoder().encode(text);
}

/** Read lower-case hex of so many bytes. */
export function fromHex(text, what, length) {
  need(typeof text === "string" && text.length === 2 * length && /^[0-9a-f]*$/.test(text),
    `${what} is not ${2 * length} digits of lower-case hex.`);
  return Uint8Array.from({ length }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
}

/** Write bytes as hex. */
export const toHex = (some) => Array.from(some, (one) => one.toString(16).padStart(2, "0")).join("");

/** Read standard base64 with padding; other spellings of the same bytes are refused. */
export function fromBase64(text, what, length = null) {
  let read = null;
  try {
    read = atob(text);
  } catch {
    // Said below.
  }
  need(read !== null && btoa(read) === text, `${what} is not base64.`);
  need(length === null || read.length === length, `${what} has ${read.length} bytes, not ${length}.`);
  return Uint8Array.from(read, (one) => one.charCodeAt(0));
}

/** Put bytes one after the other. */
export function joined(...parts) {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}

/** Compare bytes. */
export const same = (one, other) => toHex(one) === toHex(other);

/** Hash bytes with SHA-256. */
export async function sha256(some) {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", some));
}
