"""`plant audit verify`: whether a log and what stands beside it are what was sealed."""

import argparse
import logging
from pathlib import Path
from typing import Final
from uuid import UUID

from service.cli.connected import existing_database, repository
from service.cli.ending import Ending
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_json
from service.cli.tenant_named import tenant_named
from service.database.target import Target
from service.proof.keys import VerifierKey
from service.refusal import Refusal
from service.settings import Settings, load
from service.verify.bundle import verify_bundle
from service.verify.database import verify_database
from service.verify.evidence import Evidence, pinned_of, witnesses_of
from service.verify.offline import verify_offline
from service.verify.question import Question
from service.verify.verdict import CODES, Verdict

log = logging.getLogger(__name__)

VERIFY: Final = """\
Say whether the log is complete and unchanged, and whether the registry is what it says.

Of the database every entry, document, link, place, tile, checkpoint and entity is looked at, in one
snapshot, with SQL of this release and hashes computed here. It is held against the keys and the
sealer's state of PLANT_DATA_DIR, and against checkpoints and receipts that you have kept: only what
lies outside the database shows that its end was cut off or an older one brought back.

  plant audit verify
  plant audit verify --trust january.checkpoint --receipt receipt.json
  plant audit verify --bundle history.proof --key example.org/log+1a2b3c4d+AbCd…
  plant audit verify --offline --receipt receipt.json --trust january.checkpoint --key …

With --offline no database is looked at and no server is started: of each receipt and checkpoint it
is said whether it is whole and signed with a pinned key, and whether two of them contradict each
other.

Exit code: 0 intact, 1 tampered (a line for each damage: where, of which kind, who could have done
it; docs/audit.md has a list), 2 could not tell: something was not checked,
64 there is no such tenant."""


VKEY_HELP: Final = (
    "a verifier key of the log, as `plant audit key` prints it; may be given again (default: those "
    "of the key file here)"
)


class WrongOffline(Refusal):
    """There is nothing that could be checked offline, or something that cannot be."""

    exit_code = WRONG_USAGE


def register(subparsers: Subparsers) -> None:
    """Add `audit verify`."""
    parser = add_command(subparsers, "verify", _verify, VERIFY)
    add_keys(parser)
    parser.add_argument(
        "--witness",
        dest="witnesses",
        action="append",
        default=[],
        metavar="VKEY",
        help="the verifier key of a witness; may be given again (default: PLANT_WITNESSES)",
    )
    parser.add_argument(
        "--trust",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="CHECKPOINT",
        help="files with checkpoints that were kept",
    )
    parser.add_argument(
        "--receipt",
        nargs="+",
        action="extend",
        default=[],
        type=Path,
        metavar="FILE",
        help="files with receipts that were kept, JSON or tlog-proof",
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--tenant", metavar="TENANT", help="only this tenant's part: its name or id")
    what.add_argument(
        "--bundle", type=Path, metavar="FILE", help="check a proof bundle instead of the database"
    )
    what.add_argument(
        "--offline",
        action="store_true",
        help="check the receipts and checkpoints by themselves, without a database",
    )
    add_json(parser)


def add_keys(parser: argparse.ArgumentParser) -> None:
    """Let the command take the keys that are trusted."""
    parser.add_argument(
        "--key",
        "--vkey",
        dest="vkeys",
        action="append",
        default=[],
        metavar="VKEY",
        help=VKEY_HELP,
    )


def _verify(arguments: argparse.Namespace) -> int:
    output = Output(as_json=arguments.json)
    settings = load()
    try:
        verdict = _found(arguments, settings, output)
    except Refusal:
        raise
    except Exception:
        # Python's own code for this would be 1, which says that the log was tampered with.
        log.exception("the verification has failed")
        return CODES["unknown"]
    output.answer(verdict.document(), verdict.lines())
    return verdict.exit_code


def _found(arguments: argparse.Namespace, settings: Settings, output: Output) -> Verdict:
    if arguments.offline:
        return _offline(arguments, settings)
    evidence = Evidence(pinned_of(settings, arguments.vkeys))
    if arguments.bundle is None:
        evidence.add_state(settings)
    evidence.add_checkpoints(arguments.trust)
    evidence.add_receipts(arguments.receipt)
    if arguments.bundle is not None:
        return verify_bundle(arguments.bundle, evidence, output.progress)
    witnesses = witnesses_of(settings, arguments.witnesses)
    with existing_database(settings, output.say) as target:
        return Ending().run(_looked_at(arguments, settings, target, evidence, witnesses, output))


def _offline(arguments: argparse.Namespace, settings: Settings) -> Verdict:
    if arguments.witnesses:
        raise WrongOffline("--offline looks at no cosignatures.", "Leave --witness away.")
    if not arguments.trust and not arguments.receipt:
        raise WrongOffline(
            "There is nothing to check: neither --receipt nor --trust names a file.",
            "Name what you have kept.",
        )
    pinned = pinned_of(settings, arguments.vkeys)
    return verify_offline(arguments.trust, arguments.receipt, pinned)


async def _looked_at(
    arguments: argparse.Namespace,
    settings: Settings,
    target: Target,
    evidence: Evidence,
    witnesses: list[VerifierKey],
    output: Output,
) -> Verdict:
    tenant = arguments.tenant
    question = Question(
        pinned=evidence.pinned,
        held=evidence.held,
        witnesses=witnesses,
        tenant=await _tenant_id(tenant, settings, target) if tenant else None,
        cluster=evidence.cluster,
    )
    async with repository(settings, target, "worker") as worker:
        verdict = await verify_database(worker, question, output.progress)
    verdict.unchecked += evidence.useless
    verdict.notes += evidence.notes
    return verdict


async def _tenant_id(name: str, settings: Settings, target: Target) -> str:
    """Find a tenant by its id or its name.

    Raises: NoTenant.
    """
    try:
        return str(UUID(name))
    except ValueError:
        pass
    async with repository(settings, target, "owner") as owner:
        return str(await tenant_named(owner, name))
