"""Four texts, and what a person who types them is after."""

import asyncio
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.relevance.asking import asking
from bench.relevance.session import Session
from bench.result import Outcome, Row
from service.model.search import SearchBody
from service.settings import Settings

FILE: Final = Path(__file__).with_name("named.json")
FIRST: Final = 5


class Named(Struct, frozen=True):
    """An entity by its external id, with its name, and why it was chosen."""

    id: str
    name: str
    reason: str


class Text(Struct, frozen=True):
    """What is typed, and what has to be among the first five."""

    text: str
    named: list[Named]


class _File(Struct, frozen=True):
    notice: str
    chosen: str
    texts: list[Text]


def load() -> list[Text]:
    """Read the committed texts."""
    return msgspec.json.decode(FILE.read_bytes(), type=_File).texts


def measure(session: Session) -> Outcome:
    """Ask for each among all kinds, as a person does who sets no filter."""
    return asyncio.run(_measured(session))


async def _measured(session: Session) -> Outcome:
    stock, rows, answers = session.stock, [], {}
    async with asking(session.ground) as asker:
        search = asker.search(Settings().search_exact_max)
        for each in load():
            asked = SearchBody(text=each.text, limit=FIRST)
            found = await search.search(asker.repository, stock.context, asked)
            ids = [hit.id for hit in found.hits]
            there = [one for one in each.named if stock.ids[one.id] in ids]
            documents = [msgspec.json.decode(hit.document or "{}") for hit in found.hits]
            answers[each.text] = [
                {"name": document["name"], "kind": document["entity_type"], "score": hit.score}
                for document, hit in zip(documents, found.hits, strict=True)
            ]
            rows.append(
                Row(
                    what=f"“{each.text}”: named and among the first five",
                    value=len(there) / len(each.named),
                    least=1.0,
                    how="Asked among all kinds; named.json has what has to be found, and why: "
                    + ", ".join(one.name for one in each.named)
                    + ".",
                    beside="; ".join(document["name"] for document in documents),
                )
            )
    return Outcome(rows, {"answers": answers})
