"""Ed25519 keys: seeds, and verifier keys as c2sp.org/signed-note spells them."""

import os
from hashlib import sha256
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from nacl.exceptions import CryptoError
from nacl.signing import SigningKey, VerifyKey

from service.proof.encoded import from_base64, from_hex, to_base64
from service.proof.fault import Malformed

SEED_LENGTH: Final = 32
KEY_LENGTH: Final = 32
SIGNATURE_LENGTH: Final = 64
KEY_ID_LENGTH: Final = 4
# Signature types of c2sp.org/signed-note.
ED25519: Final = 1
COSIGNATURE: Final = 4


class VerifierKey(Struct, frozen=True):
    """A public key with the name it signs under; `str()` is the text that clients pin.

    Shapes: `kind` is ED25519 (a log) or COSIGNATURE (a witness); `public` has 32 bytes.
    """

    name: str
    public: bytes
    kind: int = ED25519

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise Malformed("A key's name is not empty and has neither spaces nor plus signs.")
        if len(self.public) != KEY_LENGTH:
            raise Malformed(f"A public key has {KEY_LENGTH} bytes, not {len(self.public)}.")
        if self.kind not in (ED25519, COSIGNATURE):
            raise Malformed(f"Keys of type {self.kind} are not known here.")

    @property
    def key_id(self) -> bytes:
        """Give the four bytes that stand before each of the key's signatures."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return sha256(named).digest()[:KEY_ID_LENGTH]

    def __str__(self) -> str:
        material = to_base64(bytes([self.kind]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{material}"

    def named(self, name: str) -> "VerifierKey":
        """Give the same key under another name, such as that of a later incarnation."""
        return replace(self, name=name)

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Tell whether a bare signature of 64 bytes is this key's."""
        try:
            VerifyKey(self.public).verify(message, signature)
        except CryptoError:
            return False
        return True


class Signer:
    """A seed with the name it signs under. Nothing it prints has the seed in it."""

    __slots__ = ("_private", "vkey")

    def __init__(self, name: str, seed: bytes) -> None:
        if len(seed) != SEED_LENGTH:
            raise Malformed(f"A seed has {SEED_LENGTH} bytes, not {len(seed)}.")
        self._private = SigningKey(seed)
        self.vkey = VerifierKey(name, bytes(self._private.verify_key))

    def __repr__(self) -> str:
        return f"Signer({str(self.vkey)!r})"

    def sign(self, message: bytes) -> bytes:
        """Give the bare signature of 64 bytes."""
        return self._private.sign(message).signature


def is_key_name(name: str) -> bool:
    """Tell whether a note may be signed under a name."""
    return bool(name) and name.isprintable() and not any(c.isspace() or c == "+" for c in name)


def parse_vkey(text: str) -> VerifierKey:
    """Read a verifier key, `<name>+<key id in hex>+<base64 of type and key>`.

    Raises: Malformed.
    """
    name, plus, rest = text.strip().partition("+")
    key_id, again, material = rest.partition("+")
    if not plus or not again:
        raise Malformed("A verifier key is <name>+<8 hex digits>+<base64>.")
    raw = from_base64(material, "The last part of the verifier key", 1 + KEY_LENGTH)
    key = VerifierKey(name, raw[1:], raw[0])
    if key.key_id != from_hex(key_id, "The key id", KEY_ID_LENGTH):
        raise Malformed("The key id does not belong to the verifier key: a part of it is altered.")
    return key


def new_seed() -> bytes:
    """Draw a seed."""
    return os.urandom(SEED_LENGTH)


def format_seeds(seeds: list[bytes]) -> str:
    """Write a key file: one seed per line, the first is the primary one."""
    return "".join(f"{to_base64(seed)}\n" for seed in seeds)


def parse_seeds(text: str) -> list[bytes]:
    """Read a key file: base64 seeds, one per line, `#` begins a comment.

    Raises: Malformed, which never repeats what stands in a line.
    """
    seeds = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.partition("#")[0].strip()
        if content:
            seeds.append(from_base64(content, f"The key in line {number}", SEED_LENGTH))
    if not seeds:
        raise Malformed("There is no key: a key is a line with the base64 of 32 bytes.")
    if len(set(seeds)) < len(seeds):
        raise Malformed("A key stands there twice.")
    return seeds
