"""`plant audit`: the log that one can prove, looked after and looked through."""

from service.cli import (
    audit_compare,
    audit_erase,
    audit_key,
    audit_prune,
    audit_rebase,
    audit_receipt,
    audit_verify,
    audit_watch,
)
from service.cli.parser import Subparsers, add_group

AUDIT = """\
Look after the log (its keys, how it goes on after a restore, what is erased or pruned), and prove
what it says.

docs/audit.md explains what runs, what it refuses, what each check proves against whom, and the way
out."""


def register(subparsers: Subparsers) -> None:
    """Add `audit` and its commands."""
    commands = add_group(subparsers, "audit", AUDIT)
    parts = (audit_verify, audit_receipt, audit_compare, audit_watch, audit_key, audit_rebase)
    for part in (*parts, audit_erase, audit_prune):
        part.register(commands)
