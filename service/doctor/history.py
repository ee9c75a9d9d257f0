"""Whether database and release agree: migrations, functions made of the statements, rules."""

from collections.abc import Sequence
from typing import Final

from service.doctor.check import Check, bad, good, unknown, warning
from service.migrate.compare import REFUSED, Finding
from service.migrate.release import Release, release
from service.migrate.survey import verify
from service.refusal import Refusal

SHOWN_MAX: Final = 3
MISSED: Final = "not looked at: see migrations"
NEXT_START: Final = "The next start of the service does it, or now: plant migrate apply"
APPLY: Final = "Run: plant migrate apply"
CLOSE: Final = "Run `plant migrate apply`, or have the owner of the database run what stands here."
RESTORE: Final = (
    "Find out who did that, then do it back as migrations/ has it; docs/migrations.md says more."
)
APART: Final = frozenset({"function", "rule", "unseen"})
"""Findings that have a check of their own, beside that of the migrations."""
COMPARE: Final = "docs/migrations.md says what to do; `plant migrate verify` shows all of it."


def compared(owner_url: str, *, embedded: bool) -> list[Check]:
    """Compare the database with this release, as `plant migrate verify` does."""
    try:
        brings = release()
        found = verify(owner_url, brings=brings)
    except Refusal as refusal:
        missed = [unknown(name, MISSED) for name in ("functions", "rules")]
        return [bad("migrations", refusal.wrong.strip(), refusal.way_out), *missed]
    return said(brings, found, embedded=embedded)


def said(brings: Release, found: Sequence[Finding], *, embedded: bool) -> list[Check]:
    """Say what the findings of a comparison mean."""
    return [
        migrations(brings, found, embedded=embedded),
        functions(brings, found),
        rules(brings, found, embedded=embedded),
    ]


def migrations(brings: Release, found: Sequence[Finding], *, embedded: bool) -> Check:
    """Say what is applied; what is not, a start of the embedded server's service applies."""
    ours = [finding for finding in found if finding.kind not in APART]
    refused = [finding for finding in ours if finding.kind in REFUSED]
    if refused:
        return bad("migrations", _shown(refused), COMPARE)
    if server := [finding for finding in ours if finding.kind == "server"]:
        return bad("migrations", _shown(server), APPLY)
    if waiting := [finding for finding in ours if finding.kind == "pending"]:
        begun = sum(finding.kind == "unfinished" for finding in ours)
        text = f"{len(waiting)} of {len(brings.migrations)} are not applied"
        text += f", {begun} of them begun and not finished" if begun else ""
        text += f"; the first is {waiting[0].subject}"
        if embedded:
            return warning("migrations", text, NEXT_START)
        return bad("migrations", text, APPLY)
    if ours:
        works = all(finding.kind == "access" for finding in ours)
        verdict, way_out = (warning, CLOSE) if works else (bad, COMPARE)
        return verdict("migrations", _shown(ours), way_out)
    newest = brings.migrations[-1].id
    return good(
        "migrations", f"all {len(brings.migrations)} applied as their files say, up to {newest}"
    )


def functions(brings: Release, found: Sequence[Finding]) -> Check:
    """Say whether every statement that is called as a function has its function."""
    wrong = [finding for finding in found if finding.kind == "function"]
    if wrong:
        return bad("functions", _shown(wrong), APPLY)
    count = len(brings.catalog.functions())
    if any(finding.kind == "pending" for finding in found):
        return good("functions", "none differs from its file; apply installs the missing ones")
    return good("functions", f"{count} installed as their files say")


def rules(brings: Release, found: Sequence[Finding], *, embedded: bool) -> Check:
    """Say whether whatever stands in our schemas is what this release makes there."""
    wrong = [finding for finding in found if finding.kind == "rule"]
    if wrong:
        return bad("rules", _shown(wrong), RESTORE)
    if missed := [finding for finding in found if finding.kind == "unseen"]:
        if embedded and any(finding.kind == "pending" for finding in found):
            return warning("rules", missed[0].text, NEXT_START)
        return unknown("rules", missed[0].text)
    count = max(len(manifest.digests) for manifest in brings.manifests)
    return good("rules", f"{count} in app, audit, plant_migrate and q are as this release has them")


def _shown(found: Sequence[Finding]) -> str:
    more = f"; and {len(found) - SHOWN_MAX} more" if len(found) > SHOWN_MAX else ""
    return "; ".join(map(str, found[:SHOWN_MAX])) + more
