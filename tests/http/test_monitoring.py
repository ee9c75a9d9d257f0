"""The dashboard and the alarms of docs/ against what a service really tells Prometheus."""

import json
import re
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

import promql_parser as promql
import pytest
from aiohttp import web
from grafana_foundation_sdk.cog import plugins
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from prometheus_client.parser import text_string_to_metric_families
from ruamel.yaml import YAML

from service.http.app import build_app
from service.http.runner import Runner
from service.sealing.standing import Standing, Witnessed
from service.settings import Settings
from tests.api import Api
from tests.factories import Tenant
from tests.postgres import Server

pytestmark = pytest.mark.database

DOCS = Path(__file__).parents[2] / "docs"
OF_THE_TARGET = {"instance", "job"}
"""Labels that Prometheus itself puts on what it scrapes."""

UP = "up"
VARIABLES = {"$__rate_interval": "5m", "$instance": ".*"}
"""What Grafana puts in, and what may stand there."""

Labels = dict[str, set[str]]


@asynccontextmanager
async def scraped(settings: Settings, url: str, tenant: Tenant) -> AsyncIterator[Api]:
    """Serve with all that may be told of: a replica, and a witness that the log was shown to."""
    standing = Standing()
    standing.witnesses["witness.example"] = Witnessed()
    runner = Runner(build_app(settings, url, None, url, standing), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        async with Api.open(f"http://127.0.0.1:{runner.addresses[0][1]}", tenant) as api:
            await api.get("/v1/me")
            yield api
    finally:
        await runner.cleanup()


async def series(api: Api) -> Labels:
    """Scrape: the labels of each name."""
    found: Labels = defaultdict(set)
    text = (await api.get("/metrics")).body.decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] |= set(sample.labels)
    return found


def selected(expression: str) -> Iterator[tuple[str, set[str]]]:
    """Give the metrics that an expression names, each with the labels that it is asked for.

    What is summed by labels takes these from each metric below it.
    """
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    yield from _below(promql.parse(expression), frozenset())


def _below(node: Any, wanted: frozenset[str]) -> Iterator[tuple[str, set[str]]]:
    match node:
        case promql.VectorSelector():
            yield str(node.name), {one.name for one in node.matchers.matchers} | set(wanted)
        case promql.MatrixSelector():
            yield from _below(node.vector_selector, wanted)
        case promql.AggregateExpr():
            labels = node.modifier.labels if node.modifier is not None else ()
            yield from _below(node.expr, frozenset(labels))
        case promql.BinaryExpr():
            yield from _below(node.lhs, wanted)
            yield from _below(node.rhs, wanted)
        case promql.Call():
            for argument in node.args:
                yield from _below(argument, wanted)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            yield from _below(node.expr, wanted)
        case _:
            assert isinstance(node, promql.NumberLiteral | promql.StringLiteral)


def dashboard() -> dict[str, Any]:
    """Read the dashboard."""
    found: dict[str, Any] = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    """Read the alarms."""
    groups = YAML(typ="safe").load(DOCS / "alerts.yml")["groups"]
    return [rule for group in groups for rule in group["rules"]]


def expressions() -> dict[str, str]:
    """Give every expression by where it stands."""
    of_panels = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard()["panels"]
        for target in panel["targets"]
    }
    return of_panels | {rule["alert"]: rule["expr"] for rule in rules()}


async def test_they_name_what_is_told(
    cluster: Server, database: str, settings: Settings, tenant: Tenant
) -> None:
    """Every metric of an expression is in a scrape, with every label that is asked for."""
    async with scraped(settings, cluster.url("app", database), tenant) as api:
        told = await series(api)
    wrong = []
    for place, expression in expressions().items():
        for name, labels in selected(expression):
            known = told.get(name, set()) | OF_THE_TARGET
            if name != UP and (name not in told or labels - known):
                wrong.append((place, name, labels - known))

    assert [] == wrong


async def test_everything_told_is_shown(
    cluster: Server, database: str, settings: Settings, tenant: Tenant
) -> None:
    """Each of our metrics stands in the dashboard or in an alarm."""
    async with scraped(settings, cluster.url("app", database), tenant) as api:
        told = await series(api)
    used = {name for one in expressions().values() for name, _ in selected(one)}
    ours = {name for name in told if name.startswith("plant_") and not name.endswith("_created")}
    parts = {re.sub("_(sum|count|bucket)$", "", name) for name in used}

    unused = {re.sub("_(sum|count|bucket)$", "", name) for name in ours} - parts
    assert {"plant_log_witness_asked_total"} == unused


@pytest.mark.parametrize(
    "expression, found",
    [
        ("sum by (b) (rate(a{c='d'}[5m]))", [("a", {"b", "c"})]),
        ("a / on () group_right () max by (e) (f)", [("a", set()), ("f", {"e"})]),
        ("histogram_quantile(0.9, sum by (le) (g)) > 1", [("g", {"le"})]),
        ("max_over_time((-h)[1h:5m]) or absent(i{j='k'})", [("h", set()), ("i", {"j"})]),
    ],
)
def test_expressions_are_read(expression: str, found: list[tuple[str, set[str]]]) -> None:
    """Selectors wherever they stand, with what is asked of them."""
    assert found == list(selected(expression))


class TestDashboard:
    """docs/grafana.json."""

    def test_grafana_knows_every_member(self) -> None:
        """Read and written by Grafana's own types nothing of it is lost."""
        plugins.register_default_plugins()
        given = dashboard()
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))

        assert [] == list(lost(given, kept))

    def test_a_member_that_it_does_not_know_is_noticed(self) -> None:
        """At any depth that types have."""
        plugins.register_default_plugins()
        given = dashboard()
        given["panels"][0]["fieldConfig"]["defaults"]["unti"] = "s"
        given["heading"] = "Plant"
        kept = json.loads(JSONEncoder().encode(Dashboard.from_json(given)))

        assert ["/heading", "/panels/0/fieldConfig/defaults/unti"] == sorted(
            lost(given, kept), key=len
        )

    def test_each_panel_has_its_place_and_its_words(self) -> None:
        """Ids and places are of one panel each; each says what it shows."""
        panels = dashboard()["panels"]
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]

        assert len(panels) == len({panel["id"] for panel in panels}) == len(set(places))
        assert all(panel["description"].endswith(".") for panel in panels)


def lost(given: Any, kept: Any, at: str = "") -> Iterator[str]:
    """Say which members of a value are not, or not so, in another."""
    if isinstance(given, dict):
        for name, one in given.items():
            if name in kept:
                yield from lost(one, kept[name], f"{at}/{name}")
            else:
                yield f"{at}/{name}"
    elif isinstance(given, list):
        if len(given) != len(kept):
            yield at
        for number, (one, other) in enumerate(zip(given, kept, strict=False)):
            yield from lost(one, other, f"{at}/{number}")
    elif given != kept:
        yield at


class TestAlarms:
    """docs/alerts.yml."""

    def test_they_are_rules(self) -> None:
        """With the members that Prometheus takes, a severity and words, and times that it reads."""
        for rule in rules():
            assert {"alert", "expr", "labels", "annotations"} <= set(rule)
            assert not set(rule) - {"alert", "expr", "for", "labels", "annotations"}
            assert rule["labels"]["severity"] in {"page", "ticket"}
            assert {"summary", "runbook_url"} == set(rule["annotations"])
            promql.parse_duration(rule.get("for", "1s"))

    def test_each_has_its_line_in_the_runbook(self) -> None:
        """docs/operations.md says of each alarm, and of no other, what it means and what to do."""
        page = (DOCS / "operations.md").read_text(encoding="utf-8")
        chapter = page.partition("\n### Alarms\n")[2].partition("\n## ")[0]
        listed = re.findall(r"^\| `(\w+)` \| [^|]{10,} \| [^|]{10,} \|$", chapter, re.MULTILINE)

        assert [rule["alert"] for rule in rules()] == listed
        assert {"docs/operations.md#alarms"} == {
            rule["annotations"]["runbook_url"] for rule in rules()
        }

    def test_words_name_labels_that_are_left(self) -> None:
        """What a summary shows is not summed away."""
        for rule in rules():
            shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
            bare = re.sub(r"\{[^}]*\}", "", rule["expr"])
            summed = re.search(r"\b(sum|max|min)\b", bare) is not None
            kept = {name for one in re.findall(r"by \(([^)]*)\)", bare) for name in one.split(", ")}
            assert shown <= (kept if summed else OF_THE_TARGET), rule["alert"]


METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "TRACE", "QUERY"]


async def test_clients_make_no_series(api: Api) -> None:
    """Whatever three hundred requests ask for, what is told grows by what routes there are."""
    chance = Random(1)

    async def told() -> set[tuple[str, str]]:
        """Give route and method of each answer that was counted."""
        text = (await api.get("/metrics")).body.decode()
        return {
            (sample.labels["route"], sample.labels["method"])
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == "plant_http_requests_total"
        }

    await api.get("/metrics")
    for number in range(300):
        word = secrets.token_urlsafe(9)
        method = chance.choice([*METHODS, word[:5].replace("-", "").replace("_", "").upper()])
        path = chance.choice(
            ["/{}", "/v1/{}", "/v1/{}/" + word, "/v1/skills/{}", "/v1/skills/{}/status",
             "/v1/skills/by-external-id/{}", "/v1/audit/tile/{}/000", "/v1/job-roles?{}=1"]
        ).format(word)  # fmt: skip
        await api.send(method, path, raw=b"{}" if number % 2 else None)
    found = await told()

    templates = {
        "/v1/skills/{id}",
        "/v1/skills/{id}/status",
        "/v1/skills/by-external-id/{external_id}",
        "/v1/audit/tile/{level}/{path}",
        "/v1/job-roles",
        "/metrics",
        "unknown",
    }
    assert {route for route, _ in found} <= templates
    assert {method for _, method in found} <= {*METHODS[:5], "HEAD", "OPTIONS", "other"}
    assert len(found) > 10
