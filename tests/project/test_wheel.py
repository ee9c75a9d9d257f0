"""The wheel is the whole service and nothing else."""

from importlib.metadata import packages_distributions
from pathlib import Path

import service

Names = set[str]


def below(folder: Path, tracked: list[Path]) -> Names:
    """Give the paths of the files git knows in a folder, relative to it."""
    return {str(path.relative_to(folder)) for path in tracked if path.is_relative_to(folder)}


def in_wheel(prefix: str, wheel_files: Names) -> Names:
    """Give the paths the wheel holds below a folder, bytecode aside."""
    return {
        name.removeprefix(prefix)
        for name in wheel_files
        if name.startswith(prefix) and "__pycache__" not in name
    }


class TestWheel:
    """What `pip install` lays down."""

    def test_holds_every_statement(
        self, root: Path, tracked: list[Path], wheel_files: Names
    ) -> None:
        """The wheel holds the files of sql/ as service/_sql, all of them and no other."""
        expected = below(root / "sql", tracked)

        assert expected
        assert expected == in_wheel("service/_sql/", wheel_files)

    def test_holds_every_migration(
        self, root: Path, tracked: list[Path], wheel_files: Names
    ) -> None:
        """The wheel holds the files of migrations/ as service/_migrations, all and no other."""
        expected = below(root / "migrations", tracked)

        assert expected
        assert expected == in_wheel("service/_migrations/", wheel_files)

    def test_holds_the_words_of_the_problems(self, wheel_files: Names) -> None:
        """The page that every `type` leads to is the only one of docs/ that the service needs."""
        assert {"errors.md"} == in_wheel("service/_docs/", wheel_files)

    def test_holds_the_package(
        self, root: Path, tracked: list[Path], wheel_files: Names, *, editable: bool
    ) -> None:
        """The wheel holds every file of service/, the sample and its notice included."""
        source = Path(service.__file__).parent
        files = tracked if editable else [path for path in source.rglob("*") if path.is_file()]
        expected = {name for name in below(source, files) if "__pycache__" not in name}

        assert "sample/NOTICE.md" in expected
        assert expected <= in_wheel("service/", wheel_files)

    def test_lays_down_one_package(self, wheel_files: Names) -> None:
        """Nothing but `service` and its metadata arrives at the top of site-packages."""
        tops = {name.split("/")[0] for name in wheel_files if not name.startswith("..")}

        assert {"service"} == {top for top in tops if not top.endswith((".dist-info", ".pth"))}

    def test_import_name_is_ours_alone(self) -> None:
        """No other distribution of the environment brings a package called service."""
        # An editable installation lists no package, so its own name may be absent.
        owners = set(packages_distributions().get("service", [])) | {"plant-registry"}

        assert {"plant-registry"} == owners

    def test_service_comes_from_where_it_was_installed(self, root: Path, *, editable: bool) -> None:
        """An installed wheel is what the tests import, not a tree that lies beside them."""
        assert editable == Path(service.__file__).is_relative_to(root)
