"""Query strings are read strictly: known parameters, one reading for each value."""

import random
from urllib.parse import quote

import pytest

from service.errors import InvalidParameter, MalformedRequest, Problem, UnknownParameter
from service.model.kinds import BY_NAME, KINDS
from service.model.query import id_list, list_query, parameters, whole
from service.model.search import SearchBody

SKILLS, TEAMS, AGENTS = KINDS["skills"], KINDS["teams"], KINDS["agents"]
ID = "0190a1b2-0000-7000-8000-000000000001"


def test_kinds_have_the_names_and_filters_of_the_contract() -> None:
    """Paths, names and filters are those of design 1.1."""
    common = {"status", "name", "tag", "external_id", "parent_id"}

    assert {
        "skills": ("skill", common | {"category"}),
        "job-roles": ("job_role", common | {"seniority_level", "industry_id", "skill_id"}),
        "teams": ("team", common | {"job_role_id", "industry_id"}),
        "agents": ("agent", common | {"job_role_id", "industry_id", "team_id", "skill_id"}),
        "industries": ("industry", common | {"scheme"}),
    } == {path: (kind.name, set(kind.filters)) for path, kind in KINDS.items()}
    assert list(BY_NAME) == ["skill", "job_role", "team", "agent", "industry"]


def test_an_empty_query_lists_fifty_newest_first() -> None:
    """The defaults are those of the contract."""
    query = list_query("", SKILLS)

    assert (query.limit, query.cursor, query.filters, query.order) == (50, None, {}, "id")


def test_a_filter_given_twice_means_either() -> None:
    """Values are kept once each, in one order, whatever order they came in."""
    query = list_query("status=draft&status=active&status=draft", SKILLS)

    assert query.filters == {"status": ("active", "draft")}


def test_a_name_filter_orders_by_name() -> None:
    """A prefix filter orders by name, every other filter newest first."""
    assert list_query("name=go&tag=x", SKILLS).order == "name"
    assert list_query("tag=x", SKILLS).order == "id"


def test_values_are_decoded_once() -> None:
    """Percent escapes and plus signs are decoded, and what they give is not decoded again."""
    query = list_query("tag=a%2Bb+c%2525&name=%E6%95%B0+", SKILLS)

    assert query.filters == {"name": ("数 ",), "tag": ("a+b c%25",)}


def test_ids_are_lower_case() -> None:
    """One id has one spelling."""
    query = list_query(f"parent_id={ID.upper()}&parent_id={ID}", AGENTS)

    assert query.filters == {"parent_id": (ID,)}


@pytest.mark.parametrize("limit", [1, 50, 200])
def test_limits_within_bounds_pass(limit: int) -> None:
    """1 to 200 may be asked for."""
    assert limit == list_query(f"limit={limit}", SKILLS).limit


@pytest.mark.parametrize(
    "query,word",
    [
        ("limit=0", "1 to 200"),
        ("limit=201", "1 to 200"),
        ("limit=-1", "1 to 200"),
        ("limit=%2B5", "1 to 200"),
        ("limit=1e2", "1 to 200"),
        ("limit=5.0", "1 to 200"),
        ("limit=+5", "1 to 200"),
        ("limit=", "1 to 200"),
        ("limit=%D9%A5", "1 to 200"),
        (f"limit={9**999}", "1 to 200"),
        ("limit=5&limit=5", "more than once"),
        ("cursor=a&cursor=a", "more than once"),
        ("status=Active", "one of draft"),
        ("status=", "one of draft"),
        ("category=soft", "one of technical"),
        ("parent_id=x", "UUID"),
        (f"parent_id={{{ID}}}", "UUID"),
        (f"parent_id={ID.replace('-', '')}", "UUID"),
        (f"parent_id={ID}%0A", "UUID"),
        ("name=", "blank"),
        ("name=%20", "blank"),
        ("name=%00", "U\\+0000"),
        ("name=a%0Ab", "U\\+000A"),
        ("tag=%20x", "white space"),
        (f"tag={'x' * 65}", "at most 64"),
        (f"name={'x' * 256}", "at most 255"),
        (f"external_id={'x' * 256}", "at most 255"),
        ("&".join(f"tag={n}" for n in range(21)), "at most 20"),
        ("&".join(["tag=a"] * 21), "at most 20"),
    ],
)
def test_a_value_that_is_not_allowed_is_named(query: str, word: str) -> None:
    """400 says which parameter, and what is allowed."""
    with pytest.raises(InvalidParameter, match=word) as raised:
        list_query(query, SKILLS)

    assert raised.value.extensions["parameter"] == query.partition("=")[0]


@pytest.mark.parametrize(
    "query,words",
    [
        ("nam=x", "Did you mean name"),
        ("Limit=5", "Did you mean limit"),
        ("seniority_level=mid", "does not apply to skills"),
        ("team_id=x", "does not apply to skills"),
        ("version=1", "not known"),
        ("zzz", "not known"),
        ("=x", "not known"),
        ("name%00=x", "not known"),
    ],
)
def test_an_unknown_parameter_is_refused_with_what_is_known(query: str, words: str) -> None:
    """A slip is answered with a suggestion and the list of what there is."""
    with pytest.raises(UnknownParameter, match=words) as raised:
        list_query(query, SKILLS)

    filters = ["category", "external_id", "name", "parent_id", "status", "tag"]
    allowed = sorted([*filters, "as_of", "cursor", "limit"])
    assert allowed == raised.value.extensions["allowed"]


@pytest.mark.parametrize(
    "query",
    [
        "name=%ff",
        "name=%",
        "name=%2",
        "name=%zz",
        "name=%ed%a0%80",
        "name=\udcff",
        "%c3=x",
        "&".join(["tag=a"] * 201),
    ],
)
def test_what_cannot_be_decoded_is_malformed(query: str) -> None:
    """Bytes that are no UTF-8 are refused, not repaired."""
    with pytest.raises(MalformedRequest):
        list_query(query, SKILLS)


def test_a_resource_without_parameters_takes_none() -> None:
    """A query where none is known is refused; an empty one is not."""
    assert parameters("") == {}
    assert parameters("&&") == {}
    with pytest.raises(UnknownParameter, match="takes none"):
        parameters("pretty=1")


def test_what_belongs_in_the_body_is_told_so() -> None:
    """A member of the body in the query is no slip of the pen; anything else is still unknown."""
    with pytest.raises(UnknownParameter) as raised:
        parameters("limit=1", body=SearchBody)

    assert "limit belongs in the body. This resource takes none." in raised.value.detail
    assert {"parameter": "limit", "allowed": []} == raised.value.extensions
    with pytest.raises(UnknownParameter, match=r"The parameter limits is not known here\. This"):
        parameters("limits=1", body=SearchBody)


def test_many_ids_come_in_order_without_repetition() -> None:
    """GET /v1/entities takes up to 100 ids, of which each counts once."""
    ids = [f"{n:08x}{ID[8:]}" for n in range(50)]

    assert tuple(ids) == id_list("&".join(f"id={one}" for one in [*ids, *ids]))


@pytest.mark.parametrize("count", [0, 101])
def test_no_id_and_too_many_are_refused(count: int) -> None:
    """1 to 100 ids may be asked for at a time."""
    with pytest.raises(InvalidParameter, match="1 to 100"):
        id_list("&".join(f"id={n:08x}{ID[8:]}" for n in range(count)))


def test_ids_are_counted_as_they_are_given() -> None:
    """What the description says of the parameter is what holds, repetition or not."""
    with pytest.raises(InvalidParameter, match="given 101 times"):
        id_list("&".join([f"id={ID}"] * 101))


def test_whole_numbers_have_any_bounds() -> None:
    """Both bounds are allowed values."""
    assert [0, 30] == [whole(text, "wait", 0, 30) for text in ("0", "30")]
    with pytest.raises(InvalidParameter, match="wait must be a whole number from 0 to 30"):
        whole("31", "wait", 0, 30)


def test_the_listing_pins_tenant_kind_filters_and_order() -> None:
    """What a cursor is bound to follows from the query; the limit may change from page to page."""
    first = list_query("tag=b&tag=a&limit=5", TEAMS).listing("t1")
    second = list_query("limit=9&tag=a&tag=b&cursor=x", TEAMS).listing("t1")

    assert first == second
    assert (first.tenant, first.kind, first.order) == ("t1", "team", "id")


@pytest.mark.parametrize("seed", range(20))
def test_hostile_queries_raise_problems_only(seed: int) -> None:
    """Random bytes, escapes and repetitions are 400 or accepted, never anything else."""
    chance = random.Random(seed)
    names = ["limit", "cursor", "status", "name", "tag", "parent_id", "category", "x", "%6eame"]
    statuses, limits = set(), set()
    for _ in range(200):
        parts = []
        for _ in range(chance.randrange(5)):
            noise = bytes(chance.choices(range(256), k=chance.randrange(12)))
            value = chance.choice([quote(noise), noise.decode("utf-8", "surrogateescape"), "a", ID])
            parts.append(chance.choice(names) + chance.choice(["=", "", "=="]) + value)
        try:
            query = list_query(chance.choice("&;").join(parts), SKILLS)
        except Problem as problem:
            statuses.add(problem.status)
        else:
            statuses.add(200)
            limits.add(query.limit)

    assert statuses == {200, 400}
    assert limits <= set(range(1, 201))
