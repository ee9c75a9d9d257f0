"""`plant audit key`: the keys that sign the log."""

import argparse
from typing import Final

from msgspec import Struct

from service.cli.at_desk import at_desk
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.proof.keys import Signer, new_seed
from service.proof.note import parse_note
from service.refusal import Refusal
from service.repository.sealing import Head, LogHead
from service.sealing.desk import Desk
from service.sealing.examination import require_signed
from service.sealing.keys import Keyring
from service.sealing.refused import LogRefused
from service.settings import load

KEY = """\
Print the public keys of the log, as clients pin them (C2SP verifier keys), the primary one first.

  plant audit key
  plant audit key --rotate          a new primary key; the ones before it sign too
  plant audit key --retire 1a2b3c4d one that clients do not need any more

A key is retired once another one has signed a checkpoint: from one checkpoint to the next there is
always a key that signed both. The service takes a change up by itself.

Exit code: 0 done, 1 there is no log yet, no such key, or it is needed still."""

WAIT_S: Final = 5.0


class KeyRefused(Refusal):
    """The keys stay as they are."""

    exit_code = 1


class Shown(Struct, frozen=True):
    """A public key: `signs` tells whether it has signed the last checkpoint."""

    vkey: str
    key_id: str
    primary: bool
    signs: bool


def register(commands: Subparsers) -> None:
    """Add `key`."""
    parser = add_command(commands, "key", _key, KEY)
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--rotate", action="store_true", help="put a new key in the first place")
    how.add_argument("--retire", metavar="KEY_ID", help="let a key sign no more")
    add_json(parser)


def _key(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    keyring = Keyring(settings)
    head = at_desk(settings, output, _head)
    if arguments.rotate:
        with keyring.turn(WAIT_S):
            keyring.replace([new_seed(), *keyring.seeds()])
    elif arguments.retire:
        with keyring.turn(WAIT_S):
            keyring.replace(_without(keyring, head, arguments.retire))
    keys = _shown(keyring, head)
    output.answer(
        {"origin": head.origin, "keys": keys},
        [
            f"{one.vkey}  {'primary' if one.primary else 'signs too'}"
            f"{'' if one.signs else ', with the next entry'}"
            for one in keys
        ],
    )
    return 0


async def _head(desk: Desk) -> Head:
    head = await desk.maybe(LogHead())
    if head is None:
        raise KeyRefused(
            "The log has not begun, and its name is drawn when it begins.",
            "Start `plant serve` or `plant worker`.",
        )
    return head


def _without(keyring: Keyring, head: Head, key_id: str) -> list[bytes]:
    """Leave out a key.

    Raises: KeyRefused, LogRefused.
    """
    named = {Signer(head.origin, seed).vkey.key_id.hex(): seed for seed in keyring.seeds()}
    gone = named.pop(key_id.lower(), None)
    if gone is None:
        raise KeyRefused(f"There is no key {key_id}.", "`plant audit key` lists the keys.")
    if not named:
        raise KeyRefused("It is the only key.", "Put another in its place first: --rotate.")
    rest = list(named.values())
    try:
        require_signed(head.note or "", [Signer(head.origin, seed).vkey for seed in rest])
    except LogRefused:
        raise KeyRefused(
            "No other key has signed a checkpoint yet.", "Wait until the next entry is sealed."
        ) from None
    return rest


def _shown(keyring: Keyring, head: Head) -> list[Shown]:
    note = parse_note(head.note) if head.note else None
    return [
        Shown(
            str(vkey),
            vkey.key_id.hex(),
            place == 0,
            note is not None and bool(note.by(vkey)),
        )
        for place, vkey in enumerate(keyring.verifiers(head.origin))
    ]
