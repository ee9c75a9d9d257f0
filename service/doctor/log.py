"""The log: whether it goes on, and what a leader with the files that are here would refuse."""

import stat
from pathlib import Path
from typing import Final

from msgspec import Struct

from service.database.lone import Lone
from service.doctor.check import Check, bad, good, warning
from service.repository.base import Repository
from service.repository.doctor import LogLeader
from service.repository.sealing import Head, LogHead, LogPending, LogReport, Report
from service.sealing.desk import Desk
from service.sealing.examination import examine, unsealed
from service.sealing.keys import Keyring
from service.sealing.refused import LogRefused
from service.sealing.sequencer import BATCH, to_place
from service.sealing.standing import ALARM_S
from service.sealing.state import State, StateFile, state_path
from service.settings import Settings

START: Final = "Start `plant serve` or `plant worker` where plant_worker gets in."
LOOK: Final = (
    "Look at /readyz and the log of the process that leads. It may be catching up; if it hangs, "
    "end it: another one takes over."
)
LOST: Final = (
    "Put it back, or name its place with PLANT_SEALER_STATE. If it is lost, compare the last "
    "checkpoint with one that a client has kept (`plant audit compare`): the next leader here "
    "believes the database."
)


class Log(Struct, frozen=True, kw_only=True):
    """How the log stands; `refused` is what a leader would refuse by the files that are here.

    `head` is None before the log begins, `open_key` a file of keys that others may read.
    """

    leads: bool
    report: Report
    head: Head | None
    refused: LogRefused | None
    state_path: Path
    has_state: bool
    open_key: Path | None = None


async def look_at(settings: Settings, asked: Repository, url: str) -> Log:
    """Ask as plant_worker, and hold what it says against the keys and the state of this machine.

    Raises: what the driver raises.
    """
    keyring, file = Keyring(settings), StateFile(state_path(settings))
    state, refused = None, None
    try:
        # Before the database is asked: what is signed meanwhile is not missed there.
        state = file.read()
    except LogRefused as refusal:
        refused = refusal
    lone = Lone(url, settings, name="doctor", read_only=True)
    await lone.open()
    try:
        desk = Desk(asked, lone)
        head = await desk.maybe(LogHead())
        return Log(
            leads=(await desk.one(LogLeader())).leads,
            report=await desk.one(LogReport(0)),
            head=head,
            refused=refused or await _refused(settings, desk, keyring, state),
            state_path=file.path,
            has_state=state is not None,
            open_key=_open(keyring.path),
        )
    finally:
        await lone.close()


async def _refused(
    settings: Settings, desk: Desk, keyring: Keyring, state: State | None
) -> LogRefused | None:
    """Give what keeps the log from being continued, of what can be seen without continuing it."""
    try:
        tip = await examine(desk, keyring, state, settings.log_origin)
        if tip is not None:
            await unsealed(desk, tip.checkpoint.size)
        to_place(await desk.many(LogPending(0, BATCH)))
    except LogRefused as refusal:
        return refusal
    return None


def _open(path: Path | None) -> Path | None:
    if path is None or not path.exists():
        return None
    return path if stat.S_IMODE(path.stat().st_mode) & 0o077 else None


def log(seen: Log | None) -> Check:
    """Say whether entries get their places and are sealed."""
    if seen is None:
        found = "not looked at: see logins and migrations"
        return warning("log", found, "Ask again once these are well.")
    if seen.refused is not None:
        wrong = seen.refused.wrong.removesuffix(".")
        text = f"it is not continued ({seen.refused.reason}): {wrong}"
        return bad("log", text, seen.refused.way_out)
    return _behind(seen) or _kept(seen)


def _behind(seen: Log) -> Check | None:
    """Look for entries that wait for longer than they should."""
    report, sealed = seen.report, _sealed(seen.report)
    waited = report.waiting_s
    if waited is not None and not seen.leads:
        text = f"nobody leads, and an entry has waited {waited:.0f} s for its place; {sealed}"
        return warning("log", text, START)
    if waited is not None and waited > ALARM_S:
        text = f"a process leads, and an entry has waited {waited:.0f} s for its place; {sealed}"
        return warning("log", text, LOOK)
    if report.positions > report.size and not seen.leads:
        return warning("log", f"nobody leads; {sealed}", START)
    return None


def _kept(seen: Log) -> Check:
    """Look at what is kept beside the database, of a log that goes on."""
    if seen.head is None:
        return good("log", "it has not begun: the first service does that")
    if not seen.has_state:
        text = f"what was signed last is not kept here: {seen.state_path} is missing"
        return warning("log", text, LOST)
    if seen.open_key is not None:
        text = f"{seen.open_key} may be read by others, who can sign another history with it"
        return warning("log", text, f"Close it: chmod 600 {seen.open_key}")
    leads = "a process leads" if seen.leads else "nobody leads, and nothing waits"
    return good("log", f"{seen.head.origin}: {_sealed(seen.report)}; {leads}")


def _sealed(report: Report) -> str:
    if report.positions > report.size:
        return f"{report.size:,} of {report.positions:,} entries are sealed"
    return f"all {report.size:,} entries are sealed"
