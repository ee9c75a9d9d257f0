"""`plant db` as a person or a script uses it."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import ask, plant, room

pytestmark = pytest.mark.database


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """Give a working directory whose .env names the data directory."""
    with room() as made:
        (made / ".env").write_text("PLANT_DATA_DIR=here\n")
        yield made


@pytest.fixture
def started(directory: Path) -> Iterator[Path]:
    """Have the embedded server kept running."""
    assert 0 == plant(directory, "db", "start").returncode
    yield directory
    assert 0 == plant(directory, "db", "stop").returncode


def test_status_of_what_does_not_run(directory: Path) -> None:
    """It does not run: exit code 1, and where its files lie."""
    told = plant(directory, "db", "status", "--json")

    document = json.loads(told.stdout)
    assert (1, "", False, True) == (
        told.returncode,
        told.stderr,
        document["running"],
        document["embedded"],
    )
    assert document["data"].startswith(os.path.realpath(directory / "here"))


def test_status_of_what_runs(started: Path) -> None:
    """It runs: exit code 0, its process, and that it is kept."""
    told = plant(started, "db", "status", "--json")
    spoken = plant(started, "db", "status")

    document = json.loads(told.stdout)
    assert (0, "ready", True, []) == (
        told.returncode,
        document["state"],
        document["kept"],
        document["users"],
    )
    assert f"The embedded PostgreSQL is ready: process {document['pid']}, since" in spoken.stdout
    assert "by `plant db start`" in spoken.stdout


@pytest.mark.parametrize("role,user", [("owner", "plant_owner"), ("superuser", "postgres")])
def test_url_is_an_address_that_works(started: Path, role: str, user: str) -> None:
    """One line on standard output, and nothing else anywhere."""
    told = plant(started, "db", "url", "--role", role)

    assert (0, "", 1) == (told.returncode, told.stderr, told.stdout.count("\n"))
    assert user == ask(told.stdout.strip(), "SELECT current_user")


def test_url_as_json(started: Path) -> None:
    """One document on standard output, with the same address."""
    document = json.loads(plant(started, "db", "url", "--json").stdout)

    assert {"role": "owner", "url": plant(started, "db", "url").stdout.strip()} == document


def test_url_says_when_nothing_runs_there(directory: Path) -> None:
    """The address is printed all the same; the hint is no part of it."""
    told = plant(directory, "db", "url")

    assert 0 == told.returncode
    assert told.stdout.startswith("postgresql://plant_owner:")
    assert "no server runs there now" in told.stderr


def test_psql_starts_what_it_needs_and_stops_it(directory: Path) -> None:
    """The answer alone is on standard output, the exit code is psql's, the server ends with it."""
    told = plant(directory, "db", "psql", "--role", "superuser", "--", "-Atc", "SELECT user")
    wrong = plant(directory, "db", "psql", "--", "-c", "nonsense")

    assert (0, "postgres\n") == (told.returncode, told.stdout)
    assert (1, "") == (wrong.returncode, wrong.stdout)
    assert 1 == plant(directory, "db", "status").returncode


def test_stop_twice_is_no_error(directory: Path) -> None:
    """Stopping what does not run succeeds and says so."""
    told = plant(directory, "db", "stop")

    assert (0, "It did not run\n") == (told.returncode, told.stdout)


@pytest.mark.parametrize("command", ["start", "stop"])
def test_a_given_server_is_not_ours_to_start_or_stop(directory: Path, command: str) -> None:
    """With PLANT_DATABASE_URL starting and stopping is wrong usage."""
    told = plant(directory, "db", command, PLANT_DATABASE_URL="postgresql://u@h/d")

    assert 64 == told.returncode
    assert "PLANT_DATABASE_URL is set" in told.stderr


def test_status_of_a_given_server(started: Path) -> None:
    """A given server is looked at: its version and its pgvector."""
    url = plant(started, "db", "url").stdout.strip()

    told = plant(started, "db", "status", "--json", PLANT_DATABASE_URL=url)

    document = json.loads(told.stdout)
    assert (0, False) == (told.returncode, document["embedded"])
    assert document["version"].startswith("18.")


@pytest.mark.parametrize(
    "url,code,said",
    [
        ("postgresql://u:sesame@127.0.0.1:1/d", 2, "cannot be reached: Connection refused."),
        ("mysql://u:sesame@h/d", 64, "PLANT_DATABASE_URL is not readable"),
    ],
)
def test_what_is_wrong_is_one_line(directory: Path, url: str, code: int, said: str) -> None:
    """No traceback: one message with a way out, and the exit code of its kind."""
    told = plant(directory, "db", "status", PLANT_DATABASE_URL=url)

    assert (code, "", 1) == (told.returncode, told.stdout, told.stderr.count("\n"))
    assert said in told.stderr
    assert "sesame" not in told.stderr
