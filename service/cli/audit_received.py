"""What was given as a receipt: whether it holds, and is of what was asked for."""

import argparse
from typing import Final

import msgspec
from msgspec import Struct

from service.model.kinds import Kind
from service.proof.entry import Entry
from service.proof.fault import Malformed, Unproven
from service.proof.receipt import Proved, Receipt, check_receipt, parse_receipt
from service.refusal import Refusal
from service.verify.pinned import Pinned

OPEN: Final = "open"
"""Stands for the id of the amendment that is open."""


class WrongReceipt(Refusal):
    """What was given as a receipt proves something else, or nothing."""

    exit_code = 1


def checked(
    body: bytes, pinned: Pinned, kind: Kind, arguments: argparse.Namespace
) -> tuple[Receipt, Proved]:
    """Check that it is right, and of what was asked for.

    Raises: WrongReceipt.
    """
    try:
        receipt = parse_receipt(body)
        proved = check_receipt(receipt, pinned.of(pinned.open(receipt.checkpoint).origin))
        _require_asked(receipt, proved, kind, arguments)
    except (Malformed, Unproven, msgspec.DecodeError) as error:
        raise WrongReceipt(
            f"What was given as a receipt does not hold: {error}",
            "Keep it: if the key is the right one, the log is not what it claims to be.",
        ) from None
    return receipt, proved


def _require_asked(
    receipt: Receipt, proved: Proved, kind: Kind, arguments: argparse.Namespace
) -> None:
    """Refuse what is right, and of something else.

    Raises: Unproven.
    """
    entry = proved.entry
    if arguments.amendment is not None:
        if entry is None or not _is_amendment(entry, receipt.document, arguments):
            raise Unproven("It is of something else than the amendment that was asked for.")
    elif entry is None or (entry.kind, entry.entity) != (kind.name, arguments.id):
        raise Unproven("It is of another entity than was asked for.")
    if arguments.version not in (None, entry.version):
        raise Unproven(f"It is of version {entry.version}, not {arguments.version}.")


def _is_amendment(entry: Entry, document: str | None, arguments: argparse.Namespace) -> bool:
    """Tell whether an entry is of the amendment that is meant; its document names the entity."""
    if entry.kind != "amendment" or arguments.amendment not in {OPEN, entry.entity}:
        return False
    if document is None:
        return True  # it was erased
    return msgspec.json.decode(document, type=_Amendment) == _Amendment(arguments.id, entry.entity)


class _Amendment(Struct, frozen=True):
    """What the document of an amendment says of itself."""

    id: str
    amendment_id: str
