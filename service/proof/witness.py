"""What a log says to a witness and hears from it (c2sp.org/tlog-witness, add-checkpoint)."""

from collections.abc import Sequence

from service.proof.encoded import to_base64
from service.proof.keys import VerifierKey
from service.proof.note import add_signatures, parse_note, verify_cosignatures


def add_checkpoint(old_size: int, proof: Sequence[bytes], note: str) -> str:
    """Write the body of a request.

    Shapes: `old_size` is that of the checkpoint which the witness cosigned last, 0 for none;
    `proof` is the consistency proof from it, empty from 0.
    """
    hashes = "".join(f"{to_base64(each)}\n" for each in proof)
    return f"old {old_size}\n{hashes}\n{note}"


def cosignature_lines(note: str, answer: str, witness: VerifierKey) -> str:
    """Give the lines of an answer that are the witness's; none when it answered for others only.

    Raises: Malformed; Unproven when the answer has another's signature under the witness's name.
    """
    cosigned = add_signatures(note, answer)
    verify_cosignatures(cosigned, [witness])
    return "".join(str(each) for each in parse_note(cosigned).by(witness))
