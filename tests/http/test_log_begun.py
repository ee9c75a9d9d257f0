"""The log that has begun and has nothing in it: signed, and proof of nothing yet."""

import pytest

from service.proof.checkpoint import open_checkpoint
from service.proof.tree import EMPTY_ROOT
from tests.api import Api
from tests.leader import Sealer

pytestmark = pytest.mark.database


async def test_an_empty_log_is_signed_and_exported_by_nobody(api: Api, sealer: Sealer) -> None:
    """A checkpoint of nothing, no growth from there to there, no tile, no export for proof."""
    assert 0 == await sealer.seal()
    note = (await api.get("/v1/audit/checkpoint")).body.decode()
    signed = open_checkpoint(note, sealer.keys)
    growth = await api.get("/v1/audit/consistency?from=0")
    tile = await api.get("/v1/audit/tile/0/000")
    export = await api.get("/v1/exports?format=proof")

    assert (0, EMPTY_ROOT) == (signed.size, signed.root)
    assert {"from": 0, "to": 0, "proof": [], "checkpoint": note} == growth.json
    assert (404, "not-found") == (tile.status, tile.problem)
    assert "No tile has this path" in tile.json["detail"]
    assert (409, "not-sealed") == (export.status, export.problem)
