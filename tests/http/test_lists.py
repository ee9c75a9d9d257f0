"""Lists over HTTP: every filter, alone and combined; order; pages; cursors."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import combinations
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import pytest_asyncio

from service.model.kinds import BY_NAME, KINDS
from service.settings import Settings
from tests.api import PATHS, Api, serving
from tests.factories import Tenant
from tests.moved import Moved
from tests.postgres import Server

NAMES = tuple(BY_NAME)
PAGES_MAX = 50
NEVER = "01900000-0000-7000-8000-000000000000"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def clock() -> Moved:
    """Have the clock of the service of this module."""
    return Moved()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service_url(
    cluster: Server, database: str, settings: Settings, clock: Moved
) -> AsyncIterator[str]:
    """Have the whole service on a real socket, with a clock that can be moved."""
    async with serving(settings, cluster.url("app", database), clock) as url:
        yield url


def query(path: str, **filters: Any) -> str:
    """Make the address of a list; a filter with several values is given several times."""
    return f"{path}?{urlencode(filters, doseq=True, quote_via=quote)}"


async def names(api: Api, path: str) -> list[str]:
    """Give the names of the first page of a list."""
    answer = await api.get(path)
    assert 200 == answer.status, answer.body
    return [item["name"] for item in answer.json["items"]]


async def pages(api: Api, path: str) -> list[list[dict[str, Any]]]:
    """Walk through a list by its links to the end."""
    found: list[list[dict[str, Any]]] = []
    while path:
        answer = await api.get(path)
        assert 200 == answer.status, answer.body
        assert len(found) < PAGES_MAX, "the walk does not end"
        found.append(answer.json["items"])
        cursor, link = answer.json["next_cursor"], answer.headers.get("Link")
        assert (cursor is None) == (link is None)
        path = ""
        if link is not None:
            path, _, rest = link.removeprefix("<").partition(">")
            assert rest == '; rel="next"'
            assert path.endswith(f"cursor={cursor}")
    return found


class Stock:
    """Three entities of each kind that differ in everything that can be filtered by."""

    def __init__(self, documents: dict[str, list[dict[str, Any]]]) -> None:
        self.documents = documents

    def filters(self, kind: str) -> dict[str, tuple[str, str]]:
        """Give for each filter of a kind a value of the first and one of the second entity."""
        first, second, _ = self.documents[kind]
        found = {}
        for name in KINDS[PATHS[kind].removeprefix("/v1/")].filters:
            found[name] = (_value(first, name), _value(second, name))
        return found

    @classmethod
    async def make(cls, api: Api) -> "Stock":
        """Make it; the third of each kind has the second's values in some fields."""
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
        for n in range(3):
            m = min(n, 1)  # what the second and third share
            own: dict[str, dict[str, Any]] = {name: {} for name in NAMES}
            if n:
                for name in NAMES:
                    own[name]["parent_ids"] = [found[name][n - 1]["id"]]
            own["skill"]["category"] = ["technical", "soft_skill"][m]
            own["industry"] |= {"scheme": f"scheme {m}", "code": str(n), "level": 1}
            for kind in ("skill", "industry", "job_role", "team", "agent"):
                if kind == "job_role":
                    skill, industry = found["skill"][n]["id"], found["industry"][m]["id"]
                    own[kind] |= {"required_skills": [{"id": skill}], "industry_id": industry}
                    own[kind]["seniority_level"] = ["junior", "mid"][m]
                if kind in {"team", "agent"}:
                    own[kind]["job_role_id"] = found["job_role"][m]["id"]
                    own[kind]["industry_id"] = found["industry"][n]["id"]
                if kind == "agent":
                    own[kind]["skill_ids"] = [found["skill"][n]["id"], found["skill"][0]["id"]][
                        : n + 1
                    ]
                    own[kind]["team_id"] = found["team"][m]["id"]
                status = ["under_review", "draft"][m]
                document = await api.made(
                    kind,
                    status,
                    name=f"{'abc'[n]}{kind}",
                    external_id=f"x/{n}",
                    tags=["all", f"tag {m}"],
                    **own[kind],
                )
                found[kind].append(document)
        return cls(found)


def _value(document: dict[str, Any], name: str) -> str:
    plural = {"tag": "tags", "parent_id": "parent_ids", "skill_id": "skill_ids"}.get(name)
    if plural is None:
        return str(document[name])[:3] if name == "name" else str(document[name])
    if name == "skill_id" and "required_skills" in document:
        return str(document["required_skills"][0]["id"])
    values = [one for one in document[plural] if one != "all"]
    return str(values[0]) if values else NEVER


def matches(document: dict[str, Any], name: str, values: tuple[str, ...]) -> bool:
    """Say what a filter means, in a second way: over the document that is served."""
    plural = {"tag": "tags", "parent_id": "parent_ids", "skill_id": "skill_ids"}.get(name)
    if name == "name":
        return str(document["name"]).casefold().startswith(tuple(map(str.casefold, values)))
    if name == "skill_id" and "required_skills" in document:
        return any(one["id"] in values for one in document["required_skills"])
    if plural is not None:
        return bool(set(document[plural]) & set(values))
    return document[name] in values


class TestFilters:
    """GET /v1/{kinds}: what is listed."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_every_filter_alone_and_with_every_other(self, api: Api, kind: str) -> None:
        """A list holds exactly what meets all its filters, newest first or by name."""
        stock = await Stock.make(api)
        filters = stock.filters(kind)
        sets: list[dict[str, tuple[str, ...]]] = [
            {},
            dict(filters.items()),
        ]
        for name, (one, two) in filters.items():
            sets += [{name: (one,)}, {name: (two,)}, {name: (one, two)}]
        for (name, (_, two)), (other, (_, second)) in combinations(filters.items(), 2):
            sets.append({name: (two,), other: (second,)})
        everything = [
            document for page in await pages(api, f"{PATHS[kind]}?limit=200") for document in page
        ]
        assert {d["id"] for d in stock.documents[kind]} <= {d["id"] for d in everything}

        for given in sets:
            wanted = [
                document
                for document in everything
                if all(matches(document, name, values) for name, values in given.items())
            ]
            wanted.sort(key=lambda d: str(d["id"]), reverse=True)
            if "name" in given:
                wanted.sort(key=lambda d: str(d["name"]).casefold())
            answer = await api.get(query(PATHS[kind], **given))
            assert 200 == answer.status, (given, answer.body)
            assert wanted == answer.json["items"], given
            assert answer.json["next_cursor"] is None

    async def test_a_filter_that_meets_nothing_is_an_empty_list(self, api: Api) -> None:
        """Nothing found is 200 with no items."""
        answer = await api.get(query("/v1/skills", tag="no", parent_id=NEVER))

        assert b'{"items":[],"next_cursor":null}' == answer.body
        assert "Link" not in answer.headers

    async def test_uuids_in_capitals_filter_too(self, api: Api) -> None:
        """The case of a UUID does not count, in whichever filter."""
        parent = await api.made("skill")
        child = await api.made("skill", parent_ids=[parent["id"]], tags=["t"])
        for path in (
            query("/v1/skills", parent_id=parent["id"].upper()),
            query("/v1/skills", parent_id=parent["id"].upper(), external_id="", tag="t").replace(
                "external_id=&", ""
            ),
            query("/v1/skills", parent_id=parent["id"].upper(), name="sk"),
        ):
            assert [child["name"]] == await names(api, path)

    @pytest.mark.parametrize("kind", NAMES)
    async def test_filters_of_other_kinds_are_refused(self, api: Api, kind: str) -> None:
        """400 names the filter and those that apply."""
        every = set().union(*(one.filters for one in KINDS.values()))
        for name in every - BY_NAME[kind].filters:
            answer = await api.get(query(PATHS[kind], **{name: "x"}))
            assert (400, "unknown-parameter") == (answer.status, answer.problem)
            assert name == answer.json["parameter"]
            others = {"limit", "cursor", "as_of"}
            assert BY_NAME[kind].filters | others == set(answer.json["allowed"])

    @pytest.mark.parametrize(
        "given,slug",
        [
            ("nam=x", "unknown-parameter"),
            ("Status=draft", "unknown-parameter"),
            ("as_of=1", "invalid-parameter"),
            ("status=open", "invalid-parameter"),
            ("category=craft", "invalid-parameter"),
            ("parent_id=1", "invalid-parameter"),
            ("name=", "invalid-parameter"),
            ("name=%20", "invalid-parameter"),
            ("name=a%00", "invalid-parameter"),
            ("name=%01", "invalid-parameter"),
            ("tag=%20a", "invalid-parameter"),
            ("tag=" + "t" * 65, "invalid-parameter"),
            ("name=" + "n" * 256, "invalid-parameter"),
            ("external_id=" + "n" * 256, "invalid-parameter"),
            ("&".join(f"tag={n}" for n in range(21)), "invalid-parameter"),
            ("name=%ff", "malformed-request"),
            ("name=%ED%A0%80", "malformed-request"),
            ("name=%2", "malformed-request"),
            ("&".join(f"tag={n}" for n in range(300)), "malformed-request"),
        ],
        ids=lambda given: given[:24],
    )
    async def test_what_is_wrong_is_400(self, api: Api, given: str, slug: str) -> None:
        """Filters are never repaired and never ignored."""
        answer = await api.get(f"/v1/skills?{given}")

        assert (400, slug) == (answer.status, answer.problem)

    async def test_the_drafts_of_others_are_not_listed(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """By no filter does a hidden draft or another tenant's entity show."""
        given = {"name": "hidden", "external_id": "h", "tags": ["h"]}
        hidden = await api.by(api.tenant.certifier).create("skill", **given)
        await api.of(other_tenant).made("skill", "active", **given)
        for filters in (
            {},
            {"name": "hidden"},
            {"external_id": "h"},
            {"tag": "h"},
            {"status": "draft"},
            {"category": "technical"},
            {"tag": "h", "name": "hid", "status": ["draft", "active"]},
        ):
            assert [] == await names(api, query("/v1/skills", **filters))
        assert ["hidden"] == await names(api.by(api.tenant.certifier), "/v1/skills")
        raised = api.by(api.tenant.certifier)
        await raised.step(f"/v1/skills/{hidden.json['id']}", "under_review", hidden.etag)
        assert ["hidden"] == await names(api, query("/v1/skills", tag="h"))

    async def test_it_needs_scope_read(self, api: Api, actor_with: Any) -> None:
        """No scope implies another."""
        answer = await api.by(await actor_with("write", "certify", "audit", "admin")).get(
            "/v1/teams"
        )

        assert (403, "read") == (answer.status, answer.json["required_scope"])


class TestWalk:
    """GET /v1/{kinds} by several filters: a page asks so many rows and no more."""

    @pytest.mark.parametrize("kind", NAMES)
    @pytest.mark.parametrize("walk", [1, 2, 4])
    async def test_a_walk_that_is_cut_short_goes_on_where_it_ended(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, kind: str, walk: int
    ) -> None:
        """However few rows a page asks, the pages together are the whole list, in its order."""
        stock = await Stock.make(api)
        everything = [one for page in await pages(api, PATHS[kind]) for one in page]
        monkeypatch.setattr("service.usecases.history.WALK_MAX", walk)
        filters = stock.filters(kind)
        asked = set()
        for (name, ones), (other, others) in combinations(filters.items(), 2):
            for given in ({name: ones, other: others}, {name: ones[1:], other: others[1:]}):
                wanted = [one for one in everything
                          if all(matches(one, field, given[field]) for field in given)]  # fmt: skip
                if "name" in given:
                    wanted.sort(key=lambda one: str(one["name"]).casefold())
                found = await pages(api, query(PATHS[kind], **given, limit=2))
                assert wanted == [one for page in found for one in page], given
                asked.add(len(found) > 1 and not all(found))

        # Some pages were empty, and yet others came.
        assert walk > 2 or True in asked

    @pytest.mark.parametrize("swapped", [False, True])
    async def test_who_is_met_twice_ends_the_walk_if_one_of_them_does(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, *, swapped: bool
    ) -> None:
        """The last agent that is asked of one skill may be the first of another."""
        one, other = sorted([(await api.made("skill"))["id"] for _ in range(2)], reverse=swapped)
        shared = {f"{kind}_id": (await api.made(kind))["id"] for kind in ("job_role", "industry")}
        agents = [
            (await api.made("agent", **shared, skill_ids=skills))["name"]
            for skills in ([one], [one, other], [one])
        ]
        monkeypatch.setattr("service.usecases.history.WALK_MAX", 4)  # two of each
        found = await pages(
            api, query(PATHS["agent"], skill_id=(one, other), status="draft", limit=10)
        )

        assert agents[::-1] == [each["name"] for page in found for each in page]

    async def test_a_cursor_tells_nothing_of_what_is_hidden(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The walk passes over another's drafts, and ends at a row that its reader may see."""
        hidden = api.by(api.tenant.certifier)
        for number in range(4):
            for one, whose in (("seen", api), ("hush", hidden)):
                await whose.create("skill", name=f"s {number} {one}", tags=["t"])
        monkeypatch.setattr("service.usecases.history.WALK_MAX", 1)
        shown = {one["id"] for one in (await api.get("/v1/skills")).json["items"]}
        for filters in ({"name": "s"}, {"tag": "t"}, {"category": "technical"}):
            path = query("/v1/skills", **filters, status="archived")
            ends = []
            while path:
                answer = await api.get(path)
                assert [] == answer.json["items"]
                token = answer.json["next_cursor"]
                path = token and query("/v1/skills", **filters, status="archived", cursor=token)
                ends += [urlsafe_b64decode(token + "==")] if token else []

            assert 4 == len(ends)
            assert b"hush" not in b"".join(ends)
            assert shown == {one for one in shown if any(one.encode() in end for end in ends)}


LAST = "\U0010ffff"
BEFORE_SURROGATES = "\ud7ff"

PREFIXES = [
    # name, prefixes that find it, prefixes that do not
    ("Straße", ["stras", "STRASS", "Straß", "straße"], ["strase", "straszy"]),
    ("Ångström", ["A\u030a", "Å", "å", "\u212b", "ån"], ["A", "an"]),
    ("ﬁnance", ["fi", "FIN", "ﬁ"], ["fn"]),
    ("ΟΔΟΣ", ["οδος", "οδοσ", "ΟΔ"], ["οδα"]),
    ("a b", ["a", "a ", "A B"], ["ab", "a  "]),
    (f"x{LAST}y", ["x", f"x{LAST}", f"x{LAST}y"], [f"x{LAST}{LAST}", "y"]),
    (f"{LAST}{LAST}", [LAST, LAST * 2], [LAST * 3]),
    (
        f"x{BEFORE_SURROGATES}y",
        ["x", f"x{BEFORE_SURROGATES}", f"X{BEFORE_SURROGATES}Y"],
        ["x\ud7fe"],
    ),
    ("x\ue000", ["x\ue000"], [f"x{BEFORE_SURROGATES}"]),
    ("100% _\\", ["100%", "100% _", "100% _\\"], ["100_", "1%"]),
    ("𝄞 clef", ["𝄞", "𝄞 C"], ["𝄟"]),
]


class TestNamePrefix:
    """GET /v1/{kinds}?name=: caseless prefixes, in the order of names."""

    @pytest.mark.parametrize(
        "name,found,missed", PREFIXES, ids=[str(n) for n in range(len(PREFIXES))]
    )
    async def test_case_and_form_do_not_count(
        self, api: Api, name: str, found: list[str], missed: list[str]
    ) -> None:
        """A prefix finds a name as uniqueness compares names; nothing else does."""
        await api.made("skill", name=name, tags=["t"])
        for prefix in found:
            assert [name] == await names(api, query("/v1/skills", name=prefix)), prefix
            assert [name] == await names(api, query("/v1/skills", name=prefix, tag="t")), prefix
        for prefix in missed:
            assert [] == await names(api, query("/v1/skills", name=prefix)), prefix
            assert [] == await names(api, query("/v1/skills", name=prefix, tag="t")), prefix

    async def test_several_prefixes_mean_either_without_repetition(self, api: Api) -> None:
        """What two prefixes find is listed once, by name."""
        for name in ("beta", "Alpha", "alps", "gamma", "Älv"):
            await api.made("skill", name=name)

        assert ["Alpha", "alps", "gamma"] == await names(
            api, query("/v1/skills", name=["al", "alp", "ALPHA", "g"])
        )

    async def test_industries_of_one_name_are_paged_by_id(self, api: Api) -> None:
        """Where the name repeats, the id decides: newest first, none lost."""
        for level in range(1, 8):
            await api.made("industry", name="Same", scheme="s", code=str(level), level=level)
        found = await pages(api, query("/v1/industries", name="same", limit=2))

        assert [7, 6, 5, 4, 3, 2, 1] == [item["level"] for page in found for item in page]


class TestPages:
    """Cursors and links: nothing lost, nothing twice."""

    @pytest.mark.parametrize("limit", [1, 2, 3])
    @pytest.mark.parametrize(
        "given",
        [{}, {"name": "n"}, {"tag": ["t", "u"]}, {"tag": ["t", "u"], "name": ["n1", "n"]},
         {"status": "draft", "category": "technical"}, {"category": "technical"}],
        ids=str,
    )  # fmt: skip
    async def test_a_walk_meets_each_entity_once(
        self, api: Api, limit: int, given: dict[str, Any]
    ) -> None:
        """Pages of any size are full but the last and give the list in its order."""
        for n in (3, 1, 4, 5, 9, 2, 6):
            await api.made("skill", name=f"n{n}", tags=["t", "u"][: 1 + n % 2])
        whole = (await api.get(query("/v1/skills", **given))).json["items"]
        found = await pages(api, query("/v1/skills", limit=limit, **given))

        assert 7 == len(whole)
        assert whole == [item for page in found for item in page]
        assert {limit} == {len(page) for page in found[:-1]}

    @pytest.mark.parametrize("given", [{}, {"name": "n"}], ids=str)
    async def test_rows_that_come_in_between_disturb_nothing(
        self, api: Api, given: dict[str, Any]
    ) -> None:
        """What was there when the walk began is met exactly once while others write."""
        made = [(await api.made("skill", name=f"n{n}5"))["id"] for n in range(5)]
        path: str | None = query("/v1/skills", limit=2, **given)
        met = []
        n = 0
        while path:
            answer = await api.get(path)
            met += [item["id"] for item in answer.json["items"]]
            for _ in range(2):
                await api.made("skill", name=f"n{n}")
                n += 1
            link = answer.headers.get("Link")
            path = link[1:].partition(">")[0] if link and len(met) < 40 else None

        assert sorted(made) == sorted(one for one in met if one in set(made))
        assert len(met) == len(set(met))

    async def test_limits(self, api: Api) -> None:
        """1 to 200, 50 when none is given."""
        lines = [
            json.dumps({"kind": "skill", "external_id": str(n), "name": f"s{n}",
                        "description": "d", "category": "technical"}).encode()
            for n in range(201)
        ]  # fmt: skip
        await api.send(
            "POST",
            "/v1/imports",
            raw=b"\n".join(lines),
            headers={"Content-Type": "application/x-ndjson"},
        )
        for limit, count in ((None, 50), (1, 1), (200, 200)):
            answer = await api.get(query("/v1/skills", **({"limit": limit} if limit else {})))
            assert count == len(answer.json["items"])
        for odd in ("0", "201", "-1", "1.5", "1e2", "", "²", "0x1", "+5", "9" * 5000, "1&limit=2"):
            answer = await api.get(f"/v1/skills?limit={quote(odd, safe='&=')}")
            assert (400, "limit") == (answer.status, answer.json["parameter"]), odd

    async def test_a_page_may_change_its_size(self, api: Api) -> None:
        """A cursor pins filters and order, not the limit."""
        for _ in range(4):
            await api.made("skill")
        first = await api.get("/v1/skills?limit=1")
        rest = await api.get(f"/v1/skills?limit=3&cursor={first.json['next_cursor']}")

        assert 3 == len(rest.json["items"])
        assert rest.json["next_cursor"] is None


class TestCursors:
    """A cursor is opaque, signed, and good for one list of one tenant for 24 hours."""

    async def _cursor(self, api: Api, kind: str = "skill", **given: Any) -> str:
        for _ in range(2):
            await api.made(kind, tags=["t"])
        answer = await api.get(query(PATHS[kind], limit=1, **given))
        return str(answer.json["next_cursor"])

    async def test_every_altered_letter_is_seen(self, api: Api) -> None:
        """No letter can be changed, added or left out."""
        cursor = await self._cursor(api)
        altered = [
            cursor[:n] + ("A" if letter != "A" else "B") + cursor[n + 1 :]
            for n, letter in enumerate(cursor)
        ]
        raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        altered += [cursor[:-1], cursor + "A", cursor + "=", cursor.swapcase(), "A", "é", " ",
                    "." * 10, "A" * 5000]  # fmt: skip
        altered.append(urlsafe_b64encode(raw[16:]).decode().rstrip("="))
        for odd in altered:
            answer = await api.get(query("/v1/skills", cursor=odd))
            assert (400, "invalid-cursor") == (answer.status, answer.problem), odd

    async def test_another_tenant_cannot_use_it(self, api: Api, other_tenant: Tenant) -> None:
        """To another tenant it looks like an altered one."""
        cursor = await self._cursor(api)
        altered = ("B" if cursor[0] == "A" else "A") + cursor[1:]
        foreign = await api.of(other_tenant).get(
            query("/v1/skills", cursor=cursor), Request_Id="same"
        )
        odd = await api.get(query("/v1/skills", cursor=altered), Request_Id="same")

        assert (400, "invalid-cursor") == (foreign.status, foreign.problem)
        assert odd.body == foreign.body

    @pytest.mark.parametrize(
        "made,used",
        [
            ({}, {"status": "draft"}),
            ({"status": "draft"}, {}),
            ({"tag": "t"}, {"tag": ["t", "u"]}),
            ({"tag": "t"}, {"tag": "t", "status": "draft"}),
            ({}, {"name": "s"}),
            ({"name": "s"}, {}),
            ({"name": "s"}, {"name": "S"}),
        ],
    )
    async def test_it_pins_filters_and_order(
        self, api: Api, made: dict[str, Any], used: dict[str, Any]
    ) -> None:
        """Other filters, or the other order, need another cursor."""
        cursor = await self._cursor(api, **made)
        answer = await api.get(query("/v1/skills", **used, cursor=cursor))

        assert (400, "invalid-cursor") == (answer.status, answer.problem)

    async def test_it_pins_the_kind(self, api: Api) -> None:
        """A cursor of skills is none of industries."""
        answer = await api.get(query("/v1/industries", cursor=await self._cursor(api)))

        assert (400, "invalid-cursor") == (answer.status, answer.problem)

    async def test_the_order_of_values_does_not_count(self, api: Api) -> None:
        """Filters mean the same in any order."""
        cursor = await self._cursor(api, tag=["t", "u"])
        answer = await api.get(query("/v1/skills", cursor=cursor, tag=["u", "t", "t"]))

        assert 200 == answer.status

    async def test_it_expires_after_a_day(self, api: Api, clock: Moved) -> None:
        """24 hours are good, a minute more is 410."""
        cursor = await self._cursor(api)
        try:
            clock.ahead = timedelta(hours=24, seconds=-5)
            assert 200 == (await api.get(query("/v1/skills", cursor=cursor))).status
            clock.ahead = timedelta(hours=24, seconds=60)
            answer = await api.get(query("/v1/skills", cursor=cursor))
        finally:
            clock.ahead = timedelta()

        assert (410, "cursor-expired") == (answer.status, answer.problem)

    async def test_it_is_given_once(self, api: Api) -> None:
        """Two cursors are two places."""
        cursor = await self._cursor(api)
        answer = await api.get(f"/v1/skills?cursor={cursor}&cursor={cursor}")

        assert (400, "cursor") == (answer.status, answer.json["parameter"])
