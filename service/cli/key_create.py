"""`plant key create`: a key, or an issuer's tokens that stand for a governance agent."""

import argparse
from datetime import datetime
from typing import Final

from service.cli.key_owner import WrongKey, add_expiry, as_owner, shown
from service.cli.output import Output
from service.cli.parser import Subparsers, add_command, add_json
from service.cli.times import to_come
from service.repository.base import Repository
from service.settings import load
from service.spelling import nearest
from service.usecases.keys import SCOPES, AdmittedTokens, CreatedKey, admit_tokens, create_key

CREATE = """\
Make a key for a governance agent of a tenant; both are made when they are new.

A tenant is whose registry it is. A governance agent is who answers for what a key writes; nobody
certifies the work of their own, so certifying takes a second one. Scopes, of which none implies
another: read; write (create, change, submit, activate, deprecate, archive); certify (certify and
reject); audit (the log, `plant export --format proof`); admin (`plant audit erase`, `plant import
--restore`).

The key is shown once: only its hash is stored.

  plant key create --tenant acme --agent alice --scopes read,write
  plant key create --tenant acme --agent carol --scopes read,certify

With --issuer no key is made but a row that tokens of that issuer (PLANT_JWT_ISSUER) stand behind:
those that name this tenant and governance agent, and carry at least these scopes. What they may do
is what the row says; several rows for one governance agent may have different scopes. It is told
where PLANT_JWT_ISSUER is another one here, or not set: then the row is made all the same.

  plant key create --tenant acme --agent alice --scopes read --issuer https://id.example

Exit code: 0 it is made, 1 --existing and the tenant or governance agent is not there."""

ISSUER_MAX: Final = 1_024


def register(commands: Subparsers) -> None:
    """Add `key create`."""
    create = add_command(commands, "create", _create, CREATE)
    create.add_argument("--tenant", required=True, metavar="NAME", help="whose registry")
    create.add_argument("--agent", required=True, metavar="NAME", help="who is accountable")
    create.add_argument(
        "--scopes", required=True, metavar="LIST", help=f"comma-separated, of {', '.join(SCOPES)}"
    )
    add_expiry(create)
    create.add_argument("--issuer", type=_issuer, metavar="ISSUER", help="for its tokens (JWT)")
    create.add_argument(
        "--existing", action="store_true", help="refuse to make a tenant or governance agent"
    )
    add_json(create)


def _create(arguments: argparse.Namespace) -> int:
    scopes = list(dict.fromkeys(s.strip() for s in arguments.scopes.split(",") if s.strip()))
    if wrong := next((scope for scope in scopes if scope not in SCOPES), None):
        close = nearest(wrong, SCOPES)
        guess = f"Did you mean {close}? " if close else ""
        raise WrongKey(f"There is no scope {wrong}.", f"{guess}Scopes are {', '.join(SCOPES)}.")
    if not scopes:
        raise WrongKey("No scope is named.", f"Scopes are {', '.join(SCOPES)}.")
    ends = to_come(arguments.expires_at)
    output = Output(as_json=arguments.json)
    made = as_owner(
        output,
        lambda owner: _made(owner, arguments, scopes, ends),
        "Leave out --existing to make it.",
    )
    new = [name.replace("_", " ") for name, is_new in made.created.items() if is_new]
    lines = [
        f"key id              {made.key_id}",
        f"tenant              {arguments.tenant} {made.tenant_id}",
        f"governance agent    {arguments.agent} {made.governance_agent_id}",
        f"scopes              {', '.join(made.scopes)}",
        f"expires             {shown(made.expires_at)}",
        *([f"made                {', '.join(new)}"] if new else []),
    ]
    if isinstance(made, CreatedKey):
        lines = [f"key                 {made.key}", *lines, "The key is not shown again."]
    else:
        lines = [f"tokens of           {made.issuer}", *lines]
    output.answer(made, lines)
    if isinstance(made, AdmittedTokens) and (warning := _untaken(made.issuer)):
        output.say(warning)
    return 0


def _untaken(issuer: str) -> str | None:
    """Say why tokens of an issuer are not taken, as far as the settings here tell."""
    taken = load().jwt_issuer
    if taken == issuer:
        return None
    if taken is None:
        return (
            f"PLANT_JWT_ISSUER is not set here: a service takes tokens of {issuer} "
            "once it has that, PLANT_JWKS and PLANT_JWT_AUDIENCE."
        )
    return (
        f"PLANT_JWT_ISSUER is {taken} here, not {issuer}: a service with that setting takes no "
        "token for this row."
    )


async def _made(
    owner: Repository, arguments: argparse.Namespace, scopes: list[str], ends: datetime | None
) -> CreatedKey | AdmittedTokens:
    existing = arguments.existing
    whose = arguments.tenant, arguments.agent, scopes, ends
    if arguments.issuer is None:
        return await create_key(owner, *whose, existing=existing)
    return await admit_tokens(owner, arguments.issuer, *whose, existing=existing)


def _issuer(text: str) -> str:
    if not 1 <= len(text) <= ISSUER_MAX or not text.isprintable():
        raise argparse.ArgumentTypeError(f"an issuer has 1 to {ISSUER_MAX} printable characters")
    return text
