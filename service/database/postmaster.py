"""The process of the embedded server: is it there, start it, stop it.

It runs in a session of its own, so that Ctrl-C in a terminal is not for it, and as nobody's child,
so that it outlives whoever started it. It and each of its back ends have inherited an open lock:
while that is held something of the server lives, whatever process ids say. (They lie after a
reboot, in another container, and about the dead whom nobody has collected.)

Callers hold the gate of embedded.py.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from service.database.locks import held_by, open_private, take
from service.database.place import SOCKET, Place
from service.refusal import Refusal

LINUX = os.uname().sysname == "Linux"
POLL_S = 0.01
START_S_MAX = 300.0
STOP_S_MAX = 60.0
# Back ends see within moments that their postmaster was killed, but a busy one only when it is
# done. Nobody can get its result any more: it is told to end at once. Its directory is the data.
ORPHANS_S_MAX = 20.0
END_ORPHANS = """\
for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/cwd")" = "$1" ]; then kill -QUIT "${process#/proc/}"; fi
done"""
SLOW_S = 2.0
LOG_BYTES_MAX = 10_000_000
# No process has it: the kernel's own limit is lower.
NOBODYS_PID = 2**31 - 1
NO_MEMORY = "could not map anonymous shared memory"
"""What it says where its own cache is more than it may have, by `ulimit -v` for example."""


class ServerRefusal(Refusal):
    """The embedded server does not start or stop."""


class Postmaster(msgspec.Struct, frozen=True, kw_only=True):
    """A server of which something runs: state is starting, ready, stopping or orphaned.

    Units: started_s is seconds since 1970.
    """

    pid: int
    started_s: int
    state: str


ORPHANED = Postmaster(pid=0, started_s=0, state="orphaned")


def running(place: Place) -> Postmaster | None:
    """Find what runs of the server of this place."""
    if held_by(place.run / "server.lock") is None:
        return None
    lines = _pid_file(place)
    if lines is None or gone(int(lines[0])):
        return ORPHANED
    state = lines[7].strip() if len(lines) > 7 else "starting"  # noqa: PLR2004 - line 8 of the file
    return Postmaster(pid=int(lines[0]), started_s=int(lines[2]), state=state)


def settle(place: Place) -> Postmaster | None:
    """Wait until the server answers, which gives it, or nothing of it runs.

    Raises: ServerRefusal when what runs does neither.
    """
    begun = time.monotonic()
    asked = False
    while (found := running(place)) is not None and found.state != "ready":
        patience_s = START_S_MAX
        if found.state == "orphaned":
            patience_s = ORPHANS_S_MAX
            if not asked and time.monotonic() > begun + SLOW_S:
                place.account.run(["/bin/sh", "-c", END_ORPHANS, "sh", place.data])
                asked = True
        if time.monotonic() > begun + patience_s:
            raise ServerRefusal(
                f"Processes of a PostgreSQL on {place.data} still run ({found.state}), here or in "
                "another container.",
                f"End them, then try again. The log is {place.log}.",
            )
        time.sleep(POLL_S)
    return found


def clear(place: Place) -> None:
    """Take away what a killed server left and what would keep the next from starting.

    Raises: ServerRefusal when a server runs that was not started here.
    """
    if (lines := _pid_file(place)) is not None:
        pid = int(lines[0])
        if _by_hand(pid, place.data):
            raise ServerRefusal(
                f"A PostgreSQL started by hand (process {pid}) works on {place.data}.",
                f"Stop it: kill -INT {pid}",
            )
        # PostgreSQL takes any living process of this number for its postmaster. The rest of the
        # file stays: by it the server finds back ends that still run.
        rest = "\n".join(lines[1:])
        (place.data / "postmaster.pid").write_text(f"{NOBODYS_PID}\n{rest}\n")
    for leftover in (place.sockets / SOCKET, place.sockets / f"{SOCKET}.lock"):
        leftover.unlink(missing_ok=True)


def start(place: Place, programs: Path, tell: Callable[[str], None]) -> Postmaster:
    """Start the server, of which nothing runs and which is cleared; wait until it answers.

    Raises: ServerRefusal with what the server said.
    """
    if place.log.exists() and place.log.stat().st_size > LOG_BYTES_MAX:
        place.log.replace(place.log.with_suffix(".log.1"))
    said_before = place.log.stat().st_size if place.log.exists() else 0
    _spawn(place, programs)
    begun = time.monotonic()
    told = False
    while (found := running(place)) is None or found.state != "ready":
        if found is None:
            reason = _reason(place.log, said_before)
            raise ServerRefusal(
                f"The embedded PostgreSQL does not start: {reason}.", _way_out(place, reason)
            )
        if not told and time.monotonic() > begun + SLOW_S:
            tell("PostgreSQL is still starting (after a crash it replays its log)")
            told = True
        if time.monotonic() > begun + START_S_MAX:
            raise ServerRefusal(
                f"The embedded PostgreSQL has not answered for {START_S_MAX:.0f} seconds.",
                f"Its log is {place.log}.",
            )
        time.sleep(POLL_S)
    return found


def stop(place: Place) -> None:
    """Stop the server, ending its sessions, and wait until it is gone.

    Raises: ServerRefusal.
    """
    begun = time.monotonic()
    sent: signal.Signals | None = None
    while (found := running(place)) is not None:
        waited_s = time.monotonic() - begun
        # First in order, then at once: the next start then replays the log.
        how = signal.SIGINT if waited_s < STOP_S_MAX else signal.SIGQUIT
        if found.pid and sent != how:
            with suppress(ProcessLookupError):
                os.kill(found.pid, how)
            sent = how
        if waited_s > (2 * STOP_S_MAX if found.pid else ORPHANS_S_MAX):
            raise ServerRefusal(
                f"The embedded PostgreSQL on {place.data} does not stop ({found.state}).",
                f"Its log is {place.log}.",
            )
        time.sleep(POLL_S)


def _pid_file(place: Place) -> list[str] | None:
    with suppress(FileNotFoundError):
        lines = (place.data / "postmaster.pid").read_text().splitlines()
        if len(lines) > 2 and lines[0].isdigit() and lines[2].isdigit():  # noqa: PLR2004
            return lines
    return None


def gone(pid: int) -> bool:
    """Say whether a process has ended."""
    try:
        os.kill(pid, 0)
        # An init that is slow to collect the dead, or a container's that never does.
        if LINUX:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in {"Z", "X"}
    except PermissionError:
        return False
    except (ProcessLookupError, FileNotFoundError):
        return True
    return False


def _by_hand(pid: int, data: Path) -> bool:
    with suppress(OSError):
        if LINUX:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
        else:
            listed = ["/bin/ps", "-o", "command=", "-p", str(pid)]
            command = subprocess.run(listed, check=False, capture_output=True).stdout
        return b"postgres" in command and os.fsencode(data) in command
    return False


def _spawn(place: Place, programs: Path) -> None:
    log = open_private(place.log, os.O_WRONLY | os.O_APPEND)
    alive = take(place.run / "server.lock", doing="PostgreSQL")
    try:
        # The shell ends at once: the server is then the child of init.
        subprocess.run(
            ["/bin/sh", "-c", '"$@" &', "sh", programs / "postgres", "-D", place.data],
            check=True,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=place.data,
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            start_new_session=True,
            pass_fds=(alive,),
            **place.account.process(),
        )
    finally:
        os.close(alive)
        os.close(log)


def _way_out(place: Place, reason: str) -> str:
    ways = f"Its log is {place.log}."
    if NO_MEMORY in reason:
        own = place.data / "local.conf"
        return (
            f"Let it have less, by a line `shared_buffers = 128MB` in {own}, or allow more. {ways}"
        )
    return ways


def _reason(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        said = file.read(100_000).decode(errors="replace").splitlines()
    words = [line.partition(":  ")[2] or line for line in said]
    for number, line in enumerate(said):
        if "FATAL:  " in line or "PANIC:  " in line:
            # What is wrong in a configuration file stands in the lines before.
            first = 0 if words[number].endswith("contains errors") else number
            return "; ".join(words[first : number + 1])
    return words[-1] if words else "it said nothing"
