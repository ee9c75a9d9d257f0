"""Owns the comparison of a database's rules with those that this release makes.

Rules are whatever stands in our schemas but rows: how each is written down says service.migrate's
`facts`, what it should be says the manifest beside the migrations.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final
from uuid import UUID

from service.migrate.compare import Finding
from service.migrate.facts import facts
from service.migrate.manifest import Manifest, digest
from service.migrate.release import Release
from service.migrate.session import Connection

SHOWN_MAX: Final = 200
_SUBJECT: Final = "rules"
_WHOLE: Final = re.compile(r"(?:table|(?:materialized )?view|sequence|type|function|schema)( .+)")
# A tenant's labels in a table of their own are kept as those of all others are.
_SHARED: Final = "entity_label_default"
_OWN: Final = re.compile(r"app\.(entity_label_([0-9a-f]{32})(?:_2)?)(?!\w)")


def compared(connection: Connection, brings: Release, *, at_release: bool) -> list[Finding]:
    """Name every rule that is missing, additional or different, or say why that cannot be told.

    A release without a manifest promises no rules. `at_release`: the migrations are those of it.
    """
    if not brings.manifests:
        return []
    if not at_release:
        return [_unseen("the migrations of the database are not those of this release")]
    server = connection.info.server_version // 10_000
    fitting = {manifest.major: manifest for manifest in brings.manifests}
    manifest = fitting.get(server)
    if manifest is None:
        known = ", ".join(map(str, fitting))
        return [_unseen(f"this release knows those of PostgreSQL {known}, the server is {server}")]
    newest = max((migration.id for migration in brings.migrations), default="")
    if manifest.newest != newest:
        return [_unseen(f"{manifest.file} is of {manifest.newest}, the newest file is {newest}")]
    return [*differences(facts(connection), manifest)]


def differences(found: Mapping[str, str], manifest: Manifest) -> Iterator[Finding]:
    """Name what is not as the manifest has it; tables of tenants' own as the one of all."""
    here = dict(found)
    shared = {name: value for name, value in manifest.digests.items() if _SHARED in name}
    own = {match[0]: match for name in found if (match := _OWN.search(name))}
    for _, match in sorted(own.items()):
        names = [name for name in here if (of := _OWN.search(name)) and of[0] == match[0]]
        parts = {_general(name, match): _general(here.pop(name), match) for name in names}
        for finding in _compare(parts, shared):
            subject, text = (
                words.replace(_SHARED, match[1]) for words in (finding.subject, finding.text)
            )
            yield Finding("rule", subject, text)
    yield from _compare(here, manifest.digests)


def _general(text: str, own: re.Match[str]) -> str:
    """Write of the table of all what stands there of a tenant's."""
    bound = f"FOR VALUES IN ('{UUID(own[2])}')"
    return text.replace(own[1], _SHARED).replace(bound, "DEFAULT")


def _compare(found: Mapping[str, str], expected: Mapping[str, set[str]]) -> Iterator[Finding]:
    apart = found.keys() ^ expected.keys()
    # Of what is not there, or should not be, its parts need not be named.
    ends = tuple(match[1] for name in apart if (match := _WHOLE.fullmatch(name)))
    for name in sorted(found.keys() | expected.keys()):
        if name in apart:
            if _WHOLE.fullmatch(name) or not name.endswith(ends):
                text = "is not of this release" if name in found else "is missing"
                yield Finding("rule", name, text)
        elif digest(found[name]) not in expected[name]:
            yield Finding("rule", name, "is not as this release makes it" + _shown(found[name]))


def _shown(text: str) -> str:
    """Show what stands there where it is short."""
    return f"; there it is: {text}" if "\n" not in text and 0 < len(text) <= SHOWN_MAX else ""


def _unseen(why: str) -> Finding:
    return Finding("unseen", _SUBJECT, f"are not compared: {why}")
