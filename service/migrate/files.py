"""Owns the migration files: reading them with yoyo, and the rules that yoyo does not check.

Never talks to a server.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from yoyo.migrations import read_sql_migration

from service.catalog.lexer import mask, mask_comments, words
from service.migrate.refusals import BadMigrations

_ID: Final = re.compile(r"\d{4}\.[a-z0-9][a-z0-9_]*")
_ROLLBACK: Final = ".rollback.sql"
_IRREVERSIBLE: Final = re.compile(r"^-- irreversible: *(\S.*)$", re.MULTILINE)
_TRANSACTION_WORDS: Final = frozenset(
    {"ABORT", "BEGIN", "COMMIT", "END", "PREPARE", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"}
)
_LOSES_DATA: Final = re.compile(
    r"\bDROP\s+(TABLE|SCHEMA|COLUMN|MATERIALIZED\s+VIEW|SEQUENCE|TYPE|DOMAIN|EXTENSION|OWNED)\b"
    r"|\bALTER\s+(COLUMN\s+)?\S+\s+(SET\s+DATA\s+)?TYPE\b"
    r"|\bTRUNCATE\b|\bDELETE\s+FROM\b"
)
_MAY_LOSE_DATA: Final = frozenset({"ALTER", "DELETE", "DO", "DROP", "MERGE", "TRUNCATE", "WITH"})
_NAME: Final = r'((?:"[^"]+"|[a-z_][a-z0-9_]*))'
_CREATE_INDEX: Final = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+{_NAME}\s+ON\s+(?:ONLY\s+)?{_NAME}\.{_NAME}",
    re.IGNORECASE,
)
_DROP_INDEX: Final = re.compile(
    rf"DROP\s+INDEX\s+CONCURRENTLY\s+IF\s+EXISTS\s+{_NAME}\.{_NAME}\s*;", re.IGNORECASE
)


class Part(msgspec.Struct, frozen=True):
    """One statement of a file and the line on which it starts."""

    sql: str
    line: int

    @property
    def loses_data(self) -> bool:
        """Tell whether running it throws data away."""
        code = words(self.sql)
        if not code or code[0] not in _MAY_LOSE_DATA:
            return False
        # The body of a DO block is quoted text, and runs all the same.
        text = mask_comments(self.sql) if code[0] == "DO" else mask(self.sql)
        return bool(_LOSES_DATA.search(text.upper()))

    @property
    def title(self) -> str:
        """Show the statement's first line of code."""
        code = mask_comments(self.sql)
        return next((line.strip() for line in code.splitlines() if line.strip()), "")


class Script(msgspec.Struct, frozen=True, kw_only=True):
    """One file: a migration, or its rollback."""

    path: Path
    text: str
    parts: tuple[Part, ...]
    transactional: bool
    depends: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Hash the content: what the ledger keeps."""
        return sha256(self.text.encode()).hexdigest()

    @property
    def makes_index(self) -> tuple[str, str] | None:
        """Name schema and index that a CREATE INDEX CONCURRENTLY makes."""
        made = _CREATE_INDEX.match(mask_comments(self.parts[0].sql).strip())
        return (made[2].strip('"'), made[1].strip('"')) if made else None

    @property
    def drops_index(self) -> bool:
        """Tell whether it is a DROP INDEX CONCURRENTLY that may be repeated."""
        return bool(_DROP_INDEX.match(mask_comments(self.parts[0].sql).strip()))

    @property
    def loses_data(self) -> tuple[Part, ...]:
        """List the statements that throw data away."""
        return tuple(part for part in self.parts if part.loses_data)


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """A migration file with its rollback file."""

    id: str
    forward: Script
    backward: Script
    irreversible: str | None


def read(directory: Path) -> tuple[Migration, ...]:
    """Read and check every migration, in the order in which they apply.

    Raises: BadMigrations with every fault found.
    """
    faults: list[str] = []
    found: dict[str, Migration] = {}
    for path in sorted(directory.iterdir()):
        if path.suffix not in {".sql", ".py"}:
            continue
        if path.name.endswith(_ROLLBACK):
            if not path.with_name(path.name.removesuffix(_ROLLBACK) + ".sql").exists():
                faults.append(f"{path.name}: rolls back a migration that is not there")
            continue
        migration = _migration(path, faults)
        if migration:
            faults += _faults(migration, found)
            found[migration.id] = migration
    if faults:
        raise BadMigrations(faults)
    return tuple(found.values())


def _migration(path: Path, faults: list[str]) -> Migration | None:
    """Read a file and its rollback, unless name or content cannot be read at all."""
    rollback = path.with_name(path.stem + _ROLLBACK)
    if path.suffix != ".sql" or not _ID.fullmatch(path.stem):
        faults.append(f"{path.name}: a migration is plain SQL, named NNNN.words.sql")
        return None
    if not rollback.exists():
        faults.append(f"{path.name}: {rollback.name} is missing; every migration has a rollback")
        return None
    try:
        forward, backward = _script(path), _script(rollback)
    except (UnicodeDecodeError, KeyError):
        faults.append(f"{path.name}: not UTF-8, or `-- transactional:` is neither true nor false")
        return None
    reason = _IRREVERSIBLE.search(backward.text)
    return Migration(
        id=path.stem,
        forward=forward,
        backward=backward,
        irreversible=reason[1] if reason else None,
    )


def _script(path: Path) -> Script:
    text = path.read_text(encoding="utf-8")
    directives, _, statements = read_sql_migration(str(path))
    parts, at = [], 0
    for sql in statements:
        at = text.index(sql, at)
        # A tail of comments alone is a statement to yoyo.
        if mask(sql).strip():
            parts.append(Part(sql, text.count("\n", 0, at) + 1))
        at += len(sql)
    transactional = {"true": True, "false": False}[
        directives.get("transactional", "true").strip().lower()
    ]
    return Script(
        path=path,
        text=text,
        parts=tuple(parts),
        transactional=transactional,
        depends=tuple(directives.get("depends", "").split()),
    )


def _faults(migration: Migration, before: dict[str, Migration]) -> Iterator[str]:
    """Find what is wrong with a migration that stands after others."""
    name = migration.forward.path.name
    number = migration.id.split(".")[0]
    twins = [other for other in before if other.startswith(f"{number}.")]
    if twins:
        yield f"{name}: the number {number} is taken by {twins[0]}"
    for depends in migration.forward.depends:
        if depends not in before:
            yield f"{name}: depends on {depends}, which is not there or comes later"
    if not migration.forward.parts:
        yield f"{name}: there is no statement"
    if not migration.backward.parts and not migration.irreversible:
        rollback = migration.backward.path.name
        yield f"{rollback}: there is no statement; say why with `-- irreversible: <reason>`"
    if migration.forward.transactional and not migration.backward.transactional:
        yield f"{migration.backward.path.name}: needs a transaction, as its migration has one"
    for script in (migration.forward, migration.backward):
        yield from _script_faults(script)


def _script_faults(script: Script) -> Iterator[str]:
    for part in script.parts:
        where = f"{script.path.name}:{part.line}"
        code = words(part.sql) or [""]
        if code[0] in _TRANSACTION_WORDS:
            yield f"{where}: {code[0]}: the runner opens and ends the transaction, no file does"
        if code[0] == "COPY" and "STDIN" in code:
            yield f"{where}: COPY FROM STDIN cannot be split from its data; use INSERT"
        if not mask(part.sql).rstrip().endswith(";"):
            yield f"{where}: the statement does not end in `;`, or was split in a wrong place"
        if "CONCURRENTLY" in code and script.transactional:
            yield f"{where}: CONCURRENTLY needs the line `-- transactional: false`"
    if script.transactional or not script.parts:
        return
    if len(script.parts) > 1 or not (script.makes_index or script.drops_index):
        yield (
            f"{script.path.name}: without a transaction a file holds one statement, either "
            "CREATE INDEX CONCURRENTLY name ON schema.table … "
            "or DROP INDEX CONCURRENTLY IF EXISTS schema.name"
        )
