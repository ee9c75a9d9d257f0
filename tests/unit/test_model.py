"""Bodies: what each kind takes, what it refuses, and with which pointer and rule."""

import json
from typing import Annotated, Any, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, Meta, Struct

from service.errors import InvalidBody, MalformedJson
from service.model.decode import ERRORS_MAX, decode, decode_line, payload
from service.model.documents import (
    AgentCreate,
    AgentPatch,
    IndustryCreate,
    IndustryPatch,
    JobRoleCreate,
    JobRolePatch,
    SkillCreate,
    SkillPatch,
    StatusStep,
    TeamCreate,
    TeamPatch,
)
from service.model.kinds import KINDS
from service.model.lines import AgentLine, IndustryLine, JobRoleLine, SkillLine, TeamLine
from service.model.rules import RULES
from service.model.search import SearchBody

ID = "0190a1b2-0000-7000-8000-000000000001"
ID2 = "0190a1b2-0000-7000-8000-000000000002"
DESCRIBED: dict[str, object] = {"name": "Go", "description": "A language."}
LINKED = {**DESCRIBED, "job_role_id": ID, "industry_id": ID}

LEAST: dict[type[Struct], dict[str, object]] = {
    SkillCreate: {**DESCRIBED, "category": "technical"},
    JobRoleCreate: DESCRIBED,
    TeamCreate: LINKED,
    AgentCreate: LINKED,
    IndustryCreate: {"name": "Farming"},
    SkillPatch: {},
    JobRolePatch: {},
    TeamPatch: {},
    AgentPatch: {},
    IndustryPatch: {},
    StatusStep: {"to": "active", "reason": "ready"},
}
"""The least that each body has to have."""


FINITE = "must be a finite number of double precision"


class Free(Struct):
    """Numbers with a bound on one side, and with none."""

    least: Annotated[int, Meta(ge=1)]
    free: float


def faults(body: object, wanted: type[Struct]) -> set[tuple[str, str]]:
    """Give pointer and rule of everything that is wrong with a body."""
    sent = body if isinstance(body, bytes) else json.dumps(body).encode()
    with pytest.raises(InvalidBody) as raised:
        decode(sent, wanted)
    return {(error.pointer, error.rule) for error in raised.value.errors}


def skill(**fields: object) -> dict[str, object]:
    """Give a good skill with some fields set."""
    return LEAST[SkillCreate] | fields


@pytest.mark.parametrize("wanted", LEAST, ids=lambda wanted: wanted.__name__)
def test_the_least_body_is_taken(wanted: type[Struct]) -> None:
    """What has no default is all that is needed, and it comes back as sent."""
    sent = LEAST[wanted]
    body = decode(json.dumps(sent).encode(), wanted)
    given = json.loads(payload(body))

    assert sent.items() <= given.items()


@pytest.mark.parametrize("wanted", LEAST, ids=lambda wanted: wanted.__name__)
def test_everything_missing_is_named_at_once(wanted: type[Struct]) -> None:
    """A reader learns all required members from one answer."""
    if LEAST[wanted]:
        assert {(f"/{name}", "required") for name in LEAST[wanted]} == faults({}, wanted)
    else:
        assert payload(decode(b"{}", wanted)) == b"{}"


READ_ONLY = ["id", "entity_type", "status", "version", "created_at", "updated_at"]
READ_ONLY += ["governance_agent_id", "embedding_sha256", "tenant_id", "archived_at"]


@pytest.mark.parametrize("wanted", LEAST, ids=lambda wanted: wanted.__name__)
@pytest.mark.parametrize("name", READ_ONLY)
def test_read_only_members_are_unknown(wanted: type[Struct], name: str) -> None:
    """What the registry decides a client cannot send."""
    assert {(f"/{name}", "unknown-field")} == faults(LEAST[wanted] | {name: ID}, wanted)


def test_documents_have_their_members_in_the_order_in_which_sql_renders_them() -> None:
    """The order of members is part of the contract: the bytes are hashed."""
    head = ["id", "entity_type", "external_id", "name", "description", "aliases", "tags"]
    head += ["custom_attributes", "governance_notes", "parent_ids"]
    tail = ["status", "version", "created_at", "updated_at", "governance_agent_id"]
    own = {
        "skills": ["category", "embedding_sha256"],
        "job-roles": ["seniority_level", "industry_id", "required_skills"],
        "teams": ["job_role_id", "industry_id"],
        "agents": ["job_role_id", "industry_id", "team_id", "skill_ids"],
        "industries": ["scheme", "code", "level", "embedding_sha256"],
    }

    for path, kind in KINDS.items():
        assert [*head, *own[path], *tail] == list(kind.document.__struct_fields__)


def test_every_text_that_a_client_sends_has_a_rule() -> None:
    """No field of text reaches PostgreSQL unchecked for control characters."""
    chosen = {"category", "seniority_level", "to", "successor_id", "level"}
    bodies = [*LEAST, *(kind.import_line for kind in KINDS.values())]
    unruled = {
        name for body in bodies for name in get_type_hints(body) if name not in {*RULES, *chosen}
    }

    assert unruled == set()


BOUNDS = [
    ("name", "x" * 255, "x" * 256, "max-length"),
    ("name", "x", "", "blank"),
    ("external_id", "x" * 255, "x" * 256, "max-length"),
    ("description", "x" * 10_000, "x" * 10_001, "max-length"),
    ("description", "a\n\tb", " \n", "blank"),
    ("governance_notes", "x" * 10_000, "x" * 10_001, "max-length"),
    ("governance_notes", "", "\x0b", "control-character"),
    ("aliases", [str(n) for n in range(200)], [str(n) for n in range(201)], "max-length"),
    ("tags", [str(n) for n in range(50)], [str(n) for n in range(51)], "max-length"),
    ("parent_ids", [], [f"{n:08x}{ID[8:]}" for n in range(51)], "max-length"),
    ("category", "certification", "soft", "one-of"),
    ("embedding_384", [0.1] * 384, [0.1] * 385, "max-length"),
    ("embedding_384", None, [0.1] * 383, "min-length"),
    ("embedding_384", [0] * 383 + [1], [0] * 384, "zero-vector"),
    ("embedding_384", [1e-45] + [0] * 383, [1e-60] + [0] * 383, "zero-vector"),
    ("name", "😀" * 255, "😀" * 256, "max-length"),
]


@pytest.mark.parametrize("name,good,bad,rule", BOUNDS)
def test_bounds_are_those_of_the_contract(name: str, good: object, bad: object, rule: str) -> None:
    """The last allowed value passes, the first one beyond does not, for creates and patches."""
    for wanted in (SkillCreate, SkillPatch):
        body = decode(json.dumps(skill(**{name: good})).encode(), wanted)

        assert good == json.loads(payload(body))[name]
        assert {(f"/{name}", rule)} == faults(skill(**{name: bad}), wanted)


@pytest.mark.parametrize(
    "wanted,nullable",
    [
        (SkillPatch, {"external_id", "governance_notes", "embedding_384"}),
        (JobRolePatch, {"external_id", "governance_notes", "seniority_level", "industry_id"}),
        (TeamPatch, {"external_id", "governance_notes"}),
        (AgentPatch, {"external_id", "governance_notes", "team_id"}),
        (
            IndustryPatch,
            {"external_id", "governance_notes", "description", "embedding_384"}
            | {"scheme", "code", "level"},
        ),
    ],
)
def test_null_is_taken_only_where_the_contract_has_it(
    wanted: type[Struct], nullable: set[str]
) -> None:
    """A merge patch clears what may be null; everything else cannot be removed."""
    together = {"scheme": None, "code": None, "level": None}
    for name in wanted.__struct_fields__:
        sent = together if name in together and wanted is IndustryPatch else {name: None}
        if name in nullable:
            assert sent == json.loads(payload(decode(json.dumps(sent).encode(), wanted)))
        else:
            assert {(f"/{name}", "type")} == faults(sent, wanted)


def test_a_patch_holds_what_was_sent_and_no_more() -> None:
    """Absent members stay absent, null stays null, and the JSON is compact."""
    patch = decode(b'{ "tags": ["b", "a"], "external_id": null }', SkillPatch)

    assert patch.name is UNSET
    assert payload(patch) == b'{"external_id":null,"tags":["b","a"]}'


def test_attributes_in_a_patch_keep_their_nulls() -> None:
    """custom_attributes is a merge patch itself: null removes a member."""
    patch = decode(b'{"custom_attributes": {"a": null, "b": {"c": null}}}', SkillPatch)

    assert payload(patch) == b'{"custom_attributes":{"a":null,"b":{"c":null}}}'


def test_all_faults_are_named_in_one_answer() -> None:
    """Types, bounds, unknown members and rules of different fields come together."""
    body = {
        "name": " Go",
        "description": 5,
        "aliases": ["a", "a", "\u0007"],
        "tags": ["ok", 7],
        "colour": "red",
        "custom_attributes": {"a/b": {"~c": ["\u0000"]}},
        "parent_ids": [ID, ID.upper(), "x"],
    }

    assert {
        ("/name", "trimmed"),
        ("/description", "type"),
        ("/aliases/1", "duplicate"),
        ("/aliases/2", "control-character"),
        ("/tags/1", "type"),
        ("/colour", "unknown-field"),
        ("/custom_attributes/a~1b/~0c/0", "control-character"),
        ("/parent_ids/2", "uuid"),
        ("/category", "required"),
    } == faults(body, SkillCreate)


def test_an_answer_lists_a_bounded_number_of_faults() -> None:
    """A hostile body does not make a long answer."""
    body = json.dumps({f"{n}{'x' * 500}": n for n in range(1000)}).encode()
    with pytest.raises(InvalidBody) as raised:
        decode(body, SkillCreate)

    assert len(raised.value.errors) == ERRORS_MAX
    assert len(msgspec.json.encode(raised.value.members())) < 20_000


def test_pointers_begin_where_the_caller_says() -> None:
    """A body inside a larger one is pointed into from the root."""
    with pytest.raises(InvalidBody) as raised:
        decode(b'{"name": 5}', SkillPatch, "/operations/3/patch")

    assert [error.pointer for error in raised.value.errors] == ["/operations/3/patch/name"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"  \n",
        b"{",
        b"nul",
        b"{} {}",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b'{"name": "\xed\xa0\x80"}',
        b'{"name": "a\x00b"}',
        b'{"custom_attributes": {"a": NaN}}',
        b'{"custom_attributes": {"a": -Infinity}}',
        b"{'name': 'x'}",
        b'{"name": "x",}',
        "{}".encode("utf-16"),
        b"[" * 100_000,
        b'{"custom_attributes":' * 3000,
        b'{"custom_attributes": {"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}}",
    ],
)
def test_what_is_no_json_is_malformed(body: bytes) -> None:
    """Bytes that are no JSON are 400, without the bytes in the answer."""
    with pytest.raises(MalformedJson) as raised:
        decode(body, SkillPatch)

    assert len(raised.value.detail) < 200


@pytest.mark.parametrize("body", [[], "x", 5, None, True, [{}]])
def test_a_body_that_is_no_object_is_invalid(body: object) -> None:
    """A merge patch that would replace the whole entity is refused too."""
    assert {("", "type")} == faults(body, SkillPatch)


@pytest.mark.parametrize(
    "body,pointers",
    [
        (b'{"name": "a", "name": "b"}', ["/name"]),
        (b'{"name": "a", "n\\u0061me": "a", "name": "c"}', ["/name"]),
        (b'{"category": "y", "category": "technical"}', ["/category"]),
        (b'{"category": "technical", "name": 5, "name": "b", "category": "y"}',
         ["/category", "/name", "/category"]),
        (b'{"custom_attributes": {"a": [{"x/y": 1, "x/y": 2}], "b": 1, "b": 1}}',
         ["/custom_attributes/b", "/custom_attributes/a/0/x~1y"]),
        (b'{"custom_attributes": {"a": {"b": 1, "b": 1}}, "custom_attributes": {}}',
         ["/custom_attributes"]),
        (b'{"colour": 1, "colour": 2}', ["/colour", "/colour"]),
    ],
)  # fmt: skip
def test_a_member_given_twice_is_refused(body: bytes, pointers: list[str]) -> None:
    """Wherever it stands and whether or not its values fit: one of them would be lost."""
    with pytest.raises(InvalidBody) as raised:
        decode(body, SkillPatch)

    assert pointers == [error.pointer for error in raised.value.errors]
    assert raised.value.errors[0].rule == "member-twice"
    assert f"{pointers[0]} stands more than once in its object" in raised.value.detail


def test_a_name_may_stand_in_several_objects() -> None:
    """Twice means in one object; what a text holds is no member."""
    inner = b'{"name": {"name": [{"name": 1}, {"name": 2}]}}'
    text = b'{"name": "\\"name\\": 1, \\"name\\": 2", "custom_attributes": %b}' % inner

    assert decode(text, SkillPatch).custom_attributes == {
        "name": {"name": [{"name": 1}, {"name": 2}]}
    }


@pytest.mark.parametrize(
    "given",
    [ID.replace("-", ""), ID.replace("-", "").upper(), "{" + ID + "}", f"urn:uuid:{ID}", ID[:-1],
     "\\u0030" + ID.replace("-", "")[1:], ID.replace("-", "")[:-1] + "\\u0061"],
)  # fmt: skip
def test_a_uuid_has_its_hyphens(given: str) -> None:
    """As in paths and filters, and as `format: uuid` says: other forms are refused."""
    body = b'{"job_role_id": "%b", "name": "x"}' % given.encode()

    assert {("/job_role_id", "uuid")} == faults(body, TeamPatch)
    upper = decode(b'{"job_role_id": "%b"}' % ID.upper().encode(), TeamPatch)
    assert ID == str(upper.job_role_id)
    assert {("/parent_ids/0", "uuid")} == faults(
        b'{"parent_ids": ["%b"]}' % given.encode(), TeamPatch
    )


def test_what_looks_like_a_uuid_elsewhere_is_a_text() -> None:
    """32 hexadecimal digits are no fault of a name, nor of an attribute."""
    plain = ID.replace("-", "")

    body = {"name": plain, "custom_attributes": {"id": plain}}

    assert decode(json.dumps(body).encode(), SkillPatch).custom_attributes == {"id": plain}


@pytest.mark.parametrize(
    "member,says",
    [
        ("status", "read-only: it changes by steps"),
        ("embedding_sha256", "read-only: it follows from embedding_384"),
        ("version", "read-only: the service gives it"),
        ("descriptions", "perhaps description is meant"),
        ("sort", None),
        ("\ud800", None),
    ],
)
def test_an_unknown_member_has_a_way_out(member: str, says: str | None) -> None:
    """What is read-only is told so, and a slip of the pen what may be meant."""
    with pytest.raises(InvalidBody) as raised:
        decode(json.dumps({member: "x"}).encode(), SkillPatch)

    message = raised.value.errors[0].message
    assert message == "is not known here" if says is None else says in message


def test_read_only_is_said_of_entities_alone() -> None:
    """A step and a reference have no such members at all."""
    with pytest.raises(InvalidBody) as raised:
        decode(b'{"to": "active", "reason": "r", "version": 1}', StatusStep)

    assert [error.message for error in raised.value.errors] == ["is not known here"]


class TestSurrogates:
    """Half of a surrogate pair has a place to point at."""

    def test_in_a_name(self) -> None:
        """Escapes that make no character are a fault of the field."""
        assert {("/name", "surrogate")} == faults(b'{"name": "\\ud800"}', SkillPatch)

    def test_in_attributes(self) -> None:
        """Keys and values are looked at."""
        body = b'{"custom_attributes": {"\\udfff": 1, "a": ["\\ud800x"]}}'

        assert {("/custom_attributes/?", "surrogate"), ("/custom_attributes/a/0", "surrogate")} == (
            faults(body, SkillPatch)
        )

    def test_as_an_unknown_member_or_id(self) -> None:
        """Nothing of it reaches the encoder of the answer."""
        body = b'{"\\ud800": 1, "parent_ids": ["\\ud800"], "category": "\\ud800"}'
        with pytest.raises(InvalidBody) as raised:
            decode(body, SkillPatch)

        rules = {"unknown-field", "uuid", "one-of"}
        assert rules == {error.rule for error in raised.value.errors}
        assert msgspec.json.encode(raised.value.members())

    def test_whole_pairs_are_characters(self) -> None:
        """Two escapes that belong together are one character."""
        assert decode(b'{"name": "\\ud83d\\ude00"}', SkillPatch).name == "😀"


class TestAttributes:
    """custom_attributes survive PostgreSQL's jsonb and come back as they were."""

    @staticmethod
    def nested(levels: int) -> dict[str, Any]:
        """Give an object of so many levels."""
        body: dict[str, Any] = {}
        for _ in range(levels - 1):
            body = {"a": body}
        return body

    @pytest.mark.parametrize(
        "number",
        [
            "0",
            "-0.0",
            "9007199254740993",
            "9223372036854775807",
            "-9223372036854775808",
            "1.5",
            "1e18",
            "-1e18",
            "2.2250738585072014e-308",
            "0.1",
            "true",
            "1E2",
        ],
    )
    def test_numbers_within_range_are_kept(self, number: str) -> None:
        """Whole numbers exactly, also beyond 2^53; others as doubles."""
        body = f'{{"custom_attributes": {{"n": {number}}}}}'.encode()
        kept = json.loads(payload(decode(body, SkillPatch)))["custom_attributes"]["n"]

        assert json.loads(number) == kept

    @pytest.mark.parametrize(
        "number",
        [
            "9223372036854775808",
            "-9223372036854775809",
            "1e19",
            "9.3e18",
            "1e308",
            "1e400",
            "-1e99999",
            "1" + "0" * 400,
            "-" + "9" * 5000,
        ],
    )
    def test_numbers_beyond_are_refused(self, number: str) -> None:
        """In jsonb they would have other digits, or none."""
        body = f'{{"custom_attributes": {{"a": [1, {{"n": {number}}}]}}}}'.encode()

        assert {("/custom_attributes/a/1/n", "number-range")} == faults(body, SkillPatch)

    def test_sixteen_levels_are_the_most(self) -> None:
        """The object itself is the first level, arrays count too."""
        decode(json.dumps({"custom_attributes": self.nested(16)}).encode(), SkillPatch)

        deep = self.nested(17)
        assert {("/custom_attributes" + "/a" * 16, "depth")} == (
            faults({"custom_attributes": deep}, SkillPatch)
        )
        assert {("/custom_attributes/x" + "/0" * 15, "depth")} == (
            faults({"custom_attributes": {"x": json.loads("[" * 16 + "]" * 16)}}, SkillPatch)
        )

    def test_thirty_two_kibibytes_are_the_most(self) -> None:
        """Bytes of compact UTF-8 count, not characters and not spaces."""
        fits = {"a": "ß" * ((32 * 1024 - len('{"a":""}')) // 2)}
        spaced = json.dumps({"custom_attributes": fits}, ensure_ascii=False, indent=8)
        decode(spaced.encode(), SkillPatch)

        fits["a"] += "x"
        assert {("/custom_attributes", "size")} == faults({"custom_attributes": fits}, SkillPatch)

    def test_numbers_count_as_jsonb_writes_them(self) -> None:
        """1e-300 takes 302 characters of a document, so it takes 302 bytes here."""
        decode(json.dumps({"custom_attributes": {"a": [1e-300] * 100}}).encode(), SkillPatch)

        assert {("/custom_attributes", "size")} == (
            faults({"custom_attributes": {"a": [1e-300] * 110}}, SkillPatch)
        )

    def test_tabs_and_newlines_are_text(self) -> None:
        """Prose may stand in an attribute; other controls may not, in keys neither."""
        decode(b'{"custom_attributes": {"a": "x\\n\\ty"}}', SkillPatch)

        assert {
            ("/custom_attributes/\x01", "control-character"),
            ("/custom_attributes/b", "control-character"),
        } == faults({"custom_attributes": {"\x01": 1, "b": "\r"}}, SkillPatch)


class TestReferences:
    """Other entities are named by one id, once."""

    def test_exactly_one_id(self) -> None:
        """A required skill has an id or an external_id."""
        skills = [{"id": ID}, {"external_id": "x"}, {}, {"id": ID2, "external_id": "y"}]

        assert {("/required_skills/2", "exactly-one"), ("/required_skills/3", "exactly-one")} == (
            faults({"required_skills": skills}, JobRolePatch)
        )

    def test_a_required_skill_is_essential_unless_said(self) -> None:
        """The relation that demands more is the default."""
        patch = decode(f'{{"required_skills": [{{"id": "{ID}"}}]}}'.encode(), JobRolePatch)

        assert json.loads(payload(patch)) == {
            "required_skills": [{"id": ID, "relation": "essential"}]
        }

    def test_no_skill_twice(self) -> None:
        """One entry per skill, whatever the relation and the spelling."""
        skills = [{"id": ID}, {"id": ID.upper(), "relation": "optional"}, {"external_id": "x"}]
        skills.append({"external_id": "x"})

        assert {("/required_skills/1", "duplicate"), ("/required_skills/3", "duplicate")} == (
            faults({"required_skills": skills}, JobRolePatch)
        )

    def test_external_ids_inside_are_lines(self) -> None:
        """What would never match anything is told."""
        skills = [{"external_id": " x"}, {"external_id": ""}]

        assert {("/required_skills/1/external_id", "blank")} == (
            faults({"required_skills": skills}, JobRolePatch)
        )
        assert {("/required_skills/0/external_id", "trimmed")} == (
            faults({"required_skills": skills[:1]}, JobRolePatch)
        )

    def test_a_relation_is_one_of_two(self) -> None:
        """Nothing between essential and optional."""
        assert {("/required_skills/0/relation", "one-of")} == (
            faults({"required_skills": [{"id": ID, "relation": "nice"}]}, JobRolePatch)
        )

    def test_five_hundred_are_the_most(self) -> None:
        """A job role has up to 500 skills, an agent up to 200."""
        ids = [f"{n:08x}{ID[8:]}" for n in range(501)]
        decode(json.dumps({"skill_ids": ids[:200]}).encode(), AgentPatch)

        assert {("/required_skills", "max-length")} == (
            faults({"required_skills": [{"id": one} for one in ids]}, JobRolePatch)
        )
        assert {("/skill_ids", "max-length")} == faults({"skill_ids": ids[:201]}, AgentPatch)


class TestIndustries:
    """Scheme, code and level come together or not at all."""

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"scheme": "NACE", "code": "01", "level": 2},
            {"scheme": None, "code": None, "level": None},
        ],
    )
    def test_all_or_none(self, given: dict[str, object]) -> None:
        """Both are fine."""
        decode(json.dumps({"name": "x", **given}).encode(), IndustryCreate)
        decode(json.dumps(given).encode(), IndustryPatch)

    def test_some_are_not_enough(self) -> None:
        """The first that is missing is pointed at."""
        assert {("/code", "all-or-none")} == (
            faults({"name": "x", "scheme": "NACE", "level": 1}, IndustryCreate)
        )
        assert {("/level", "all-or-none")} == faults({"code": "1", "level": None}, IndustryPatch)

    def test_a_patch_of_one_is_left_to_the_registry(self) -> None:
        """Whether the other two are there only the stored entity says."""
        assert payload(decode(b'{"code": "02"}', IndustryPatch)) == b'{"code":"02"}'

    @pytest.mark.parametrize("level,rule", [(0, "number-range"), (100, "number-range")])
    def test_levels_have_bounds(self, level: int, rule: str) -> None:
        """1 to 99."""
        assert {("/level", rule)} == faults({"level": level}, IndustryPatch)

    @pytest.mark.parametrize("level", ["1.0", "1e1", '"1"', "true"])
    def test_levels_are_whole_numbers(self, level: str) -> None:
        """Nothing is converted."""
        assert {("/level", "type")} == faults(f'{{"level": {level}}}'.encode(), IndustryPatch)


@pytest.mark.parametrize("number", [3.5e38, -1e39, 1e-46, 1e308])
def test_a_vector_fits_single_precision(number: float) -> None:
    """What pgvector would refuse is pointed at; what it rounds is taken."""
    vector = [0.1] * 383
    decode(json.dumps({"embedding_384": [*vector, 3.4e38]}).encode(), SkillPatch)

    assert {("/embedding_384/383", "number-range")} == (
        faults({"embedding_384": [*vector, number]}, SkillPatch)
    )


SINGLE = "must be -3.4028234663852886e+38 to 3.4028234663852886e+38"


@pytest.mark.parametrize(
    "body,wanted,messages",
    [
        (b'{"level": 1e999}', IndustryPatch, ["must be 1 to 99"]),
        (b'{"level": -' + b"9" * 5_000 + b"}", IndustryPatch, ["must be 1 to 99"]),
        (b'{"level": 100}', IndustryPatch, ["must be 1 to 99"]),
        (
            b'{"text": "a", "limit": 1e999, "min_score": -1e999}',
            SearchBody,
            ["must be 1 to 200", "must be -1 to 1"],
        ),
        (
            b'{"embedding_384": [1e999, -1e999, 1' + b"0" * 150 + b", 1" + b", 0" * 380 + b"]}",
            SkillPatch,
            [SINGLE, SINGLE, SINGLE],
        ),
        (b'{"least": 0, "free": 1e999}', Free, ["must be at least 1", FINITE]),
        (b'{"least": -1e999, "free": -1e999}', Free, ["must be at least 1", FINITE]),
        (b'{"least": 1e999, "free": 0}', Free, [FINITE]),
    ],
)
def test_a_number_out_of_range_is_told_the_range(
    body: bytes, wanted: type[Struct], messages: list[str]
) -> None:
    """Also one that no double can hold: the bounds of its field, where it has some."""
    with pytest.raises(InvalidBody) as raised:
        decode(body, wanted)

    assert [("number-range", message) for message in messages] == [
        (error.rule, error.message) for error in raised.value.errors
    ]


class TestLines:
    """Import lines say what they are and set only what they have."""

    @pytest.mark.parametrize(
        "kind,expected",
        [
            ("skill", SkillLine),
            ("job_role", JobRoleLine),
            ("team", TeamLine),
            ("agent", AgentLine),
            ("industry", IndustryLine),
        ],
    )
    def test_kind_decides(self, kind: str, expected: type[Struct]) -> None:
        """A line with a kind and an id is enough, and says no more than that."""
        line, _ = decode_line(json.dumps({"kind": kind, "external_id": "x"}).encode())

        assert type(line) is expected
        assert json.loads(payload(line)) == {"kind": kind, "external_id": "x"}

    def test_references_are_objects(self) -> None:
        """Forward references go by external_id."""
        body = {
            "kind": "agent",
            "external_id": "a",
            "job_role_id": {"external_id": "r"},
            "industry_id": {"id": ID},
            "team_id": None,
            "skill_ids": [{"external_id": "s"}],
            "parent_ids": [{"external_id": "p"}],
        }

        assert body == json.loads(decode_line(json.dumps(body).encode())[1])

    @pytest.mark.parametrize(
        "body,fault",
        [
            ({}, ("/kind", "required")),
            ({"kind": "skills", "external_id": "x"}, ("/kind", "one-of")),
            ({"kind": ["skill"], "external_id": "x"}, ("/kind", "one-of")),
            ([], ("", "type")),
            ({"kind": "skill"}, ("/external_id", "required")),
            ({"kind": "skill", "external_id": None}, ("/external_id", "type")),
            (
                {"kind": "skill", "external_id": "x", "status": "active"},
                ("/status", "unknown-field"),
            ),
            (
                {"kind": "team", "external_id": "x", "job_role_id": {}},
                ("/job_role_id", "exactly-one"),
            ),
            ({"kind": "team", "external_id": "x", "job_role_id": ID}, ("/job_role_id", "type")),
        ],
    )
    def test_a_bad_line_is_pointed_at(self, body: object, fault: tuple[str, str]) -> None:
        """Kind, id and content have their pointers."""
        with pytest.raises(InvalidBody) as raised:
            decode_line(json.dumps(body).encode())

        found = [(error.pointer, error.rule) for error in raised.value.errors]
        assert [fault] == found

    @pytest.mark.parametrize("member", ["kind", "external_id", "name"])
    def test_a_member_given_twice_is_refused(self, member: str) -> None:
        """In a line as in a body, also what says which entity it is about."""
        line = {"kind": "skill", "external_id": "x", "name": "n"}
        raw = json.dumps(line)[:-1] + f', "{member}": "{line[member]}"}}'
        with pytest.raises(InvalidBody) as raised:
            decode_line(raw.encode())

        assert [(f"/{member}", "member-twice")] == [
            (error.pointer, error.rule) for error in raised.value.errors
        ]

    @pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"level": NaN}', b"[" * 100_000])
    def test_what_is_no_json_is_called_a_line(self, raw: bytes) -> None:
        """Its number stands beside the problem: the words name no other line."""
        with pytest.raises(MalformedJson) as raised:
            decode_line(raw)

        assert raised.value.detail.startswith("The line ")
        assert "line 1" not in raised.value.detail


@pytest.mark.parametrize(
    "body,fault",
    [
        ({"to": "live", "reason": "x"}, ("/to", "one-of")),
        ({"to": "active"}, ("/reason", "required")),
        ({"to": "active", "reason": "  "}, ("/reason", "blank")),
        ({"to": "active", "reason": "x" * 2001}, ("/reason", "max-length")),
        ({"to": "active", "reason": "x", "successor_id": "x"}, ("/successor_id", "uuid")),
    ],
)
def test_a_step_needs_a_target_and_a_reason(body: object, fault: tuple[str, str]) -> None:
    """A life-cycle step says where to and why."""
    assert {fault} == faults(body, StatusStep)
