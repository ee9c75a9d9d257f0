"""`plant audit receipt`: get what proves a version, check it, keep it."""

import argparse
import asyncio
import sys
from http import HTTPStatus
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec

from service.cli.audit_received import OPEN, checked
from service.cli.audit_verify import VKEY_HELP
from service.cli.connected import existing_database, repository
from service.cli.identity import KEY_HELP, context_of, identity, key_given
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command
from service.model.history import VERSION_MAX
from service.model.kinds import KINDS, Kind
from service.proof.receipt import Receipt, format_tlog_proof
from service.refusal import Refusal
from service.settings import Settings, load
from service.usecases.receipts import Receipts, Unsealed, amendment, entity
from service.usecases.tree import Tree
from service.usecases.waiting import WaitingRoom
from service.verify.evidence import pinned_of
from service.verify.plain import sentence
from service.verify.remote import TIMEOUT_S, Service, ServiceSilent, said

RECEIPT: Final = """\
Get the receipt of a version of an entity, check it with the pinned key, and write it.

With --amendment it is that of a version of the entity's amendment.
From the service at --url as any client does, or from the database here. It proves to anyone,
offline, that this version stands in the log, and with it all that the tenant's log had before.

  plant audit receipt skill 0197… --key @key.txt --url https://plant.example.org --vkey …
  plant audit receipt skill 0197… --key @key.txt --version 3 --output receipt.json
  plant audit receipt skill 0197… --key @key.txt --amendment
  plant audit verify --offline --receipt receipt.json --key example.org/log+1a2b3c4d+AbCd…

Exit code: 0 it is right, 1 it is not (nothing is written), 2 could not tell: no such entity, not
sealed yet, no key, no answer."""

WAIT_S: Final = 10
WAIT_S_MAX: Final = 30
OF_KIND: Final = {
    name: kind
    for kind in KINDS.values()
    for name in (kind.name, kind.path, kind.name.replace("_", "-"), kind.path.replace("-", "_"))
}


class NoReceipt(Refusal):
    """There is no receipt to be had."""


def register(subparsers: Subparsers) -> None:
    """Add `audit receipt`."""
    parser = add_command(subparsers, "receipt", _receipt, RECEIPT)
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=OF_KIND,
        help=f"{', '.join(kind.name for kind in KINDS.values())}; or as it stands in paths",
    )
    parser.add_argument("id", metavar="ID", type=_id, help="the id of the entity")
    parser.add_argument("--key", required=True, help=f"a key with scope read{KEY_HELP}")
    parser.add_argument(
        "--vkey", dest="vkeys", action="append", default=[], metavar="VKEY", help=VKEY_HELP
    )
    parser.add_argument("--url", help="the address of the service (default: the database here)")
    parser.add_argument(
        "--amendment",
        nargs="?",
        type=_amendment,
        const=OPEN,
        metavar="ID",
        help="of its open amendment instead, or of the one with this id",
    )
    parser.add_argument("--version", type=_version, help="default: the present one")
    parser.add_argument(
        "--wait",
        type=_wait,
        default=WAIT_S,
        metavar="SECONDS",
        help=f"until it is sealed; at most {WAIT_S_MAX} (default: {WAIT_S})",
    )
    parser.add_argument("--format", choices=["json", "tlog-proof"], default="json")
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no id: they are UUIDs") from None


def _amendment(text: str) -> str:
    return OPEN if text == OPEN else _id(text)


def _version(text: str) -> int:
    return _number(text, 1, VERSION_MAX)


def _wait(text: str) -> int:
    return _number(text, 0, WAIT_S_MAX)


def _number(text: str, least: int, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not least <= int(text[:20]) <= most:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from {least} to {most}")
    return int(text)


def _receipt(arguments: argparse.Namespace) -> int:
    output, settings = Output(), load()
    kind = OF_KIND[arguments.kind]
    pinned = pinned_of(settings, arguments.vkeys)
    if not pinned:
        raise NoReceipt(
            "No key is pinned: nobody could tell who has signed the receipt.",
            "Give the log's key with --vkey, as `plant audit key` prints it there.",
        )
    key = key_given(arguments.key, "--key")
    if arguments.url is not None:
        body = _asked(Service(arguments.url, key), kind, arguments)
    else:
        body = _made(settings, output, key, kind, arguments)
    receipt, proved = checked(body, pinned, kind, arguments)
    if arguments.format == "tlog-proof":
        hashes = [bytes.fromhex(one) for one in receipt.proof]
        leaf = receipt.leaf.encode()
        body = format_tlog_proof(receipt.log_index, hashes, receipt.checkpoint, leaf).encode()
    _write(body, arguments.output)
    sealed, entry = proved.checkpoint, proved.entry
    what = kind.title if arguments.amendment is None else f"amendment of the {kind.title}"
    without = "" if proved.document is not None else " without its document, not what was said"
    output.say(
        f"It proves version {entry.version if entry else '?'} of the {what}{without}: position "
        f"{proved.leaf.position} of tenant {proved.leaf.tenant}, index {proved.log_index} of the "
        f"{sealed.size} entries of {sealed.origin}."
    )
    return 0


def _asked(service: Service, kind: Kind, arguments: argparse.Namespace) -> bytes:
    """Get the receipt as a client does.

    Raises: ServiceSilent, NoReceipt.
    """
    query: dict[str, object] = {"wait": arguments.wait}
    if arguments.version is not None:
        query["version"] = arguments.version
    path = f"/v1/{kind.path}/{arguments.id}/receipt"
    if arguments.amendment is not None:
        path = f"/v1/{kind.path}/{arguments.id}/amendment/receipt"
        query |= {} if arguments.amendment == OPEN else {"amendment_id": arguments.amendment}
    answer = service.get(path, query, arguments.wait + TIMEOUT_S)
    if answer.status == HTTPStatus.ACCEPTED:
        raise _unsealed()
    if answer.status != HTTPStatus.OK:
        raise ServiceSilent(
            f"The service at {service.url} gave {answer.status}: {sentence(said(answer.body))}",
            "Check id, version and key.",
        )
    return answer.body


def _made(
    settings: Settings, output: Output, key: str, kind: Kind, arguments: argparse.Namespace
) -> bytes:
    """Make the receipt from the database here, as the service does.

    Raises: Refusal.
    """

    async def made() -> Receipt | Unsealed:
        async with repository(settings, target, "app") as app:
            context = context_of(await identity(app, key, "--key", "read"), "plant audit receipt")
            receipts = Receipts(Tree(), WaitingRoom(app))
            subject = entity(kind, arguments.id)
            if arguments.amendment is not None:
                named = None if arguments.amendment == OPEN else arguments.amendment
                subject = await amendment(app, context, kind, arguments.id, named)
            return await receipts.find(app, context, subject, arguments.version, arguments.wait)

    with existing_database(settings, output.say) as target:
        found = asyncio.run(made())
    if isinstance(found, Unsealed):
        raise _unsealed()
    return msgspec.json.encode(found)


def _unsealed() -> NoReceipt:
    return NoReceipt(
        "It is not sealed yet.", "Ask again soon; /readyz says whether the log goes on."
    )


def _write(body: bytes, path: Path | None) -> None:
    if path is None:
        sys.stdout.buffer.write(body if body.endswith(b"\n") else body + b"\n")
        sys.stdout.buffer.flush()
        return
    try:
        path.write_bytes(body)
    except OSError as error:
        raise NoReceipt(
            f"{path} cannot be written: {error.strerror or error}.", "Name another file."
        ) from None
