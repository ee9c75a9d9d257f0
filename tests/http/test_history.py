"""The past over HTTP: versions, times, differences, lists as of a time.

What is expected is what was answered when it was written, kept by the test; nothing is computed
from the log.
"""

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import pytest
import pytest_asyncio

from service.model.kinds import BY_NAME, KINDS
from service.settings import Settings
from tests.api import PATHS, Answer, Api, serving
from tests.factories import ActorWith, Tenant, unique
from tests.moved import Moved
from tests.postgres import Server

NAMES = tuple(BY_NAME)
NEVER = "01900000-0000-7000-8000-000000000000"
MICROSECOND = timedelta(microseconds=1)
LONG_AGO = "2001-01-01T00:00:00Z"
ODD_NUMBERS = [
    "0", "-1", "+1", "1.5", "", "one", "1e0", "²", "1\x00", str(2**31), str(2**63), str(10**30),
]  # fmt: skip
ODD_TIMES = [
    "", "now", "0", "2025-03-01", "2025-03-01T12:00:00", "2025-03-01T12:00:00+01:00",
    "2025-03-01T12:00:00.1234567Z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z", "2025-02-29T00:00:00Z", "2025-03-01T12:00:00Z\x00",
    "0001-01-01T00:00:00%2B01:00", "position:1", "position:", "infinity", "9" * 5000,
]  # fmt: skip


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


def at(kind: str, identity: object) -> str:
    """Give the path of an entity."""
    return f"{PATHS[kind]}/{identity}"


def asked(path: str, **parameters: Any) -> str:
    """Add parameters to a path."""
    return f"{path}?{urlencode(parameters, doseq=True, quote_via=quote)}"


def time(answer: Answer) -> datetime:
    """Give the time of the version that was answered."""
    return datetime.fromisoformat(answer.json["updated_at"])


def text(moment: datetime) -> str:
    """Write a time as answers have it."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


async def lived(api: Api, kind: str = "skill") -> list[Answer]:
    """Take an entity of the author's through its life; the answers to every change, in order."""
    author, certifier = api.by(api.tenant.author), api.by(api.tenant.certifier)
    answers = [await author.create(kind)]
    path = at(kind, answers[0].json["id"])

    async def patch(**fields: Any) -> None:
        answers.append(await author.patch(path, fields, answers[-1].etag))

    async def step(to: str, by: Api = author) -> None:
        answers.append(await by.step(path, to, answers[-1].etag))

    await patch(description="Better.", custom_attributes={"a/b": {"~": [1]}, "n": 1.0})
    await step("under_review")
    await patch(tags=["x"])
    await step("draft", certifier)
    await patch(custom_attributes={"a/b": {"~": [1, 2]}, "n": None})
    await step("under_review")
    if kind in {"skill", "industry"}:
        await step("certified", certifier)
        await step("active")
        await patch(tags=["y", "x"], governance_notes="In use.")
        await step("deprecated")
    await step("archived")
    assert [answer.status for answer in answers] == [201] + [200] * (len(answers) - 1)
    return answers


class TestVersion:
    """GET /v1/{kinds}/{id}?version=."""

    @pytest.mark.parametrize("kind", NAMES)
    async def test_every_version_is_served_as_it_was_written(self, api: Api, kind: str) -> None:
        """The bytes and the entity tag of then, whatever came after."""
        answers = await lived(api, kind)
        path = at(kind, answers[0].json["id"])
        for version, written in enumerate(answers, 1):
            answer = await api.get(asked(path, version=version))
            assert (200, written.body) == (answer.status, answer.body)
            assert written.etag == answer.etag
            assert "application/json" == answer.headers["Content-Type"]
            assert "private, no-cache" == answer.headers["Cache-Control"]

        current = await api.get(path)
        assert (answers[-1].body, answers[-1].etag) == (current.body, current.etag)

    async def test_a_version_that_is_known_is_not_sent_again(self, api: Api) -> None:
        """If-None-Match names the version's own tag; another version's tag is no match."""
        first = await api.create("skill")
        path = at("skill", first.json["id"])
        second = await api.patch(path, {"tags": ["x"]}, first.etag)
        for moment in ({"version": 1}, {"as_of": first.json["updated_at"]}):
            known = await api.get(asked(path, **moment), If_None_Match=f'"x", W/{first.etag}')
            other = await api.get(asked(path, **moment), If_None_Match=second.etag)
            assert (304, b"", first.etag) == (known.status, known.body, known.etag)
            assert (200, first.body) == (other.status, other.body)

    async def test_head_is_answered_as_get(self, api: Api) -> None:
        """The same head without a body."""
        made = await api.create("skill")
        answer = await api.send("HEAD", asked(at("skill", made.json["id"]), version=1))

        assert (200, made.etag, b"") == (answer.status, answer.etag, answer.body)
        assert str(len(made.body)) == answer.headers["Content-Length"]

    async def test_what_is_not_there_is_404(self, api: Api, other_tenant: Tenant) -> None:
        """A version yet to come, another kind, another tenant, no id: nothing tells them apart."""
        made = await api.create("skill")
        identity = made.json["id"]
        seen = await api.raised(made, "under_review")
        assert 2 == seen.json["version"]
        for path, number, who in (
            (at("skill", identity), 3, api),
            (at("skill", identity), 2**31 - 1, api),
            (at("team", identity), 2, api),
            (at("skill", NEVER), 2, api),
            (at("skill", identity), 2, api.of(other_tenant)),
        ):
            answer = await who.get(asked(path, version=number))
            assert (404, "not-found") == (answer.status, answer.problem)
            kind = "team" if "teams" in path else "skill"
            wanted = f"No version {number} of the {kind} with this id is visible to you."
            assert wanted == answer.json["detail"]
        assert 404 == (await api.get(asked(at("skill", "x"), version=1))).status
        assert 200 == (await api.get(asked(at("skill", identity.upper()), version=2))).status

    async def test_it_needs_scope_read(self, api: Api, actor_with: ActorWith) -> None:
        """No scope implies another, and none is told what there is."""
        made = await api.create("skill")
        path = at("skill", made.json["id"])
        writer = api.by(await actor_with("write", "certify", "audit", "admin"))
        for one in (
            asked(path, version=1),
            asked(path, as_of=LONG_AGO),
            f"{path}/versions",
            f"{path}/diff?from=1&to=1",
            asked("/v1/skills", as_of=LONG_AGO),
        ):
            refused = await writer.get(one)
            assert (403, "read") == (refused.status, refused.json["required_scope"])
            assert 401 == (await api.send("GET", one, headers={"Authorization": None})).status


class TestTime:
    """GET /v1/{kinds}/{id}?as_of=."""

    async def test_each_version_from_its_own_microsecond_to_the_next(self, api: Api) -> None:
        """A version holds from its time on, that time included, until the next one's."""
        answers = await lived(api)
        path = at("skill", answers[0].json["id"])
        before = await api.get(asked(path, as_of=text(time(answers[0]) - MICROSECOND)))
        assert (404, "not-found") == (before.status, before.problem)
        for number, written in enumerate(answers):
            upper = answers[number + 1 :][:1]
            moments = [time(written), *(time(one) - MICROSECOND for one in upper)]
            for moment in moments:
                answer = await api.get(asked(path, as_of=text(moment)))
                assert (200, written.body) == (answer.status, answer.body)
                assert written.etag == answer.etag

    async def test_one_time_has_many_spellings(self, api: Api) -> None:
        """Any offset, either case, trailing noughts or none."""
        made = await api.create("skill")
        path, moment = at("skill", made.json["id"]), time(made)
        spelled = [
            text(moment).lower(),
            *(
                moment.astimezone(timezone(timedelta(minutes=minutes))).isoformat(
                    timespec="microseconds"
                )
                for minutes in (-1439, -300, 1, 330, 1439)
            ),
        ]
        for one in spelled:
            answer = await api.get(asked(path, as_of=one))
            assert (200, made.body) == (answer.status, answer.body), one
        whole = moment.replace(microsecond=0) - timedelta(seconds=1)
        for fraction in ("", ".0", ".000", ".000000"):
            answer = await api.get(
                asked(path, as_of=whole.strftime(f"%Y-%m-%dT%H:%M:%S{fraction}Z"))
            )
            wanted = f"No version of {text(whole)} of the skill with this id is visible to you."
            assert wanted == answer.json["detail"]

    async def test_the_time_of_a_change_is_never_too_late(self, api: Api, clock: Moved) -> None:
        """The database's clock decides: a service whose clock is behind asks it."""
        made = await api.create("skill")
        path = at("skill", made.json["id"])
        try:
            clock.ahead = timedelta(hours=-1)
            answer = await api.get(asked(path, as_of=made.json["updated_at"]))
            listed = await api.get(asked("/v1/skills", as_of=made.json["updated_at"]))
        finally:
            clock.ahead = timedelta()

        assert (200, made.body) == (answer.status, answer.body)
        assert [made.json] == listed.json["items"]

    @pytest.mark.parametrize("ahead", [timedelta(minutes=1), timedelta(days=3650)])
    async def test_what_has_yet_to_come_is_400(
        self, api: Api, clock: Moved, ahead: timedelta
    ) -> None:
        """Of an entity, of a list, of what is not there: 400 says what time it is."""
        made = await api.create("skill")
        later = text(datetime.now(UTC) + ahead)
        clock.ahead = ahead * 2  # which does not matter
        try:
            for path in (at("skill", made.json["id"]), at("skill", NEVER), "/v1/skills"):
                answer = await api.get(asked(path, as_of=later))
                assert (400, "invalid-parameter") == (answer.status, answer.problem)
                assert "as_of" == answer.json["parameter"]
                assert made.json["updated_at"] < answer.json["now"] < later
                assert answer.json["now"] in answer.json["detail"]
        finally:
            clock.ahead = timedelta()

    async def test_before_everything_there_is_nothing(self, api: Api) -> None:
        """The first year is a time like others: 404, and an empty list."""
        made = await api.create("skill")
        for moment in ("0001-01-01T00:00:00Z", LONG_AGO):
            answer = await api.get(asked(at("skill", made.json["id"]), as_of=moment))
            listed = await api.get(asked("/v1/skills", as_of=moment))
            assert (404, "not-found") == (answer.status, answer.problem)
            assert b'{"items":[],"next_cursor":null}' == listed.body


class TestRefused:
    """What cannot be asked for is 400 and names the parameter."""

    @pytest.mark.parametrize("number", ODD_NUMBERS)
    async def test_numbers(self, api: Api, number: str) -> None:
        """A version is a whole number from 1 to 2^31 - 1."""
        path = at("skill", (await api.create("skill")).json["id"])
        for name, one in (
            ("version", asked(path, version=number)),
            ("from", asked(f"{path}/diff", **{"from": number, "to": 1})),
            ("to", asked(f"{path}/diff", **{"from": 1, "to": number})),
        ):
            answer = await api.get(one)
            assert (400, "invalid-parameter") == (answer.status, answer.problem)
            assert name == answer.json["parameter"]
            assert "from 1 to 2147483647" in answer.json["detail"]

    @pytest.mark.parametrize("moment", ODD_TIMES, ids=lambda moment: moment[:30])
    async def test_times(self, api: Api, moment: str) -> None:
        """A time is RFC 3339 with its offset; nothing else is guessed at."""
        path = at("skill", (await api.create("skill")).json["id"])
        # A plus sign as it is means a space.
        given = quote(moment, safe="+%")
        for one in (f"{path}?as_of={given}", f"/v1/skills?as_of={given}"):
            answer = await api.get(one)
            assert (400, "invalid-parameter") == (answer.status, answer.problem)
            assert "as_of" == answer.json["parameter"]
            said = "takes no position" if moment.startswith("pos") else "a time of RFC 3339"
            assert said in answer.json["detail"]

    @pytest.mark.parametrize(
        "query,slug,parameter",
        [
            ("?version=1&version=1", "invalid-parameter", "version"),
            ("?version=1&as_of=2025-03-01T12:00:00Z", "invalid-parameter", "as_of"),
            (
                "?as_of=2025-03-01T12:00:00Z&as_of=2025-03-01T12:00:00Z",
                "invalid-parameter",
                "as_of",
            ),
            ("?versions=1", "unknown-parameter", "versions"),
            ("?Version=1", "unknown-parameter", "Version"),
            ("?version=1&limit=1", "unknown-parameter", "limit"),
            ("/versions?version=1", "unknown-parameter", "version"),
            ("/versions?as_of=2025-03-01T12:00:00Z", "unknown-parameter", "as_of"),
            ("/versions?limit=0", "invalid-parameter", "limit"),
            ("/versions?limit=201", "invalid-parameter", "limit"),
            ("/versions?limit=1&limit=1", "invalid-parameter", "limit"),
            ("/versions?cursor=x&cursor=x", "invalid-parameter", "cursor"),
            ("/diff", "invalid-parameter", "from"),
            ("/diff?from=1", "invalid-parameter", "to"),
            ("/diff?to=1", "invalid-parameter", "from"),
            ("/diff?from=1&to=1&to=1", "invalid-parameter", "to"),
            ("/diff?from=1&to=1&as_of=2025-03-01T12:00:00Z", "unknown-parameter", "as_of"),
        ],
    )
    async def test_parameters(self, api: Api, query: str, slug: str, parameter: str) -> None:
        """Unknown, repeated, missing and contradicting ones."""
        path = at("skill", (await api.create("skill")).json["id"])
        answer = await api.get(path + query)

        assert (400, slug) == (answer.status, answer.problem)
        assert parameter == answer.json["parameter"]

    @pytest.mark.parametrize("kind", NAMES)
    async def test_filters_of_the_present(self, api: Api, kind: str) -> None:
        """With as_of every filter but status is refused by name, alone and together."""
        others = sorted(BY_NAME[kind].filters - {"status"})
        for given in ([name] for name in others), [others]:
            for names in given:
                answer = await api.get(
                    asked(PATHS[kind], as_of=LONG_AGO, **dict.fromkeys(names, NEVER))
                )
                assert (400, "invalid-parameter") == (answer.status, answer.problem)
                assert names[0] == answer.json["parameter"]
                assert f"not by {', '.join(names)}." in answer.json["detail"]
        every = set().union(*(one.filters for one in KINDS.values()))
        for name in every - BY_NAME[kind].filters:
            answer = await api.get(asked(PATHS[kind], as_of=LONG_AGO, **{name: NEVER}))
            assert (400, "unknown-parameter") == (answer.status, answer.problem)

    async def test_other_methods(self, api: Api) -> None:
        """The past is read: 405 says so."""
        path = at("skill", (await api.create("skill")).json["id"])
        for one in ("versions", "diff"):
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                answer = await api.send(method, f"{path}/{one}", {})
                assert (405, "GET, HEAD") == (answer.status, answer.headers["Allow"])


class TestVersions:
    """GET /v1/{kinds}/{id}/versions."""

    async def test_every_change_is_listed_newest_first(self, api: Api) -> None:
        """What, when, by whom, and the entry that each answer named."""
        answers = await lived(api)
        answer = await api.get(f"{at('skill', answers[0].json['id'])}/versions")
        author, certifier = api.tenant.author.context, api.tenant.certifier.context
        by_certifier = {"reject", "certify"}

        assert (200, None) == (answer.status, answer.json["next_cursor"])
        assert "Link" not in answer.headers
        assert [
            "create", "amend", "submit", "amend", "reject", "amend", "submit", "certify",
            "activate", "amend", "deprecate", "archive",
        ] == [item["operation"] for item in answer.json["items"]][::-1]  # fmt: skip
        for item, written in zip(answer.json["items"], answers[::-1], strict=True):
            who = certifier if item["operation"] in by_certifier else author
            expected = {
                "version": written.json["version"],
                "operation": item["operation"],
                "status": written.json["status"],
                "at": written.json["updated_at"],
                "governance_agent_id": who.governance_agent_id,
                "key_id": who.key_id,
                "certified_by": None,
                "audit_id": item["audit_id"],
                "entry_hash": item["entry_hash"],
            }
            assert expected == item
            assert list(expected) == list(item)
            entry = f"id={item['audit_id']}, hash={item['entry_hash']}"
            assert written.headers["Audit-Entry"] == entry
            assert written.etag == f'"{item["version"]}-{item["entry_hash"][:16]}"'

    async def test_both_identities_of_an_import_are_told_apart(self, api: Api) -> None:
        """Who wrote is where it always is, who certified stands beside it."""
        author, certifier = api.tenant.author, api.tenant.certifier
        line = {"kind": "skill", "external_id": "i", "name": unique("skill"),
                "description": "d", "category": "technical"}  # fmt: skip
        done = await api.send(
            "POST",
            "/v1/imports?as=active",
            raw=json.dumps(line).encode(),
            headers={
                "Content-Type": "application/x-ndjson",
                "Certifier-Authorization": f"Bearer {certifier.key}",
            },
        )
        identity = json.loads(done.body.splitlines()[0])["id"]
        (item,) = (await api.get(f"{at('skill', identity)}/versions")).json["items"]

        assert (1, "import", "active") == (item["version"], item["operation"], item["status"])
        assert author.context.governance_agent_id == item["governance_agent_id"]
        assert author.context.key_id == item["key_id"]
        assert {
            "governance_agent_id": certifier.context.governance_agent_id,
            "key_id": certifier.context.key_id,
        } == item["certified_by"]

    @pytest.mark.parametrize("limit", [1, 2, 5, 11, 12, 200])
    async def test_pages_are_full_and_meet_each_version_once(self, api: Api, limit: int) -> None:
        """Also while the entity goes on: what is new is ahead of the walk."""
        answer = await api.create("skill")
        identity = answer.json["id"]
        for number in range(11):
            answer = await api.patch(at("skill", identity), {"tags": [str(number)]}, answer.etag)
        path: str | None = asked(f"{at('skill', identity)}/versions", limit=limit)
        pages = []
        while path is not None:
            page = await api.get(path)
            assert 200 == page.status, page.body
            pages.append([item["version"] for item in page.json["items"]])
            cursor, link = page.json["next_cursor"], page.headers.get("Link")
            assert (cursor is None) == (link is None)
            path = link and link.removeprefix("<").removesuffix('>; rel="next"')
            assert path is None or path == asked(
                f"{at('skill', identity)}/versions", limit=limit, cursor=cursor
            )
            answer = await api.patch(at("skill", identity), {"tags": []}, answer.etag)

        assert list(range(12, 0, -1)) == [version for page in pages for version in page]
        assert all(limit == len(page) for page in pages[:-1])

    @pytest.mark.parametrize("limit", [1, 2])
    async def test_a_page_that_is_full_to_the_last_version_is_the_last(
        self, api: Api, limit: int
    ) -> None:
        """No link leads to an empty page."""
        answer = await api.create("skill")
        path = at("skill", answer.json["id"])
        for number in range(limit - 1):
            answer = await api.patch(path, {"tags": [str(number)]}, answer.etag)
        page = await api.get(f"{path}/versions?limit={limit}")

        assert (limit, None) == (len(page.json["items"]), page.json["next_cursor"])

    async def test_fifty_unless_more_are_wanted(self, api: Api) -> None:
        """The default is 50, the most is 200."""
        answer = await api.create("skill")
        path = at("skill", answer.json["id"])
        for _ in range(50):
            answer = await api.patch(path, {}, answer.etag)
        for given, count in (("", 50), ("?limit=200", 51)):
            assert count == len((await api.get(f"{path}/versions{given}")).json["items"])

    async def test_what_is_not_there_is_404(self, api: Api, other_tenant: Tenant) -> None:
        """Another kind, another tenant, another agent's draft, no id: one answer."""
        identity = (await api.create("skill")).json["id"]
        for path, who in (
            (at("skill", NEVER), api),
            (at("team", identity), api),
            (at("skill", identity), api.of(other_tenant)),
            (at("skill", identity), api.by(api.tenant.reader)),
        ):
            answer = await who.get(f"{path}/versions")
            assert (404, "not-found") == (answer.status, answer.problem)
            kind = "team" if "teams" in path else "skill"
            assert f"No {kind} with this id is visible to you." == answer.json["detail"]
        assert 404 == (await api.get(f"{at('skill', 'x')}/versions")).status


class TestCursors:
    """A cursor of the past holds for what it was made for, and for a day."""

    async def _made(self, api: Api, kind: str = "skill") -> tuple[str, str, str]:
        """Give an entity's path, a cursor of its versions, and one of a list of the past."""
        answer = await api.create(kind)
        await api.create(kind)
        path = at(kind, answer.json["id"])
        answer = await api.patch(path, {"tags": ["t"]}, answer.etag)
        versions = (await api.get(f"{path}/versions?limit=1")).json["next_cursor"]
        listed = await api.get(asked(PATHS[kind], limit=1, as_of=answer.json["updated_at"]))
        return path, versions, listed.json["next_cursor"]

    async def test_another_list_needs_another_cursor(self, api: Api, other_tenant: Tenant) -> None:
        """Of another entity, kind, tenant, time, state, order or list: 400."""
        path, versions, listed = await self._made(api)
        other, _, _ = await self._made(api)
        team, _, _ = await self._made(api, "team")
        present = (await api.get("/v1/skills?limit=1")).json["next_cursor"]
        moment = (await api.get(path)).json["updated_at"]
        uses = [
            (f"{other}/versions", versions),
            (f"{team}/versions", versions),
            (f"{path}/versions", listed),
            (f"{path}/versions", present),
            ("/v1/skills", versions),
            ("/v1/skills", listed),
            ("/v1/skills?status=draft", listed),
            (asked("/v1/skills", as_of=moment), versions),
            (asked("/v1/skills", as_of=moment), present),
            (asked("/v1/skills", as_of=moment, status="draft"), listed),
            (asked("/v1/skills", as_of=LONG_AGO), listed),
            (asked("/v1/teams", as_of=moment), listed),
        ]
        for one, cursor in uses:
            sign = "&" if "?" in one else "?"
            answer = await api.get(f"{one}{sign}cursor={cursor}")
            assert (400, "invalid-cursor") == (answer.status, answer.problem), one
        for one, cursor in (
            (f"{path}/versions", versions),
            (asked("/v1/skills", as_of=moment), listed),
        ):
            sign = "&" if "?" in one else "?"
            assert 200 == (await api.get(f"{one}{sign}cursor={cursor}")).status
            foreign = await api.of(other_tenant).get(f"{one}{sign}cursor={cursor}")
            assert (400, "invalid-cursor") == (foreign.status, foreign.problem)

    async def test_every_altered_letter_is_seen(self, api: Api) -> None:
        """No letter can be changed, added or left out."""
        path, versions, _ = await self._made(api)
        altered = [
            versions[:n] + ("A" if letter != "A" else "B") + versions[n + 1 :]
            for n, letter in enumerate(versions)
        ]
        altered += [versions[:-1], f"{versions}A", f"{versions}=", "", "x", "\x00", "é", "A" * 5000]
        for odd in altered:
            answer = await api.get(asked(f"{path}/versions", cursor=odd))
            assert (400, "invalid-cursor") == (answer.status, answer.problem), odd
        # What it holds is no secret, and no use without the signature.
        assert b"version" in urlsafe_b64decode(versions + "=" * (-len(versions) % 4))

    async def test_it_expires_after_a_day(self, api: Api, clock: Moved) -> None:
        """24 hours are good, a minute more is 410."""
        path, versions, listed = await self._made(api)
        moment = (await api.get(path)).json["updated_at"]
        uses = (
            asked(f"{path}/versions", cursor=versions),
            asked("/v1/skills", as_of=moment, cursor=listed),
        )
        try:
            clock.ahead = timedelta(hours=24, seconds=-5)
            assert [200, 200] == [(await api.get(one)).status for one in uses]
            clock.ahead = timedelta(hours=24, seconds=60)
            late = [await api.get(one) for one in uses]
        finally:
            clock.ahead = timedelta()

        assert [(410, "cursor-expired")] * 2 == [(one.status, one.problem) for one in late]

    async def test_one_time_spelled_otherwise_is_the_same_list(self, api: Api) -> None:
        """A cursor pins the moment, not its letters."""
        path, _, listed = await self._made(api)
        moment = datetime.fromisoformat((await api.get(path)).json["updated_at"])
        elsewhere = moment.astimezone(timezone(timedelta(hours=5))).isoformat(
            timespec="microseconds"
        )

        assert 200 == (await api.get(asked("/v1/skills", as_of=elsewhere, cursor=listed))).status


class TestDiff:
    """GET /v1/{kinds}/{id}/diff."""

    async def test_a_patch_leads_from_one_version_to_the_other(self, api: Api) -> None:
        """Between any two versions, in either direction, a version and itself included."""
        answers = await lived(api)
        path = at("skill", answers[0].json["id"])
        for one, before in enumerate(answers, 1):
            for two, after in enumerate(answers, 1):
                answer = await api.get(f"{path}/diff?from={one}&to={two}")
                assert 200 == answer.status, answer.body
                assert ["from", "to", "patch"] == list(answer.json)
                assert (one, two) == (answer.json["from"], answer.json["to"])
                assert (one == two) == (answer.json["patch"] == [])
                found = before.json
                for operation in answer.json["patch"]:
                    change(found, operation)
                assert after.json == found

    async def test_it_is_as_small_as_members_are(self, api: Api) -> None:
        """Members of objects one by one, names escaped, arrays as a whole."""
        first = await api.create("skill", custom_attributes={"a/b": {"~": [1]}, "n": 1.0, "o": {}})
        path = at("skill", first.json["id"])
        new = {"a/b": {"~": [1, 2]}, "n": None, "m": {"x": 1}}
        second = await api.patch(path, {"tags": ["t"], "custom_attributes": new}, first.etag)
        answer = await api.get(f"{path}/diff?from=1&to=2")
        expected: list[dict[str, Any]] = [
            {"op": "remove", "path": "/custom_attributes/n"},
            {"op": "replace", "path": "/custom_attributes/a~1b/~0", "value": [1, 2]},
            {"op": "add", "path": "/custom_attributes/m", "value": {"x": 1}},
            {"op": "replace", "path": "/tags", "value": ["t"]},
            {"op": "replace", "path": "/updated_at", "value": second.json["updated_at"]},
            {"op": "replace", "path": "/version", "value": 2},
        ]

        assert expected == sorted(
            answer.json["patch"],
            key=lambda one: [each["path"] for each in expected].index(one["path"]),
        )

    async def test_a_version_that_is_not_there_is_named(
        self, api: Api, other_tenant: Tenant
    ) -> None:
        """404 says which of the two; nobody is told more of what is not theirs."""
        made = await api.create("skill")
        path = at("skill", made.json["id"])
        for who, one, query, missing in (
            (api, path, "from=1&to=2", 2),
            (api, path, "from=7&to=1", 7),
            (api, at("team", made.json["id"]), "from=1&to=1", 1),
            (api, at("skill", NEVER), "from=1&to=1", 1),
            (api.of(other_tenant), path, "from=1&to=1", 1),
            (api.by(api.tenant.certifier), path, "from=1&to=1", 1),
        ):
            answer = await who.get(f"{one}/diff?{query}")
            assert (404, "not-found") == (answer.status, answer.problem)
            assert f"No version {missing} of the " in answer.json["detail"]


def change(document: dict[str, Any], operation: dict[str, Any]) -> None:
    """Apply an operation of a patch to a document."""
    *way, last = (
        step.replace("~1", "/").replace("~0", "~") for step in operation["path"].split("/")[1:]
    )
    for step in way:
        document = document[step]
    if operation["op"] == "remove":
        del document[last]
    else:
        assert (operation["op"] == "replace") == (last in document)
        document[last] = operation["value"]


class TestDrafts:
    """What was written as a draft stays its author's, for good."""

    async def test_other_agents_see_what_was_no_draft(self, api: Api) -> None:
        """By number, by time, in the list of versions and in differences alike."""
        answers = await lived(api)
        path = at("skill", answers[0].json["id"])
        drafts = {n for n, one in enumerate(answers, 1) if one.json["status"] == "draft"}
        assert {1, 2, 5, 6} == drafts
        for who in (api.by(api.tenant.certifier), api.by(api.tenant.reader)):
            listed = (await who.get(f"{path}/versions")).json["items"]
            assert [12, 11, 10, 9, 8, 7, 4, 3] == [item["version"] for item in listed]
            for version, written in enumerate(answers, 1):
                for query in (f"?version={version}", f"?as_of={text(time(written))}"):
                    answer = await who.get(path + query)
                    if version in drafts:
                        # Not the version before it either: that was no longer so.
                        assert (404, "not-found") == (answer.status, answer.problem), query
                    else:
                        assert (200, written.body) == (answer.status, answer.body)
                answer = await who.get(f"{path}/diff?from={version}&to=3")
                assert (404 if version in drafts else 200) == answer.status

    async def test_a_draft_again_hides_nothing_that_was_seen(self, api: Api) -> None:
        """After a rejection the present is its author's alone, the review stays everybody's."""
        first = await api.create("skill")
        path = at("skill", first.json["id"])
        second = await api.step(path, "under_review", first.etag)
        certifier = api.by(api.tenant.certifier)
        await certifier.step(path, "draft", second.etag)
        moment = text(time(second))

        assert 404 == (await certifier.get(path)).status
        assert second.body == (await certifier.get(f"{path}?version=2")).body
        assert second.body == (await certifier.get(f"{path}?as_of={moment}")).body
        listed = (await certifier.get(f"{path}/versions")).json["items"]
        assert [(2, "submit")] == [(item["version"], item["operation"]) for item in listed]
        assert [second.json] == (await certifier.get(f"/v1/skills?as_of={moment}")).json["items"]
        assert [] == (await certifier.get("/v1/skills")).json["items"]


class TestAmendments:
    """An amendment has a history of its own; the entity's has what became of it."""

    async def test_a_certified_amendment_is_a_version_an_open_one_is_none(self, api: Api) -> None:
        """Nothing of an open amendment is found by any way into the past of its entity."""
        active = await api.raised(await api.create("skill"), "active")
        path = at("skill", active.json["id"])
        open_ = await api.patch(f"{path}/amendment", {"description": "Better."}, active.etag)
        identity, moment = open_.json["amendment_id"], open_.json["updated_at"]
        for one in ("?version=1", f"?as_of={moment}", "/versions", "/diff?from=1&to=1"):
            assert 404 == (await api.get(f"{at('skill', identity)}{one}")).status
        assert active.body == (await api.get(f"{path}?as_of={moment}")).body
        assert 4 == len((await api.get(f"{path}/versions")).json["items"])
        assert [active.json] == (await api.get(f"/v1/skills?as_of={moment}")).json["items"]

        review = await api.step(f"{path}/amendment", "under_review", open_.etag)
        certifier = api.by(api.tenant.certifier)
        done = await certifier.step(f"{path}/amendment", "certified", review.etag)
        now = await api.get(path)
        newest = (await api.get(f"{path}/versions?limit=1")).json["items"][0]
        assert 200 == done.status, done.body
        assert ("Better.", 5) == (now.json["description"], now.json["version"])
        assert (5, "certify", "active") == (
            newest["version"],
            newest["operation"],
            newest["status"],
        )
        certified_by = api.tenant.certifier.context.governance_agent_id
        assert certified_by == newest["governance_agent_id"]
        assert now.body == (await api.get(f"{path}?version=5")).body
        assert active.body == (await api.get(f"{path}?version=4")).body


class TestLists:
    """GET /v1/{kinds}?as_of=: the registry as it was."""

    async def test_every_moment_is_listed_as_it_was(self, api: Api) -> None:
        """At the time of each change, for each kind and state, for its author and for others."""
        written: list[Answer] = []
        for _ in range(2):
            written += await lived(api)
        await api.create("industry")
        written += await lived(api, "team")
        moments = sorted(time(one) for one in written)
        for moment in [moments[0] - MICROSECOND, *moments[::2], moments[-1]]:
            for kind in ("skill", "team"):
                then: dict[str, dict[str, Any]] = {}
                for one in written:
                    if one.json["entity_type"] == kind and time(one) <= moment:
                        then[one.json["id"]] = one.json
                # What a team needed was made as drafts beside it.
                for who, sees in ((api, True), (api.by(api.tenant.reader), False)):
                    items = await walked(who, asked(PATHS[kind], as_of=text(moment), limit=1))
                    known = [item for item in items if item["id"] in then or not sees]
                    wanted = [
                        then[identity]
                        for identity in sorted(then, reverse=True)
                        if sees or then[identity]["status"] != "draft"
                    ]
                    assert wanted == known
                    assert sorted((i["id"] for i in items), reverse=True) == [
                        i["id"] for i in items
                    ]
                    for status in ("draft", "under_review", "archived"):
                        some = await walked(
                            who, asked(PATHS[kind], as_of=text(moment), status=status)
                        )
                        assert [item for item in items if item["status"] == status] == some

    async def test_several_states_mean_any_of_them(self, api: Api) -> None:
        """A state given twice means either, as in lists of the present."""
        made = {status: await api.made("industry", status)
                for status in ("draft", "under_review", "certified", "active")}  # fmt: skip
        path = asked(
            "/v1/industries",
            as_of=made["active"]["updated_at"],
            status=["active", "draft", "archived"],
        )

        assert [made["active"], made["draft"]] == await walked(api, path)

    @pytest.mark.parametrize("filters", [{}, {"status": "draft"}])
    async def test_what_came_later_is_not_walked(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, filters: dict[str, str]
    ) -> None:
        """However much was made since then, and however few a page looks at: all of then."""
        then = [await api.made("industry") for _ in range(2)]
        for _ in range(3):
            await api.made("industry")
        monkeypatch.setattr("service.usecases.history.WALK_MAX", 1)
        path = asked("/v1/industries", as_of=then[-1]["updated_at"], limit=2, **filters)

        assert then[::-1] == await walked(api, path)

    @pytest.mark.parametrize("walk", [1, 2, 3, 5])
    @pytest.mark.parametrize("limit", [1, 2, 50])
    async def test_no_cursor_names_what_is_hidden(
        self, api: Api, monkeypatch: pytest.MonkeyPatch, walk: int, limit: int
    ) -> None:
        """Whatever hides between what is shown, and however far a page looks: not by its id."""
        monkeypatch.setattr("service.usecases.history.WALK_MAX", walk)
        drafts: list[dict[str, Any]] = []
        shown: list[dict[str, Any]] = []
        for status in ("draft", "draft", "under_review", *["draft"] * 4, *["under_review"] * 2,
                       *["draft"] * 3):  # fmt: skip
            one = await api.made("skill", status)
            (drafts if status == "draft" else shown).append(one)
        reader = api.by(api.tenant.reader)
        first = asked("/v1/skills", as_of=shown[-1]["updated_at"], limit=limit)
        items, cursors = [], b""
        path: str | None = first
        while path:
            page = (await reader.get(path)).json
            items += page["items"]
            cursor = page["next_cursor"]
            path = cursor and f"{first}&cursor={cursor}"
            cursors += urlsafe_b64decode(f"{cursor or ''}==")

        assert shown[::-1] == items
        for one in drafts:
            # The first part of an id is when it was made; no two of these are of one millisecond.
            assert one["id"][:13].encode() not in cursors
            assert UUID(one["id"]).bytes[:6] not in cursors

    @pytest.mark.parametrize("limit", [1, 2, 3])
    async def test_a_walk_is_not_disturbed_by_what_happens_meanwhile(
        self, api: Api, limit: int
    ) -> None:
        """Page by page the list of one moment, while all of it changes."""
        answers = [await api.create("skill") for _ in range(7)]
        moment = answers[-1].json["updated_at"]
        whole = [one.json for one in answers[::-1]]
        path: str | None = asked("/v1/skills", as_of=moment, limit=limit)
        found = []
        while path:
            page = await api.get(path)
            found.append(page.json["items"])
            link = page.headers.get("Link")
            path = link and link.removeprefix("<").partition(">")[0]
            assert path is None or path.startswith(
                f"/v1/skills?as_of={quote(moment, safe='')}&limit={limit}&cursor="
            )
            await api.create("skill")
            answers = [
                await api.patch(at("skill", one.json["id"]), {"tags": [unique("t")]}, one.etag)
                for one in answers
            ]

        assert whole == [item for page in found for item in page]
        assert all(limit == len(page) for page in found[:-1])
        assert whole == (await api.get(asked("/v1/skills", as_of=moment))).json["items"]

    async def test_other_tenants_are_not_listed(self, api: Api, other_tenant: Tenant) -> None:
        """Neither what was nor what is."""
        answer = await api.raised(await api.create("skill"), "active")
        listed = await api.of(other_tenant).get(
            asked("/v1/skills", as_of=answer.json["updated_at"])
        )

        assert b'{"items":[],"next_cursor":null}' == listed.body


async def walked(api: Api, path: str | None) -> list[dict[str, Any]]:
    """Walk through a list by its links to the end."""
    found: list[dict[str, Any]] = []
    while path:
        answer = await api.get(path)
        assert 200 == answer.status, answer.body
        assert len(found) < 200, "the walk does not end"
        found += answer.json["items"]
        link = answer.headers.get("Link")
        path = link and link.removeprefix("<").partition(">")[0]
    return found
