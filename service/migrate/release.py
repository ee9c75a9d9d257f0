"""Owns what this release brings to a database: migrations, statements and its own name."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import msgspec

from service.catalog.load import Catalog, load
from service.catalog.place import place
from service.migrate import manifest
from service.migrate.files import Migration, read
from service.migrate.manifest import Manifest
from service.migrate.refusals import BadMigrations


class Release(msgspec.Struct, frozen=True):
    """The files of a release, read and checked."""

    migrations: tuple[Migration, ...]
    catalog: Catalog
    name: str
    manifests: tuple[Manifest, ...] = ()


def release(migrations: Path | None = None, statements: Path | None = None) -> Release:
    """Read the files of this release, or those of the directories given.

    Raises: BadMigrations, BadCatalog.
    """
    directory = migrations or place("migrations")
    files, manifests = read(directory), manifest.read(directory)
    if migrations is None and not manifests:
        raise BadMigrations([f"{manifest.NAMED.format('*')}: is missing: what rules there are"])
    return Release(files, load(statements), name(), manifests)


def name() -> str:
    """Name this release as the ledger and the functions' comments do."""
    try:
        return version("plant-registry")
    except PackageNotFoundError:
        return "unreleased"
