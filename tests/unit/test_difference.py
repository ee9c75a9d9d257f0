"""Differences are RFC 6902, and lead from one document to the other, byte for byte."""

import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from service.model.difference import difference


def operations(before: str, after: str) -> list[dict[str, Any]]:
    """Give the patch as a client reads it, numbers to the digit."""
    encoded = msgspec.json.encode(difference(before.encode(), after.encode()))
    return list(exact(encoded.decode()))


def exact(text: str) -> Any:
    """Read JSON so that 1, 1.0 and 1.00 are three values."""
    return json.loads(text, parse_float=Number, parse_int=Number)


class Number(Decimal):
    """A number that equals only what is spelled as it is."""

    def __eq__(self, other: object) -> bool:
        """Compare the spelling."""
        return isinstance(other, Number) and str(self) == str(other)

    def __hash__(self) -> int:
        """Hash the spelling."""
        return hash(str(self))


def applied(document: Any, patch: list[dict[str, Any]]) -> Any:
    """Apply a patch as RFC 6902 says, members of objects only; in place."""
    for operation in patch:
        *way, last = (
            step.replace("~1", "/").replace("~0", "~")
            for step in operation["path"].removeprefix("/").split("/")
        )
        place = document
        for step in way:
            place = place[step]
        assert isinstance(place, dict)
        assert ("add" != operation["op"]) == (last in place), operation
        if operation["op"] == "remove":
            assert {"op", "path"} == operation.keys()
            del place[last]
        else:
            assert operation["op"] in {"add", "replace"}
            place[last] = operation["value"]
    return document


def written(value: Any) -> str:
    """Write JSON as PostgreSQL does: one spelling for one value."""
    return json.dumps(value, sort_keys=True, separators=(", ", ": "), ensure_ascii=False)


KEYS = ["a", "b", "", "/", "~", "~1", "~0", "a/b", "a~b", "é", "数", '"', "\\", "\u2028", "0", "-"]


PLAIN: list[Any] = [
    None, True, False, 0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63), 10**25, 0.5, 1.0, -1e-7, 1e300,
    "", "x", "\n", "1", "null", "ﷺ", "\U0010ffff", [], {},
]  # fmt: skip


def drawn(chance: random.Random, depth: int) -> Any:
    """Draw a JSON value."""
    shape = chance.randrange(6) if depth else 5
    if shape > 2:
        return chance.choice(PLAIN)
    if shape == 0:
        return [drawn(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {name: drawn(chance, depth - 1) for name in chance.sample(KEYS, chance.randrange(5))}


def bent(chance: random.Random, value: Any, depth: int) -> Any:
    """Change some places of a value."""
    if not isinstance(value, dict) or chance.random() < 0.2:
        return drawn(chance, depth)
    return {
        name: bent(chance, one, depth) if chance.random() < 0.4 else one
        for name, one in value.items()
        if chance.random() < 0.8
    } | ({chance.choice(KEYS): drawn(chance, depth)} if chance.random() < 0.4 else {})


@pytest.mark.parametrize("seed", range(40))
def test_a_patch_leads_from_one_document_to_the_other(seed: int) -> None:
    """Whatever the two hold: keys that need escaping, numbers beyond doubles, nested objects."""
    chance = random.Random(seed)
    for _ in range(50):
        before = {"custom_attributes": drawn(chance, 4), "name": "x", "version": 1}
        after = before | {
            "custom_attributes": bent(chance, before["custom_attributes"], 4),
            "version": chance.randrange(3),
        }
        one, two = written(before), written(after)
        patch = operations(one, two)

        assert exact(two) == applied(exact(one), patch)
        assert (one == two) == (patch == [])
        # Each operation changes something, and no place is touched twice.
        paths = [operation["path"] for operation in patch]
        assert len(paths) == len(set(paths))
        assert not [p for p in paths for q in paths if p.startswith(f"{q}/")]


@pytest.mark.parametrize(
    "before,after,patch",
    [
        ("{}", "{}", []),
        ('{"a": 1}', '{"a": 1}', []),
        ('{"a": 1}', '{"a": 2}', [("replace", "/a", 2)]),
        ('{"a": 1}', '{"a": 1.0}', [("replace", "/a", 1.0)]),
        ('{"a": 1.5}', '{"a": 1.50}', [("replace", "/a", 1.5)]),
        ('{"a": 0}', '{"a": false}', [("replace", "/a", False)]),
        ('{"a": 1}', "{}", [("remove", "/a", None)]),
        ("{}", '{"a": null}', [("add", "/a", None)]),
        ('{"a": null}', "{}", [("remove", "/a", None)]),
        ('{"a": [1, 2]}', '{"a": [1, 3]}', [("replace", "/a", [1, 3])]),
        ('{"a": [{"b": 1}]}', '{"a": [{"b": 2}]}', [("replace", "/a", [{"b": 2}])]),
        ('{"a": {"b": 1, "c": 2}}', '{"a": {"b": 1, "c": 3}}', [("replace", "/a/c", 3)]),
        ('{"a": {"b": 1}}', '{"a": {}}', [("remove", "/a/b", None)]),
        ('{"a": {"b": 1}}', '{"a": []}', [("replace", "/a", [])]),
        ('{"a": {"b": 1}}', '{"a": null}', [("replace", "/a", None)]),
        ('{"a": null}', '{"a": {"b": 1}}', [("replace", "/a", {"b": 1})]),
        ('{"a/b~c": 1}', '{"a/b~c": 2}', [("replace", "/a~1b~0c", 2)]),
        ('{"~1": 1}', '{"~1": 2}', [("replace", "/~01", 2)]),
        ('{"": {"": 1}}', '{"": {"": 2}}', [("replace", "//", 2)]),
    ],
)
def test_the_shape_of_a_patch(
    before: str, after: str, patch: list[tuple[str, str, object]]
) -> None:
    """Objects member by member, arrays as a whole, names escaped as pointers want it."""
    expected = [
        {"op": op, "path": path} | ({} if op == "remove" else {"value": value})
        for op, path, value in patch
    ]

    encoded = msgspec.json.encode(difference(before.encode(), after.encode()))
    assert expected == json.loads(encoded)


def test_a_long_name_is_not_cut() -> None:
    """A pointer into a document is whole, however long a member's name is."""
    name = "n" * 5000
    (operation,) = operations("{}", json.dumps({name: 1}))

    assert f"/{name}" == operation["path"]


def test_numbers_keep_their_digits() -> None:
    """A value is handed on as it stands: no double comes between."""
    encoded = msgspec.json.encode(difference(b'{"a":{}}', b'{"a":{"b": 12345678901234567890.10}}'))

    assert b'[{"op":"add","path":"/a/b","value":12345678901234567890.10}]' == encoded
