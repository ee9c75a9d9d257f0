"""`plant audit`: the log that one can prove, from the operator's side."""

from service.cli import audit_key, audit_rebase
from service.cli.parser import Subparsers, add_group

AUDIT = """\
Look after the log: its keys, and how it goes on after a restore.

docs/audit.md explains what runs, what it refuses, and the way out."""


def register(subparsers: Subparsers) -> None:
    """Add `audit` and its commands."""
    commands = add_group(subparsers, "audit", AUDIT)
    for part in (audit_key, audit_rebase):
        part.register(commands)
