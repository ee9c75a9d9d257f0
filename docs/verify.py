"""Check a proof bundle of Plant: that a tenant's history is complete, in order and unchanged.

    python verify.py --key VKEY BUNDLE [--trust CHECKPOINT_OR_RECEIPT ...]

VKEY is the log's key from somebody you trust. Exit code 0: intact, 1: not what was sealed, 2: could
not tell. It needs Python 3.11 and `cryptography`, no more. audit-format.md has the formats.
"""

import argparse
import json
import re
import sys
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
WORD, NAME, HASH = "[a-z][a-z0-9_]{0,63}", r"[ !#-\[\]-~]{0,256}", "[0-9a-f]{64}"
# Format, tenant, kind, entity, version, operation, actor, key, time, hashes of document and entry.
ENTRY = re.compile(
    rf'\["plant-entry/v1","({UUID})","{WORD}","({UUID})",([1-9][0-9]{{0,17}}),"({WORD})",'
    rf'"{NAME}","{NAME}",(0|-?[1-9][0-9]{{0,17}}),"({HASH})","({HASH})"\]'
)
PROOF, SIZE = rf'\[(?:"{HASH}",?)*\]', "(?:0|[1-9][0-9]{0,17})"
FIRST = re.compile(rf'{{"format":"plant-proof/v1","tenant_id":"({UUID})"}}\n'.encode())
LAST = re.compile(
    rf'{{"count":(?:0,"log_index":null,"proof":\[\]|[1-9][0-9]*,"log_index":{SIZE},"proof":{PROOF})'
    rf',"checkpoint":"(?:[^"\\]|\\[n"\\])*"'
    rf'(?:,"consistency":\[(?:{{"size":{SIZE},"proof":{PROOF}}},?)+\])?}}\n'.encode()
)
NOTE = re.compile(
    rf"((.+)\n({SIZE})\n([A-Za-z0-9+/]{{42}}[048AEIMQUYcgkosw]=)\n(?:[^\0-\x1f]+\n)*)\n"
    rf"((?:— [^\s+]+ \S+\n){{1,64}})"
)
LEAF = re.compile(rf'\["plant-leaf/v1","({UUID})",([1-9][0-9]{{0,17}}),"{HASH}","{HASH}"\]')
NOT_SHOWN, SALT = (b"withheld", b"erased", b"pruned"), re.compile(b"[0-9a-f]{32}")
Keys = dict[tuple[str, bytes], Ed25519PublicKey]
Checkpoint = tuple[str, int, bytes]


class ProofError(ValueError):
    """A sentence, and the exit code: 1 is not what was sealed, 2 could not tell."""


def need(holds: Any, message: str, code: int = 1) -> Any:
    """Give back what holds; go no further with what does not."""
    if not holds:
        raise ProofError(message, code)
    return holds


def read_key(vkey: str) -> tuple[tuple[str, bytes], Ed25519PublicKey]:
    """Take a verifier key apart: name and id, public key."""
    name, key_id, material = vkey.strip().split("+", 2)
    raw = b64decode(material, validate=True)
    right = raw[0] == 1 and key_id == sha256(name.encode() + b"\n" + raw).hexdigest()[:8]
    need(right, "the key was mistyped, or is no Ed25519 key of a log")
    return (name, bytes.fromhex(key_id)), Ed25519PublicKey.from_public_bytes(raw[1:])


def open_checkpoint(note: str, keys: Keys) -> Checkpoint:
    """Give origin, size and root of a checkpoint that one of the keys has signed."""
    parts = need(len(note) <= 65536 and NOTE.fullmatch(note), "the checkpoint is no signed note")
    text, origin, size, encoded, lines = parts.groups()
    root, signers = b64decode(encoded), set()
    for signer, encoded in re.findall("— (.+) (.+)\n", lines):
        signature = b64decode(encoded, validate=True)
        right = b64encode(signature).decode() == encoded and len(signature) > 4
        need(right and signer.isprintable(), "a signature is not written as it must be")
        if key := keys.get((signer, signature[:4])):
            key.verify(signature[4:], text.encode())
            signers.add(signer)
    need(origin in signers, f"the checkpoint of {origin} is not signed with your key")
    need(size != "0" or root == sha256().digest(), "an empty log has another root")
    return origin, int(size), root


def climb(at: int, last: int, first: bytes, proof: list[bytes]) -> tuple[bytes, bytes]:
    """Follow a proof (RFC 9162, 2.1.3.2 and 2.1.4.2) to the roots of both trees."""
    old = new = first
    for sibling in proof:
        need(last > 0 and len(sibling) == 32, "a proof has a hash too many, or one that is none")
        if at & 1 or at == last:
            old, new = (sha256(b"\x01" + sibling + each).digest() for each in (old, new))
            while at and not at & 1:
                at, last = at >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + sibling).digest()
        at, last = at >> 1, last >> 1
    need(last == 0, "a proof has a hash too few")
    return old, new


def check_grown(held: Checkpoint, now: Checkpoint, grown: dict[int, list[str]]) -> None:
    """Check that the log grew out of the one of a checkpoint that was held."""
    size = held[1]
    need(held[0] == now[0], f"your checkpoint is of another log, {held[0]}", 2)
    need(size <= now[1], f"you hold a checkpoint of {size} entries: rolled back to {now[1]}")
    need(size < now[1] or held[2] == now[2], f"two logs of {size} entries with two roots: a fork")
    if 0 < size < now[1]:
        need(size in grown, f"for your checkpoint the bundle needs since={size}", 2)
        at, last = size - 1, now[1] - 1
        while at & 1:
            at, last = at >> 1, last >> 1
        # A complete tree is itself the first hash, which the proof leaves out.
        first, *rest = [held[2]] * (size & (size - 1) == 0) + [*map(bytes.fromhex, grown[size])]
        need(climb(at, last, first, rest) == (held[2], now[2]), f"a fork after {size} entries")


def check_line(line: bytes, at: int, tenant: str, leaf: str, versions: dict[str, Any]) -> list[Any]:
    """Check an entry and its document; give its leaf's hash, entity, operation and salt."""
    entry, salt, document, sealed = line.split(b"\t")
    found = need(ENTRY.fullmatch(entry.decode("ascii", "replace")), "the line is no entry")
    owner, entity, version, operation, time, payload, previous = found.groups()
    need(owner == tenant, "the entry is another tenant's")
    hashed = sha256(entry).hexdigest()
    leaf = sha256(f'\0["plant-leaf/v1","{tenant}",{at},"{hashed}","{leaf}"]'.encode()).hexdigest()
    need(sealed == f"{leaf}\n".encode(), "the entry was changed, or lines are elsewhere")
    last = versions.get(entity, ((int(version) - 1) * (operation == "restore"), "0" * 64, -(2**63)))
    follows = int(version) == last[0] + 1 and previous == last[1] and int(time) > last[2]
    need(follows, "the entry does not continue the version before")
    versions[entity] = int(version), hashed, int(time)
    if salt not in NOT_SHOWN or document:
        salted = bytes.fromhex(need(SALT.fullmatch(salt), "the entry has no salt")[0].decode())
        need(sha256(salted + document).hexdigest() == payload, "the document was changed")
    return [leaf, entity, operation, salt]


def check(lines: BinaryIO, keys: Keys, held: list[Any], kept: set[Any]) -> str:
    """Check a bundle; give a sentence about it."""
    tenant = need(FIRST.fullmatch(next(lines, b"")), "the first line is no bundle's")[1].decode()
    need(len(kept) == len({each[:2] for each in kept}), "two receipts of one position differ")
    mine = {position: leaf for owner, position, leaf in kept if owner == tenant}
    versions, erased = dict[str, Any](), dict[str, int]()
    count, leaf, hidden, line = 0, "0" * 64, 0, b""
    for line in lines:
        if not line.startswith(b"["):
            break
        count += 1
        try:
            leaf, entity, operation, salt = check_line(line, count, tenant, leaf, versions)
            need(mine.get(count, leaf) == leaf, "your receipt has another leaf")
        except ValueError as wrong:
            raise ProofError(f"position {count}: {wrong.args[0]}", 1) from None
        hidden += salt in NOT_SHOWN
        if operation == "erase":
            erased.pop(entity, None)
        if salt == b"erased":
            erased.setdefault(entity, count)
    last = LAST.fullmatch(line) and not next(lines, b"")
    end = json.loads(need(last and line, f"after position {count} it was cut off or changed"))
    need(end["count"] == count, f"{count} entries are there, {end['count']} are counted")
    now = open_checkpoint(end["checkpoint"], keys)
    if count:
        need(count - 1 <= end["log_index"] < now[1], "the last entry cannot be where it is said")
        first, *proof = map(bytes.fromhex, [leaf, *end["proof"]])
        root = climb(end["log_index"], now[1] - 1, first, proof)[1]
        need(root == now[2], "the lines agree with each other, but not with the signed checkpoint")
    need(not erased, f"position {min(erased.values(), default=0)}: gone without an erase entry")
    need(max(mine, default=0) <= count, "the history ends before the entry of a receipt")
    grown = {each["size"]: each["proof"] for each in end.get("consistency", [])}
    held.sort(key=lambda one: one[0] != now[0] or (0 < one[1] < now[1] and one[1] not in grown))
    for checkpoint in held:
        check_grown(checkpoint, now, grown)
    need(len(mine) == len(kept), f"a receipt of another tenant than {tenant} was not checked", 2)
    return f"{count} entries of tenant {tenant}; {hidden} documents not shown; {now[0]}, {now[1]}"


def main() -> int:
    """Read, check, tell."""
    parser = argparse.ArgumentParser(epilog=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("--key", action="append", required=True)
    parser.add_argument("--trust", nargs="+", default=[])
    given, code, held, kept = parser.parse_args(), 2, [], set()
    try:
        keys = dict(map(read_key, given.key))
        for text in (open(each, encoding="utf-8").read() for each in given.trust):
            if text.lstrip().startswith("{"):
                receipt = json.loads(text, object_pairs_hook=list)
                need(len(receipt) == len(dict(receipt)) == 9, "a receipt has nine members")
                leaf = need(LEAF.fullmatch(dict(receipt)["leaf"]), "a receipt's leaf is none")
                kept.add((leaf[1], int(leaf[2]), sha256(b"\0" + leaf[0].encode()).hexdigest()))
            else:
                held.append(open_checkpoint(text, keys))
        lines, code = open(given.bundle, "rb"), 1
        message, code = check(lines, keys, held, kept), 0
    except ProofError as wrong:
        message, code = wrong.args[0], max(code, wrong.args[1])
    except (OSError, ValueError, TypeError, KeyError, RecursionError, InvalidSignature) as error:
        message = f"{type(error).__name__} {error}"
    print(("Intact:", "Not what was sealed:", "Could not tell:")[code], message)
    return code


if __name__ == "__main__":
    sys.exit(main())
