"""Where mutants live: a server, a migrated database, broken clones of it, a copied tree."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from service.catalog.drift import LISTING
from service.catalog.load import Catalog
from service.catalog.load import load as load_catalog
from service.database.embedded import embedded_server
from service.migrate.refusals import Failed, Refused
from service.migrate.release import Release, release
from service.migrate.runner import apply
from service.refusal import Refusal
from service.settings import Settings
from tests.postgres import Server
from tests.sabotage.fingerprint import FINGERPRINT
from tests.sabotage.forget import forget
from tests.sabotage.mutant import Edit, Mutant
from tests.servers import room

CONFIGURATION = "fsync = off\nfull_page_writes = off\ntrack_functions = all\n"


class StillbornError(Exception):
    """A mutant that the server or the catalogue refuses, or that changes nothing: no mutant."""


@contextmanager
def copied(root: Path) -> Iterator[Path]:
    """Give a copy of the tree as it is, which mutants may edit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
    )
    with room() as directory:
        tree = directory / "tree"
        for name in listed.stdout.split("\0"):
            if name and (root / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, tree / name)
        yield tree


@contextmanager
def edited(tree: Path, edits: tuple[Edit, ...]) -> Iterator[None]:
    """Have files with edits in them; they are as they were afterwards, times included.

    Nobody knows them as they were before: this process reads them anew, now and afterwards.
    """
    before = {}
    try:
        for edit in edits:
            path = tree / edit.path
            before[path] = (path.read_bytes(), path.stat())
            path.write_text(edit.applied(path.read_text(encoding="utf-8")), encoding="utf-8")
        if edits:
            forget()
        yield
    finally:
        for path, (content, _) in before.items():
            path.write_bytes(content)
        for path, (_, stat) in before.items():
            # Compiled files are told from stale ones by the time of their source.
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        if edits:
            forget()


def inverse(tree: Path, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """Give the edits that undo edits of files as they are now."""
    undo = []
    for edit in edits:
        was = (tree / edit.path).read_text(encoding="utf-8")[edit.start : edit.end]
        undo.append(Edit(edit.path, edit.start, edit.start + len(edit.after), was, edit.line))
    return tuple(undo)


class Ground:
    """A server with the migrated database, and what is cloned from it."""

    def __init__(self, server: Server, superuser_url: str) -> None:
        self.server = server
        self.url = superuser_url
        self.template = server.create("template")
        self._release = release()
        apply(server.url("owner", self.template), brings=self._release)
        server.let_in(self.template)
        self._kept = {self.template}
        self._steps: dict[int, str] = {}
        self._print = self.run(self.template, FINGERPRINT)

    def run(self, database: str, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as superuser in one transaction; the rows of the last one."""
        with psycopg.connect(self.server.url("superuser", database)) as connection:
            cursor = connection.cursor()
            for statement in statements:
                cursor.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def planted(self, mutant: Mutant) -> Iterator[str]:
        """Give a database that is broken, with the tree already edited.

        Raises: StillbornError.
        """
        name = ""
        try:
            name = self._made(mutant)
            if mutant.sql:
                self.run(name, *mutant.sql)
            yield name
        except (psycopg.Error, Failed, Refused, Refusal) as refused:
            raise StillbornError(str(refused).splitlines()[0]) from refused
        finally:
            if mutant.undo:
                self.run(self.template, *mutant.undo)
            self.clear()

    def _made(self, mutant: Mutant) -> str:
        if mutant.remade == "nothing":
            return self.server.clone(self.template) if mutant.sql else self.template
        if mutant.remade == "functions":
            name = self.server.clone(self.template)
            if mutant.code:
                _applied_anew(self.server.url("owner", name))
            else:
                apply(self.server.url("owner", name), brings=self._restated())
            return name
        first = min(int(Path(edit.path).name[:4]) for edit in mutant.edits)
        name = self.server.clone(self._step(first))
        apply(self.server.url("owner", name))
        if self.run(name, FINGERPRINT) == self._print:
            raise StillbornError("The migrated database is the same.")
        return name

    def _restated(self) -> Release:
        """Give the release with the statements as they are edited: its migrations are not."""
        return Release(self._release.migrations, load_catalog(), self._release.name)

    def _step(self, number: int) -> str:
        """Give a database with the migrations before a number, none of which is edited."""
        if number not in self._steps:
            whole = self._release
            before = tuple(item for item in whole.migrations if int(item.id[:4]) < number)
            listing = Catalog({LISTING: load_catalog()[LISTING]})
            name = self.server.create(f"before_{number}")
            if before:
                apply(self.server.url("owner", name), brings=Release(before, listing, whole.name))
            self._steps[number] = name
            self._kept.add(name)
        return self._steps[number]

    def clear(self) -> None:
        """Drop the databases of the mutant and of the tests it met."""
        found = self.server.run("SELECT datname FROM pg_database WHERE datname ~ '^plant_test_'")
        for (name,) in found:
            if name not in self._kept:
                self.server.drop(name)


def _applied_anew(owner_url: str) -> None:
    """Apply in a process that has read the edited code.

    Raises: StillbornError.
    """
    script = "import sys; from service.migrate.runner import apply; apply(sys.argv[1])"
    command = [sys.executable, "-c", script, owner_url]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise StillbornError(done.stderr.splitlines()[-1])


@contextmanager
def ground() -> Iterator[Ground]:
    """Have a server of one's own whose files nobody waits for."""
    with room() as directory, embedded_server(Settings(data_dir=directory / "data")) as embedded:
        (embedded.place.data / "local.conf").write_text(CONFIGURATION)
        url = embedded.url("postgres")
        server = Server(url)
        server.run("SELECT pg_reload_conf()")
        yield Ground(server, url)
