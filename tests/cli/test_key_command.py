"""`plant key` and `plant tenant` on a given database, and on the embedded one where none runs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.usecases.keys import SCOPES
from tests.postgres import Server
from tests.servers import plant, room

Command = Callable[..., tuple[int, Any, str]]
CREATE = ("create", "--scopes", "read,write", "--tenant")
NEITHER = "0198f3a2-7d5e-7c31-9a44-3f0c2c9f1b77"


@pytest.fixture
def key(cluster: Server, database: str, tmp_path: Path) -> Command:
    """Give `plant key`: exit code, answer as JSON, what was said."""

    def run(*words: str, group: str = "key") -> tuple[int, Any, str]:
        told = plant(tmp_path, group, *words, "--json", **cluster.environ(database))
        assert "Traceback" not in told.stderr
        return told.returncode, json.loads(told.stdout) if told.stdout else None, told.stderr

    return run


def test_create_makes_tenant_and_agent_when_they_are_new(key: Command) -> None:
    """One JSON object with the key, its ids, and what was made."""
    code, first, _ = key(*CREATE, "k1", "--agent", "alice")
    _, second, _ = key(*CREATE, "k1", "--agent", "bob", "--existing")
    _, third, _ = key(*CREATE, "k1", "--agent", "alice", "--existing")

    assert 0 == code
    assert {"key", "key_id", "tenant_id", "governance_agent_id", "created"} <= set(first)
    assert {"tenant": True, "governance_agent": True} == first["created"]
    assert second is None
    assert {"tenant": False, "governance_agent": False} == third["created"]
    assert first["governance_agent_id"] == third["governance_agent_id"]
    assert first["key"] != third["key"]


@pytest.mark.parametrize(
    "words,code,says",
    [
        ((*CREATE, "none", "--agent", "a", "--existing"), 1, "no tenant 'none'"),
        ((*CREATE, "not a name", "--agent", "a"), 64, "name of the tenant"),
        ((*CREATE, "t", "--agent", ""), 64, "name of the agent"),
        (("create", "--scopes", "read,fly", "--tenant", "t", "--agent", "a"), 64,
         "There is no scope fly. Scopes are read, write"),
        (("create", "--scopes", "read,wirte", "--tenant", "t", "--agent", "a"), 64,
         "There is no scope wirte. Did you mean write?"),
        (("create", "--scopes", " , ", "--tenant", "t", "--agent", "a"), 64, "No scope is named"),
        (("list", "--tenant", "nix"), 64, "There is no tenant 'nix'. See `plant tenant list`."),
        ((*CREATE, "t", "--agent", "a", "--expires-at", "soon"), 64, "no time"),
        ((*CREATE, "t", "--agent", "a", "--expires-at", "2001-01-01T00:00:00Z"), 64, "is over"),
        (("rotate", NEITHER), 1, "no key"),
        (("rotate", NEITHER, "--overlap", "soon"), 64, "no duration"),
        (("revoke", NEITHER), 1, "no key"),
    ],
)  # fmt: skip
def test_refusals_are_one_line(key: Command, words: tuple[str, ...], code: int, says: str) -> None:
    """What is wrong and the way out, and nothing on standard output."""
    found, answer, said = key(*words)

    assert (code, None) == (found, answer)
    assert says in said
    assert 1 == len(said.splitlines())


def test_help_says_what_each_scope_is_for(tmp_path: Path) -> None:
    """Each scope has its words; of admin both commands that take it."""
    told = " ".join(plant(tmp_path, "key", "create", "--help").stdout.split())

    assert all(f"{scope} (" in told for scope in set(SCOPES) - {"read"})
    assert "admin (`plant audit erase`, `plant import --restore`)" in told


def test_list_shows_what_became_of_each(key: Command) -> None:
    """Newest first, without the key; revoked ones say when; tenants count those that work."""
    made = [key(*CREATE, "k2", "--agent", "a")[1] for _ in range(3)]
    code, revoked, _ = key("revoke", made[1]["key_id"])
    again = key("revoke", made[1]["key_id"])[1]

    items = key("list", "--tenant", "k2")[1]["items"]
    assert 0 == code
    assert revoked == again
    assert [one["key_id"] for one in reversed(made)] == [one["key_id"] for one in items]
    assert [True, False, True] == [one["revoked_at"] is None for one in items]
    assert made[0]["key"] not in json.dumps(items)
    tenants = key("list", group="tenant")[1]["items"]
    assert [2] == [one["keys"] for one in tenants if one["name"] == "k2"]


def test_rotate_replaces_a_key(key: Command) -> None:
    """The new one has agent and scopes of the old one, which ends with the overlap."""
    old = key(*CREATE, "k3", "--agent", "a")[1]

    _, new, _ = key("rotate", old["key_id"], "--overlap", "1h")
    _, newest, _ = key("rotate", new["key_id"])
    again = key("rotate", new["key_id"])

    assert old["key_id"] == new["replaced_key_id"]
    assert (old["governance_agent_id"], old["scopes"]) == (
        new["governance_agent_id"],
        new["scopes"],
    )
    items = {one["key_id"]: one for one in key("list", "--tenant", "k3")[1]["items"]}
    assert new["replaced_until"] == items[old["key_id"]]["expires_at"]
    assert items[old["key_id"]]["expires_at"] > items[new["key_id"]]["expires_at"]
    assert items[newest["key_id"]]["expires_at"] is None
    assert 1 == again[0]


def test_a_person_reads_when_to_the_second(
    key: Command, cluster: Server, database: str, tmp_path: Path
) -> None:
    """An overlap may be minutes: a date alone would not say whether a key still works."""
    made = [key(*CREATE, "k4", "--agent", "a")[1]["key_id"] for _ in range(2)]
    until = key("rotate", made[0], "--overlap", "10m")[1]["replaced_until"]
    revoked = key("revoke", made[1])[1]["revoked_at"]

    told = plant(
        tmp_path, "key", "list", "--tenant", "k4",
        **cluster.environ(database),
    )  # fmt: skip

    assert f"expires {until[:19].replace('T', ' ')}, never used" in told.stdout
    assert f"revoked {revoked[:19].replace('T', ' ')}, never used" in told.stdout


def test_where_no_server_runs_one_is_started_and_stopped() -> None:
    """The first command of all makes the database; afterwards nothing runs."""
    with room() as place:
        told = plant(place, *("key", *CREATE, "t", "--agent", "a", "--json"))

        assert 0 == told.returncode
        assert {"tenant": True, "governance_agent": True} == json.loads(told.stdout)["created"]
        assert 1 == plant(place, "db", "status").returncode
        listed = plant(place, "tenant", "list")
        assert "t  " in listed.stdout


def test_a_tenant_has_a_threshold_of_its_own(key: Command, cluster: Server, database: str) -> None:
    """`plant tenant similar` sets it, leaves it to the service again, and knows what is none."""
    key(*CREATE, "s1", "--agent", "alice")
    told = []
    for score in ("0.5", "-1", "default"):
        code, answer, _ = key("similar", "s1", score, group="tenant")
        (stored,) = cluster.run("SELECT similar_min FROM app.tenant WHERE name = 's1'", database)
        told.append((code, answer["similar_min"], stored["similar_min"]))
    nobody, _, absent = key("similar", "nobody", "0.5", group="tenant")
    wrong = [key("similar", "s1", score, group="tenant") for score in ("1.5", "nan", "high", "")]

    assert [(0, 0.5, 0.5), (0, -1, -1), (0, None, None)] == told
    assert [64, True] == [nobody, "See `plant tenant list`." in absent]
    assert [64] * 4 == [code for code, *_ in wrong]
    assert all("a number from -1 to 1, or default" in said for *_, said in wrong)


def test_the_threshold_that_holds_is_told(
    key: Command, cluster: Server, database: str, tmp_path: Path
) -> None:
    """Without a score nothing is set: the tenant's is told, that of the setting, or the default."""
    key(*CREATE, "s3", "--agent", "alice")
    environ = cluster.environ(database)

    def said(*score: str, least: str = "") -> str:
        words = ("tenant", "similar", "s3", *score)
        told = plant(tmp_path, *words, **environ, PLANT_SIMILAR_MIN=least)
        assert 0 == told.returncode
        return told.stdout

    default = "s3 takes two for the same from 0.929 on with a model and 0.9 without: the default,"
    everybodys = "s3 takes two for the same from 0.8 on: what PLANT_SIMILAR_MIN is here.\n"
    unset = said(), said(least="0.8")
    set_ = key("similar", "s3", "0.9", group="tenant")
    told = key("similar", "s3", group="tenant")
    own = said(least="0.8")
    left = said("default", least="0.8")
    nobody, _, absent = key("similar", "nobody", group="tenant")

    assert [True, everybodys] == [unset[0].startswith(default), unset[1]]
    assert 0.9 == told[1]["similar_min"]
    assert set_ == told
    assert "s3 takes two for the same from 0.9 on.\n" == own
    assert everybodys == left
    assert key("similar", "s3", group="tenant")[1]["similar_min"] is None
    assert [64, True] == [nobody, "There is no tenant 'nobody'." in absent]


def test_tokens_of_an_issuer_stand_for_an_agent(
    key: Command, cluster: Server, database: str
) -> None:
    """`--issuer` makes a row without a key, which is listed as such and cannot be rotated."""
    code, made, _ = key(*CREATE, "s2", "--agent", "alice", "--issuer", "https://id.example")
    (stored,) = cluster.run(
        f"SELECT issuer, scopes FROM app.api_key WHERE id = '{made['key_id']}'", database
    )
    _, listed, _ = key("list", "--tenant", "s2")
    rotated, _, said = key("rotate", made["key_id"])
    wrong = [key(*CREATE, "s2", "--agent", "alice", "--issuer", one)[0] for one in ("", "a\nb")]

    assert (0, "https://id.example", False) == (code, made["issuer"], "key" in made)
    assert ("https://id.example", made["scopes"]) == (stored["issuer"], stored["scopes"])
    assert ["https://id.example"] == [one["issuer"] for one in listed["items"]]
    assert (1, True) == (rotated, "works" in said)
    assert [64, 64] == wrong


@pytest.mark.parametrize(
    "issuer,says",
    [
        (None, ["PLANT_JWT_ISSUER is not set here: a service takes tokens of https://id.example"]),
        ("https://other.example", ["PLANT_JWT_ISSUER is https://other.example here, not https://id.example"]),
        ("https://id.example", []),
    ],
)  # fmt: skip
def test_whoever_admits_tokens_that_are_not_taken_is_told(
    cluster: Server, database: str, tmp_path: Path, issuer: str | None, says: list[str]
) -> None:
    """The row is made, and the two issuers are named beside the answer."""
    told = {"PLANT_JWKS": "https://id.example/keys", "PLANT_JWT_AUDIENCE": "plant"}
    told = told | {"PLANT_JWT_ISSUER": issuer} if issuer else {}
    words = (*CREATE, "s4", "--agent", "alice", "--issuer", "https://id.example", "--json")
    ran = plant(tmp_path, "key", *words, **cluster.environ(database), **told)

    assert (0, "https://id.example") == (ran.returncode, json.loads(ran.stdout)["issuer"])
    assert [True] * len(says) == [
        said.startswith(say) for said, say in zip(ran.stderr.splitlines(), says, strict=True)
    ]
