"""POST /v1/match: agents that fit a job role, or job roles that fit skills."""

from typing import Final

import msgspec
from aiohttp import web
from msgspec import UNSET

from service.http.answers import JSON, PRIVATE, require_room
from service.http.bodies import read_json
from service.http.caller import caller
from service.http.reading import reading
from service.http.request import raw_query
from service.model.match import MatchBody
from service.model.query import parameters
from service.usecases.match import Fit, Taken, match_agents, match_job_roles
from service.usecases.near_skills import NearSkills

NEAR_SKILLS: Final = web.AppKey("near_skills", NearSkills)

_BODY: Final = web.RequestKey("matched", MatchBody)
_DIGITS: Final = 6
"""Of similarities: vectors are of single precision."""


async def match(request: web.Request) -> web.StreamResponse:
    """Find what fits a job role, or skills."""
    who = await caller(request, "read")
    parameters(raw_query(request), body=MatchBody)
    if _BODY not in request:
        # Read once: what a replica could not answer is asked again.
        request[_BODY] = await read_json(request, MatchBody)
    asked, skills = request[_BODY], request.app[NEAR_SKILLS]
    repository = reading(request)
    taken: list[Taken] = []
    if asked.skills is UNSET:
        role = str(asked.job_role_id)
        fits = await match_agents(skills, repository, who.context, role, asked.limit)
    else:
        fits, taken = await match_job_roles(
            skills, repository, who.context, asked.skills, asked.limit
        )
    require_room([fit.document for fit in fits])
    items = ",".join(map(_item, fits)).encode()
    rest = {"taken": [_taken(one) for one in taken], "model": skills.model}
    body = b'{"items":[' + items + b"]," + msgspec.json.encode(rest)[1:]
    return web.Response(body=body, content_type=JSON, headers={"Cache-Control": PRIVATE})


def _item(fit: Fit) -> str:
    """Write an item around the document as it is."""
    rest = {
        "score": fit.score,
        "covered": [
            {"skill_id": one.skill_id, "by": one.by, "similarity": round(one.similarity, _DIGITS)}
            for one in fit.covered
        ],
        "missing": fit.missing,
    }
    return f'{{"entity":{fit.document},{msgspec.json.encode(rest).decode()[1:]}'


def _taken(taken: Taken) -> dict[str, object]:
    return {
        "text": taken.text,
        "skills": [
            {
                "skill_id": one.skill_id,
                "matched_label": one.label,
                "similarity": round(one.similarity, _DIGITS),
            }
            for one in taken.skills
        ],
    }


def routes() -> list[web.RouteDef]:
    """List the routes of matching."""
    return [web.post("/v1/match", match)]
