"""A witness that has seen the prepared log once."""

from hashlib import sha256

from service.proof.keys import COSIGNATURE, Signer, VerifierKey
from service.proof.note import Signature, cosigned, parse_note
from tests.sessions import Connection

_SIGNER = Signer("witness.example.org", sha256(b"witness").digest())
WITNESS = VerifierKey(_SIGNER.vkey.name, _SIGNER.vkey.public, COSIGNATURE)
SEEN_AT_S = 1_800_000_000
KEEP = "INSERT INTO audit.cosignature (incarnation, size, witness, line) VALUES (1, $1, $2, $3)"


def cosign(note: str) -> str:
    """Sign a checkpoint as the witness; gives its line."""
    text = parse_note(note).text
    made = SEEN_AT_S.to_bytes(8) + _SIGNER.sign(cosigned(text, SEEN_AT_S))
    return str(Signature(WITNESS.name, WITNESS.key_id, made))


async def keep(connection: Connection, size: int, line: str) -> None:
    """Keep a line of the witness beside a checkpoint, as plant_worker does."""
    await connection.execute(KEEP, size, WITNESS.name, line)
