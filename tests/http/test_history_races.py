"""Readers of the present and the past beside 32 writers: no answer mixes two versions.

Writers keep what they were answered. Whatever readers see, by number, by time, now or in a list,
has to be one of these answers, byte for byte; readers keep it and the test compares at the end.
"""

import asyncio
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.api import Answer, Api

WRITERS = 32
READERS = 16
CHANGES = 16
REFUSED = {409, 412}
BUSY = 503
"""Nothing was done: more wait for a connection of the small pool than a test has time for."""

Key = tuple[str, int]


def path_of(identity: str) -> str:
    """Give the path of a skill."""
    return f"/v1/skills/{identity}"


def key_of(document: dict[str, Any]) -> Key:
    """Name a version."""
    return document["id"], document["version"]


class Race:
    """What writers were answered and what readers saw."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.written: dict[Key, Answer] = {}
        self.newest: dict[str, int] = {}
        self.seen: set[tuple[Key, bytes, str]] = set()
        self.lists: list[tuple[bytes, list[Key]]] = []
        self.reads = 0
        self.writing = True

    def keep(self, answer: Answer) -> None:
        """Keep what a change was answered."""
        key = key_of(answer.json)
        assert key not in self.written, "a version was written twice"
        self.written[key] = answer
        self.newest[key[0]] = max(key[1], self.newest.get(key[0], 0))

    async def write(self, random: Random) -> None:
        """Change and step entities at random; two of three times whatever their version."""
        done = 0
        while done < CHANGES:
            path = path_of(random.choice(sorted(self.newest)))
            etag = "*" if random.randrange(3) else (await self.api.get(path)).headers.get("ETag")
            if random.randrange(4) == 0:
                to = random.choice(["under_review", "draft"])
                answer = await self.api.step(path, to, etag or "*")
            else:
                # Long ones lie in pieces beside their row.
                long = random.randbytes(random.choice([4, 4900])).hex()
                patch: dict[str, Any] = {"description": long}
                if random.randrange(2):
                    patch = {"tags": [f"t{long[:4]}"]}
                answer = await self.api.patch(path, patch, etag or "*")
            if answer.status == 200:
                self.keep(answer)
            assert answer.status in {200, BUSY} | REFUSED, answer.body
            done += answer.status != BUSY

    async def write_all(self, seed: int) -> None:
        """Let all writers write."""
        await asyncio.gather(*(self.write(Random(f"{seed}/w{n}")) for n in range(WRITERS)))
        self.writing = False


class Reader:
    """Reads at random while there are writers; one that is not the author sees no drafts."""

    def __init__(self, race: Race, random: Random, api: Api) -> None:
        self._race = race
        self._random = random
        self._api = api
        self._others = api.actor is not race.api.actor

    async def read(self) -> None:
        """Read until nobody writes any more."""
        ways = [self._now, self._version, self._time, self._versions, self._list, self._list_then]
        while self._race.writing:
            await self._random.choice(ways)()
            self._race.reads += 1

    def _known(self) -> Key:
        identity = self._random.choice(sorted(self._race.newest))
        return identity, self._random.randint(1, self._race.newest[identity])

    def _moment(self) -> tuple[Key, str] | None:
        """Choose a change that was answered, and its time; another's answer may be on its way."""
        key = self._known()
        written = self._race.written.get(key)
        return (key, written.json["updated_at"]) if written else None

    def _served(self, answer: Answer) -> bool:
        """Say whether there is something to look at."""
        if answer.status == BUSY or (self._others and answer.status == 404):
            return False
        assert 200 == answer.status, answer.body
        return True

    def _see(self, answer: Answer, key: Key | None = None) -> None:
        """Keep an answer with one document, of this version if one was asked for."""
        if self._served(answer):
            found = key_of(answer.json)
            assert key in {None, found}
            assert not (self._others and answer.json["status"] == "draft")
            self._race.seen.add((found, answer.body, answer.etag))

    def _see_list(self, answer: Answer, before: dict[str, int]) -> None:
        """Keep a list; what had been answered before it was asked for is in it, or newer."""
        if self._served(answer):
            items = {item["id"]: item for item in answer.json["items"]}
            assert len(items) == len(answer.json["items"])
            if self._others:
                assert not [item for item in items.values() if item["status"] == "draft"]
            else:
                assert {} == {i: v for i, v in before.items() if items[i]["version"] < v}
            keys = [key_of(item) for item in answer.json["items"]]
            self._race.lists.append((answer.body, keys))

    async def _now(self) -> None:
        identity, _ = self._known()
        newest = self._race.newest[identity]
        answer = await self._api.get(path_of(identity))
        self._see(answer)
        # What has been answered is there for whoever asks afterwards.
        assert 200 != answer.status or newest <= answer.json["version"]

    async def _version(self) -> None:
        key = self._known()
        self._see(await self._api.get(f"{path_of(key[0])}?version={key[1]}"), key)

    async def _time(self) -> None:
        if known := self._moment():
            key, moment = known
            self._see(await self._api.get(f"{path_of(key[0])}?as_of={moment}"), key)

    async def _versions(self) -> None:
        identity, _ = self._known()
        newest = self._race.newest[identity]
        answer = await self._api.get(f"{path_of(identity)}/versions?limit=200")
        if self._served(answer) and not self._others:
            versions = [item["version"] for item in answer.json["items"]]
            assert versions == list(range(len(versions), 0, -1))
            assert len(versions) >= newest

    async def _list(self) -> None:
        before = dict(self._race.newest)
        self._see_list(await self._api.get("/v1/skills"), before)

    async def _list_then(self) -> None:
        if known := self._moment():
            _, moment = known
            before: dict[str, int] = {}
            for (identity, version), one in self._race.written.items():
                if one.json["updated_at"] <= moment:
                    before[identity] = max(version, before.get(identity, 0))
            answer = await self._api.get(f"/v1/skills?as_of={moment}")
            self._see_list(answer, before)
            if answer.status == 200:
                assert all(item["updated_at"] <= moment for item in answer.json["items"])


@pytest.mark.timeout(240)
@pytest.mark.parametrize("seed", [1])
async def test_no_answer_mixes_two_versions(api: Api, seed: int) -> None:
    """By id, number, time and in lists every reader is served what some writer was answered."""
    race = Race(api)
    for _ in range(6):
        race.keep(await api.create("skill"))
    both = (api, api.by(api.tenant.reader))
    readers = [Reader(race, Random(f"{seed}/r{n}"), both[n % 2]) for n in range(READERS)]

    async with asyncio.TaskGroup() as group:
        group.create_task(race.write_all(seed))
        for reader in readers:
            group.create_task(reader.read())

    written = race.written
    assert len(written) > WRITERS
    assert race.reads > READERS
    strange = [key for key, body, etag in race.seen
               if (written[key].body, written[key].etag) != (body, etag)]  # fmt: skip
    assert [] == strange
    for body, keys in race.lists:
        assert body.startswith(b'{"items":[' + b",".join(written[key].body for key in keys) + b"]")
    for identity, newest in race.newest.items():
        listed = (await api.get(f"{path_of(identity)}/versions?limit=200")).json["items"]
        assert list(range(newest, 0, -1)) == [item["version"] for item in listed]
        for item in listed:
            one = written[identity, item["version"]]
            assert one.headers["Audit-Entry"] == f"id={item['audit_id']}, hash={item['entry_hash']}"
            again = await api.get(f"{path_of(identity)}?version={item['version']}")
            assert (one.body, one.etag) == (again.body, again.etag)
            then = await api.get(f"{path_of(identity)}?as_of={item['at']}")
            assert one.body == then.body
            earlier = datetime.fromisoformat(item["at"]) - timedelta(microseconds=1)
            moment = earlier.isoformat(timespec="microseconds").replace("+00:00", "Z")
            before = await api.get(f"{path_of(identity)}?as_of={moment}")
            if item["version"] == 1:
                assert 404 == before.status
            else:
                assert written[identity, item["version"] - 1].body == before.body
