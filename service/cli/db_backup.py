"""`plant db backup` and `plant db restore`: the embedded server as one file."""

import argparse
from pathlib import Path

import msgspec

from service.cli.made import require_made
from service.cli.output import Output
from service.cli.parser import WRONG_USAGE, Subparsers, add_command, add_json
from service.database.backup import back_up
from service.database.embedded import EmbeddedServer
from service.database.restore import restore
from service.refusal import Refusal
from service.sealing.state import StateFile, state_path
from service.settings import Settings, load

BACKUP = """\
Back the embedded PostgreSQL up into one file, while it serves.

All that was answered before the command began is in it. The file is a tar as pg_basebackup writes
it (with a name that ends in .gz a compressed one), for its owner only; it appears when it is whole,
in the place of one that was there. It holds everything that the database holds: drafts, and what
keys and passwords are checked by. The key that signs the log (signing.key) and what was signed last
(sealer.json) are not in it: keep the key elsewhere.

  plant db backup /backups/plant.tar.gz

Exit code: 0 it is written, 2 it is not."""

RESTORE = """\
Make a back-up the database of a data directory that has none: an empty or absent PLANT_DATA_DIR,
or the directory named by --into.

The file is unpacked beside, held against its manifest (sizes and SHA-256 of all files), brought up,
and only then named the database. Nothing is started; the next step is printed.

  plant db restore /backups/plant.tar.gz --into /srv/plant

Exit code: 0 it is restored, 1 the file is no whole back-up, 2 it could not be restored."""

LOG = (
    "Copy signing.key and the newest sealer.json from the data directory that was backed up, or "
    "from where you keep them; then `plant audit verify`, and `plant audit rebase` if that finds a "
    "rollback. Without sealer.json the log waits for `plant audit rebase` (docs/audit.md)."
)


class NotEmbedded(Refusal):
    """The server is somebody else's to back up."""

    exit_code = WRONG_USAGE


def register(commands: Subparsers) -> None:
    """Add `backup` and `restore`."""
    backup = add_command(commands, "backup", _backup, BACKUP)
    backup.add_argument("file", type=_file, metavar="FILE")
    add_json(backup)
    restoring = add_command(commands, "restore", _restore, RESTORE)
    restoring.add_argument("file", type=_file, metavar="FILE")
    restoring.add_argument(
        "--into", type=Path, metavar="DIR", help="a data directory (default: PLANT_DATA_DIR)"
    )
    add_json(restoring)


def _file(text: str) -> Path:
    """Read the name of a back-up.

    Raises: ArgumentTypeError for what other commands take for standard input or output.
    """
    if text == "-":
        raise argparse.ArgumentTypeError(
            "a back-up is a file, never standard input or output: name one (./- is a file as well)"
        )
    return Path(text)


def _backup(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    _require_embedded(settings)
    require_made(settings)
    server = EmbeddedServer(settings, output.say)
    with server.used(), output.progress("backing up (MiB)") as progress:
        written = back_up(server, arguments.file, progress.reach)
    output.answer(written, [f"{written.file}: {written.bytes:,} bytes, sha256 {written.sha256}"])
    return 0


def _restore(arguments: argparse.Namespace) -> int:
    settings = load()
    output = Output(as_json=arguments.json)
    _require_embedded(settings)
    if arguments.into is not None:
        settings = msgspec.structs.replace(settings, data_dir=arguments.into)
    server = EmbeddedServer(settings, output.say)
    with StateFile(state_path(settings)).restoring():
        restore(server, arguments.file, output.say)
    directory = str(settings.data_dir.absolute())
    output.answer(
        {"data_dir": directory, "data": str(server.place.data)},
        [f"Restored into {directory}", f"PLANT_DATA_DIR={directory} plant serve"],
    )
    output.say(LOG)
    return 0


def _require_embedded(settings: Settings) -> None:
    """Leave a given server to whoever runs it.

    Raises: NotEmbedded.
    """
    if settings.database_url is not None:
        raise NotEmbedded(
            "PLANT_DATABASE_URL is set, and only the embedded PostgreSQL is backed up here.",
            "Use pg_basebackup or pg_dump on that server (docs/operations.md).",
        )
