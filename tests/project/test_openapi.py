"""The description is complete, true to the code, and the one that is committed."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from service.errors import BY_SLUG, Problem
from service.http.app import build_app
from service.http.request import BODY_MAX
from service.model import fields
from service.model.decode import BETWEEN_FIELDS
from service.model.kinds import BY_NAME, KINDS
from service.openapi import filters, problems
from service.openapi.__main__ import main
from service.openapi.document import TAGS, described, pretty
from service.openapi.refusals import refusals
from service.openapi.registry import OPERATIONS
from service.openapi.schemas import CONDITIONS
from service.settings import Settings
from tests.described import invalid

OPERATION_ID = re.compile(r"[a-z][A-Za-z]*")
Schema = dict[str, Any]


def served() -> set[tuple[str, str]]:
    """Give method and path of each route."""
    app = build_app(Settings(), "postgresql://localhost/plant")
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }


def inner(value: Any, pointer: str = "#") -> Iterator[tuple[str, Schema]]:
    """Give every object of the document and where it stands, but for what is an example."""
    if isinstance(value, dict):
        yield pointer, value
        for name, member in value.items():
            if name not in {"example", "examples", "default"}:
                step = name.replace("~", "~0").replace("/", "~1")
                yield from inner(member, f"{pointer}/{step}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from inner(member, f"{pointer}/{index}")


def resolved(one: Schema) -> Schema:
    """Follow a reference."""
    while "$ref" in one:
        value: Any = described()
        for step in one["$ref"].removeprefix("#/").split("/"):
            value = value[step]
        one = value
    return one


class TestDocument:
    """docs/openapi.json."""

    def test_is_the_one_that_is_made(self, root: Path) -> None:
        """What is committed is what the code describes: `tox -e openapi` writes it again."""
        assert pretty() == (root / "docs/openapi.json").read_bytes()

    def test_is_written_where_it_is_asked_for(self, tmp_path: Path) -> None:
        """`python -m service.openapi PATH` writes the document."""
        assert 0 == main([str(tmp_path / "openapi.json")])
        assert pretty() == (tmp_path / "openapi.json").read_bytes()

    def test_is_openapi(self) -> None:
        """A validator that is not ours finds no fault, references included."""
        OpenAPIV31SpecValidator(described()).validate()

    def test_defines_no_more_than_its_operations_use(self) -> None:
        """Every schema and header that it defines is used somewhere, problems apart."""
        text = pretty().decode()
        parts = described()["components"]
        named = {
            f"#/components/{kind}/{name}"
            for kind in ("schemas", "headers", "parameters")
            for name in parts[kind]
        }
        unused = {one for one in named if f'"{one}"' not in text}

        assert set() == {one for one in unused if not one.endswith("Problem")}


class TestOperations:
    """One description for each route."""

    def test_are_the_routes(self) -> None:
        """A route without a description is an error, and so is a description without a route."""
        described_ones = {(one.method, one.path) for one in OPERATIONS}

        assert served() == described_ones

    def test_have_names_of_their_own(self) -> None:
        """Operation ids are unique and readable; clients name their functions by them."""
        names = [one.id for one in OPERATIONS]

        assert len(set(names)) == len(names)
        assert [] == [name for name in names if not OPERATION_ID.fullmatch(name)]

    def test_belong_to_a_tag(self) -> None:
        """Every tag has an operation, and every operation a tag that is explained."""
        assert set(TAGS) == {one.tag for one in OPERATIONS}

    def test_say_what_they_are(self) -> None:
        """Each has a summary without a full stop and a description with one."""
        assert [] == [one.id for one in OPERATIONS if not one.summary or one.summary.endswith(".")]
        assert [] == [one.id for one in OPERATIONS if not one.description.endswith(".")]

    def test_name_each_problem_once(self) -> None:
        """What follows from an operation's form it need not name; it names nothing twice."""
        doubled = [one.id for one in OPERATIONS if len(set(one.problems)) != len(one.problems)]
        form = {
            one.id: set(one.problems) & set(refusals(msgspec.structs.replace(one, problems=())))
            for one in OPERATIONS
        }

        assert [] == doubled
        assert {} == {name: found for name, found in form.items() if found}

    def test_lead_on_to_operations_that_are_there(self) -> None:
        """Links name operations, and parameters that those have."""
        known = {one.id: one for one in OPERATIONS}
        broken = [
            f"{one.id}: {link.operation} {name}"
            for one in OPERATIONS
            for answer in one.answers
            for link in answer.links
            for name in link.parameters
            if link.operation not in known
            or not known[link.operation].takes(name.partition(".")[2])
        ]

        assert [] == broken
        assert any(answer.links for one in OPERATIONS for answer in one.answers)

    @pytest.mark.parametrize("kind", BY_NAME)
    def test_lists_take_the_filters_of_their_kind(self, kind: str) -> None:
        """The parameters of a list are paging, time and what the kind filters by."""
        (listed,) = [
            one
            for one in OPERATIONS
            if one.method == "GET" and one.path == f"/v1/{BY_NAME[kind].path}"
        ]

        names = {one.name for one in listed.parameters if one.where == "query"}
        assert {"limit", "cursor", "as_of"} | BY_NAME[kind].filters == names

    def test_body_limit_is_the_one_that_holds(self) -> None:
        """The example of a body that is too large names the limit that the service has."""
        assert BODY_MAX == problems.example_of(BY_SLUG["body-too-large"])["limit_bytes"]


class TestSchemas:
    """What the contract says of fields."""

    @pytest.mark.parametrize("kind", KINDS.values(), ids=list(BY_NAME))
    def test_unknown_fields_are_refused(self, kind: Any) -> None:
        """Bodies and documents have no members but those that are listed."""
        schemas = described()["components"]["schemas"]
        for struct in (kind.create, kind.patch, kind.import_line, kind.document):
            schema = schemas[struct.__name__]
            assert schema["additionalProperties"] is False
            listed = list(struct.__struct_fields__)
            assert listed == [name for name in schema["properties"] if name != "kind"]

    @pytest.mark.parametrize("kind", KINDS.values(), ids=list(BY_NAME))
    def test_documents_have_all_their_fields(self, kind: Any) -> None:
        """Nothing of a document is optional."""
        schema = described()["components"]["schemas"][kind.document.__name__]

        assert set(schema["properties"]) == set(schema["required"])

    @pytest.mark.parametrize(
        "field, bounds",
        [
            ("name", {"minLength": 1, "maxLength": 255, "type": "string"}),
            ("external_id", {"minLength": 1, "maxLength": 255, "default": None}),
            ("description", {"minLength": 1, "maxLength": 10_000}),
            ("aliases", {"maxItems": 200, "uniqueItems": True, "default": []}),
            ("tags", {"maxItems": 50, "uniqueItems": True, "default": []}),
            ("governance_notes", {"maxLength": 10_000, "default": None}),
            ("parent_ids", {"maxItems": 50, "uniqueItems": True, "default": []}),
            ("embedding_384", {"minItems": 384, "maxItems": 384}),
        ],
    )
    def test_bounds_are_those_of_the_contract(self, field: str, bounds: Schema) -> None:
        """The numbers of the contract appear, whatever the code makes of them."""
        schema = described()["components"]["schemas"]["SkillCreate"]["properties"][field]
        flat = {**schema, **schema.get("anyOf", [{}])[0]}

        assert bounds == {name: flat[name] for name in bounds}

    def test_enumerations_are_those_of_the_contract(self) -> None:
        """Each has a name, so that a client has one type for it."""
        schemas = described()["components"]["schemas"]

        assert list(get_args(fields.Status)) == schemas["Status"]["enum"]
        assert list(get_args(fields.CategoryName)) == schemas["Category"]["enum"]
        assert ["junior", "mid", "senior"] == schemas["Seniority"]["enum"]
        assert ["essential", "optional"] == schemas["Relation"]["enum"]

    def test_rules_between_fields_are_there(self) -> None:
        """Every struct with a rule between its fields has it as a condition."""
        assert {struct.__name__ for struct in BETWEEN_FIELDS} <= set(CONDITIONS)

    def test_filters_are_all_described(self) -> None:
        """Every filter of every kind has its type."""
        assert frozenset().union(*(kind.filters for kind in KINDS.values())) == set(filters.FILTERS)

    @pytest.mark.parametrize("problem", BY_SLUG.values(), ids=list(BY_SLUG))
    def test_every_problem_has_its_schema(self, problem: type[Problem]) -> None:
        """Type, title and status are fixed, and the example of docs/errors.md is one of it."""
        name = problems.name_of(problem)
        members = described()["components"]["schemas"][name]["properties"]
        example = problems.example_of(problem)

        assert f"/docs/errors#{problem.slug}" == members["type"]["const"] == example["type"]
        assert (problem.title, problem.status) == (
            members["title"]["const"],
            members["status"]["const"],
        )
        assert [] == invalid(f"#/components/schemas/{name}", example)
        assert set(example) <= set(members)

    def test_every_problem_has_its_words(self) -> None:
        """What docs/errors.md says of it, and the way out."""
        entries = problems.entries()

        assert set(BY_SLUG) == set(entries)
        assert [] == [slug for slug, entry in entries.items() if "Way out: " not in entry.text]


class TestExamples:
    """What a reader copies."""

    def test_are_what_their_schemas_say(self) -> None:
        """Every example of a parameter, header, body or answer fits its schema."""
        wrong, checked = [], 0
        for pointer, one in inner(described()):
            if "schema" not in one or "x-line-schema" in one:
                continue
            given = [resolved(each)["value"] for each in one.get("examples", {}).values()]
            given += [one["example"]] if "example" in one else []
            checked += len(given)
            for value in given:
                wrong += [f"{pointer}: {fault}" for fault in invalid(f"{pointer}/schema", value)]

        assert checked > 200
        assert [] == wrong

    def test_every_body_and_document_has_one(self) -> None:
        """No reader has to make up a first request."""
        without = [one.id for one in OPERATIONS if one.body is not None and not one.body.examples]

        assert [] == without
