"""`plant bench` as a process of its own, against a service on a real socket."""

import asyncio
import json
import re
import socket
from typing import Any, NamedTuple

import pytest
from aiohttp import web

from service.cli.bench import lines
from service.measuring.address import NoAddress, is_loopback
from service.measuring.client import CPU, Measured
from tests.api import Api
from tests.factories import ActorWith
from tests.servers import BARE, PLANT

pytestmark = pytest.mark.database

SHORT = ("--seconds", "1", "--connections", "4")


class Ended(NamedTuple):
    """How a command has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Read what it has answered."""
        return json.loads(self.out)


async def run(url: str, key: str, *more: str) -> Ended:
    """Run `plant bench` to its end."""
    process = await asyncio.create_subprocess_exec(
        *PLANT, "bench", url, "--key", key, *more,
        env=BARE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def test_reads_are_measured_and_nothing_is_written(api: Api) -> None:
    """Rate, p50, p99 and what the client took; the service tells what it takes itself."""
    await api.create("skill")
    ended = await run(api.url, api.actor.key, *SHORT, "--json")
    listed = (await api.get("/v1/skills")).json["items"]

    assert (0, 1) == (ended.code, len(listed)), ended.err
    found = ended.json
    assert {"connections": 4, "seconds": 1, "creates": 0} == found["load"]
    assert ["get", "list"] == [one["operation"] for one in found["operations"]]
    for one in found["operations"]:
        assert one["answers"] > 0
        assert {} == one["refused"]
        assert one["rate"] == pytest.approx(one["answers"] / one["seconds"], rel=0.01)
        assert 0 < one["p50_ms"] <= one["p99_ms"]
        assert one["client_us"] > 0
    assert CPU.search((await api.get("/metrics")).body.decode())


async def test_as_many_drafts_are_made_as_were_asked_for(api: Api) -> None:
    """All of one tag, so that whoever made them finds them."""
    ended = await run(api.url, api.actor.key, *SHORT, "--write", "7")
    tagged = (await api.get("/v1/skills?tag=plant-bench")).json["items"]

    assert 0 == ended.code, ended.err
    assert ["draft"] * 7 == [one["status"] for one in tagged]
    first, *lines = ended.out.splitlines()
    assert first.split()[:3] == ["answers", "answers/s", "p50"]
    assert ["create", "7"] == lines[0].split()[:2]
    assert ["create", "get", "list"] == [line.split()[0] for line in lines[:3]]
    assert all(line.endswith("none") for line in lines[:3])


def test_what_the_table_does_not_tell_is_told() -> None:
    """A dash for a time that was not counted, a sentence where labels were embedded meanwhile."""
    one = Measured("get", 1_200, 2.0, 600, 1, 2, {"503": 3}, None, 40, 0)
    other = Measured("list", 100, 2.0, 50, 1, 2, {}, 1_500, 40, 2_000)
    _, get, listing, *more = lines([one, other])

    assert ["get", "1,200", "600", "1.00", "2.00", "—", "40", "3", "times", "503"] == get.split()
    assert ["list", "100", "50", "1.00", "2.00", "1,500", "40", "none"] == listing.split()
    assert 1 == len(more)
    assert more[0].startswith("list: labels of 2,000 changes were still being embedded")


async def test_answers_that_are_no_2xx_are_counted_and_end_with_1(
    api: Api, actor_with: ActorWith
) -> None:
    """Of a key that may read and not write, say; what was not done has no rate."""
    await api.made("skill", "active")
    reader = await actor_with("read")
    ended = await run(api.url, reader.key, *SHORT, "--write", "3", "--json")
    *reads, create = ended.json["operations"]

    assert 1 == ended.code
    assert ({"403": 3}, 0, 0) == (create["refused"], create["answers"], create["rate"])
    assert [{}, {}] == [one["refused"] for one in reads]


@pytest.mark.parametrize(
    "key,said",
    [("plant_nobody", "answered with 401"), ("{key}", "nothing that this key may read")],
)
async def test_what_cannot_be_told_ends_with_2(api: Api, key: str, said: str) -> None:
    """An unknown key, a tenant that has nothing: said in words, with the way out."""
    ended = await run(api.url, key.format(key=api.actor.key), *SHORT)

    assert (2, "") == (ended.code, ended.out)
    assert said in ended.err
    assert "Traceback" not in ended.err


async def test_nobody_who_answers_ends_with_2() -> None:
    """Nor does a redirection, which would take the key elsewhere."""
    seen = []

    async def lead_away(request: web.Request) -> web.Response:
        seen.append(request.path)
        raise web.HTTPFound("/elsewhere")

    app = web.Application()
    app.router.add_get("/{any:.*}", lead_away)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    led = await run(url, "plant_key", *SHORT)
    await runner.cleanup()
    away = await run(url, "plant_key", *SHORT)

    assert (2, 2) == (led.code, away.code)
    assert "answered with 302" in led.err
    assert ["/v1/me"] == seen
    assert f"Nobody listens at {url.removeprefix('http://')}. " in away.err


@pytest.mark.parametrize(
    "url,more,said",
    [
        ("http://elsewhere.example.org:8080", (), "is not on a loopback address"),
        ("http://127.0.0.1.example.org", (), "is not on a loopback address"),
        ("nonsense", (), "is no address of a service. Write http://127.0.0.1:8080"),
        ("http://127.0.0.1:99999", (), "is no address of a service"),
        ("http://user:secret@127.0.0.1:1", (), "The key goes with --key"),
        ("http://127.0.0.1:1", ("--key", "plant_a\nb"), "as `plant key create` printed it"),
        ("http://127.0.0.1:1", ("--key", ""), "as `plant key create` printed it"),
        ("http://127.0.0.1:1", ("--connections", "0"), "from 1 to 256"),
        ("http://127.0.0.1:1", ("--connections", "257"), "from 1 to 256"),
        ("http://127.0.0.1:1", ("--seconds", "61"), "from 1 to 60"),
        ("http://127.0.0.1:1", ("--write", "10001"), "from 1 to 10,000"),
    ],
)
async def test_too_much_and_elsewhere_are_wrong_usage(
    url: str, more: tuple[str, ...], said: str
) -> None:
    """Nobody is asked: the load is bounded, and goes to this machine unless one says otherwise."""
    ended = await run(url, "plant_key", *more)

    assert (64, "") == (ended.code, ended.out)
    assert said in ended.err
    assert not {"secret", "Traceback"} & {*re.findall("[a-zA-Z]+", ended.err)}


@pytest.mark.parametrize("host", ["127.1", "0.0.0.0", socket.gethostname()])  # noqa: S104 - asked
async def test_whoever_names_this_machine_otherwise_is_told_how_to(host: str) -> None:
    """What it is can be said of an address alone, and that it is elsewhere cannot be said."""
    ended = await run(f"http://{host}:8080", "plant_key")

    assert 64 == ended.code
    assert f"{host}:8080 is not on a loopback address" in ended.err
    assert "Write 127.0.0.1 for this machine" in ended.err


async def test_elsewhere_is_asked_when_one_says_so() -> None:
    """As far as it answers."""
    ended = await run("http://nowhere.invalid:8080", "plant_key", *SHORT, "--anywhere")

    assert 2 == ended.code
    assert "The name in nowhere.invalid:8080 is not known" in ended.err


@pytest.mark.parametrize(
    "url,here",
    [
        ("http://127.0.0.1:8080", True),
        ("https://localhost:8080/", True),
        ("http://[::1]:8080", True),
        ("http://[::]:8080", False),
        ("http://[2001:db8::1]", False),
        ("http://localhost.example.org", False),
    ],
)
def test_here_is_the_loopback_alone(url: str, here: bool) -> None:  # noqa: FBT001 - a case
    """By its name or any of its addresses."""
    assert here is is_loopback(url)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "x", "http://127.0.0.1:99999",
        "http://127.0.0.1:0", "http://127.0.0.1:abc", "http://127.0.0.1:", "http://[::1",
        "http://[:::]", "http://[127.0.0.1]", "http://127.0.0.1?a=b", "http://127.0.0.1\n",
        "http://a..test", "http://" + "a" * 64,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(url: str) -> None:
    """In words that name one."""
    with pytest.raises(NoAddress, match="is no address of a service"):
        is_loopback(url)
