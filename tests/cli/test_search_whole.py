"""The whole of ESCO, imported and embedded by two commands, answers what a person types."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bench.relevance.named import FIRST, load
from service.http.app import finders_by
from service.labelling.computed import computing
from service.settings import Settings
from tests.api import serving
from tests.postgres import Server
from tests.servers import BARE, plant
from tests.source_folders import whole

pytestmark = [pytest.mark.database, pytest.mark.nightly, pytest.mark.timeout(3_600)]


def command(environ: dict[str, str], *words: str) -> str:
    """Run a command to its end, however long it takes; gives what it answers."""
    told = subprocess.run(
        [sys.executable, "-m", "service", *words],
        env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert 0 == told.returncode, told.stderr[-2_000:]
    return told.stdout


async def answered(url: str, key: str, text: str) -> list[Any]:
    """Ask for a text among everything; gives the external ids of the first five."""
    headers = {"Authorization": f"Bearer {key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{url}/v1/search", json={"text": text, "limit": FIRST}) as answer,
    ):
        found = await answer.json()
    assert 200 == answer.status, found
    return [item["entity"]["external_id"] for item in found["items"]]


async def test_what_a_person_types_finds_what_they_are_after(
    cluster: Server, database: str, settings: Settings, tmp_path: Path
) -> None:
    """For each text the committed ids are among the first five of everything."""
    environ = BARE | cluster.environ(database) | {"PLANT_EMBEDDER": "minilm"}
    writer, certifier = (
        json.loads(
            plant(
                tmp_path, "key", "create", "--tenant", "t", "--agent", agent,
                "--scopes", f"read,{scope}", "--json", **cluster.environ(database),
            ).stdout
        )["key"]
        for agent, scope in (("writer", "write"), ("certifier", "certify"))
    )  # fmt: skip
    second = ["--certifier-key", certifier, "--as", "active"]
    command(environ, "import", "--key", writer, *second, "--from", "esco", str(whole()))
    told = json.loads(command(environ, "embed", "--tenant", "t", "--json"))
    wanted = {text.text: [one.id for one in text.named] for text in load()}
    async with computing(settings) as vectors:
        search = finders_by(settings, vectors, vectors.model).search
        async with serving(settings, cluster.url("app", database), searching=search) as url:
            found = {text: await answered(url, writer, text) for text in wanted}

    assert told["items"][0]["labels"] > 100_000
    assert {} == {
        text: found[text] for text, ids in wanted.items() if not set(ids) <= set(found[text])
    }
