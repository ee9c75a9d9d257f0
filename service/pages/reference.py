"""The reference: every operation and schema of the description, on one page."""

from functools import cache
from html import escape
from typing import Any, Final

from msgspec import UNSET

from service.errors import Problem
from service.openapi.document import SECURITY, TAGS, described
from service.openapi.headers import HEADERS, NAMES
from service.openapi.operation import Answer, Operation
from service.openapi.problems import line_of
from service.openapi.refusals import by_status
from service.openapi.registry import OPERATIONS
from service.pages.example import curl, shown
from service.pages.layout import Group, Page, page
from service.pages.markup import anchor, code, inline, link, pre, prose, table
from service.pages.schema import fields, words

Schema = dict[str, Any]

_SHELL: Final = """\
URL=http://127.0.0.1:8080
KEY=plant_…    # `plant key create` makes one"""


@cache
def reference() -> Page:
    """Make the page, once for a process."""
    document = described()
    parts = [_introduction(document), _common()]
    groups = [Group("Before you begin", "before-you-begin", []), Group("Headers", "headers", [])]
    for tag, text in TAGS.items():
        own = [one for one in OPERATIONS if one.tag == tag]
        entries = [(f"{_method(one)} {escape(one.summary)}", one.id) for one in own]
        groups.append(Group(tag, anchor(tag), entries))
        operations = "\n".join(_operation(one, document) for one in own)
        head = f'<h2 id="{anchor(tag)}">{escape(tag)}</h2>'
        parts.append(f"{head}\n<p>{inline(text)}</p>{operations}")
    schemas = document["components"]["schemas"]
    named = [name for name in schemas if not name.endswith("Problem") or name == "Problem"]
    groups.append(Group("Schemas", "schemas", [(code(each), f"schema-{each}") for each in named]))
    parts.append('<h2 id="schemas">Schemas</h2>')
    parts += [_schema(name, schemas[name]) for name in named]
    return page("Plant: reference", groups, "\n".join(parts))


def _introduction(document: Schema) -> str:
    info = document["info"]
    keys = [
        [code(one.get("name", "Authorization")), inline(one["description"])]
        for one in SECURITY.values()
    ]
    return (
        f'<h1 id="before-you-begin">Plant <small>{escape(info["version"])}</small></h1>\n'
        f"{prose(info['description'])}\n"
        f"<p>Every problem has its place in the {link('/docs/errors', 'catalogue')}; the whole "
        f"description is {link('/openapi.json', code('/openapi.json'))} (OpenAPI "
        f"{escape(document['openapi'])}), from which clients can be generated.</p>\n"
        f"{table(['Header', 'What it carries'], keys)}\n"
        f"<p>The examples begin with:</p>\n{pre(_SHELL)}"
    )


def _common() -> str:
    rows = [
        [code(NAMES.get(name, name)), inline(one["description"]), code(str(one["example"]))]
        for name, one in HEADERS.items()
    ]
    return '<h2 id="headers">Headers of answers</h2>\n' + table(
        ["Header", "Meaning", "Example"], rows
    )


def _method(one: Operation) -> str:
    return f'<span class="method {one.method.lower()}">{one.method}</span>'


def _operation(one: Operation, document: Schema) -> str:
    written = document["paths"][one.path][one.method.lower()]
    parts = [
        f'<article id="{one.id}">{_heading(escape(one.summary), one.id)}',
        f'<p class="route">{_method(one)} <code>{escape(one.path)}</code></p>',
        f"<p>{inline(one.description)}</p>",
        f'<p class="mild">{_caller(one)}</p>',
    ]
    if one.parameters:
        # The last is Request-Id, which is everyone's.
        rows = [_parameter(each, document) for each in written["parameters"][:-1]]
        parts.append(table(["Parameter", "Type", "Meaning"], rows))
    if one.body is not None:
        content = written["requestBody"]["content"]
        of = content[one.body.media[0]]
        schema = of.get("x-line-schema", of["schema"])
        media = " or ".join(map(code, content))
        each = " in each line" if "x-line-schema" in of else ""
        parts.append(f"<p><b>Body</b> {words(schema)}{each} as {media}</p>")
    parts.append(pre(curl(one)))
    parts += [_answer(each, written) for each in one.answers]
    parts.append(
        f'<p class="mild">Refused with</p><dl class="refusals">{_refusals(one)}</dl></article>'
    )
    return "\n".join(parts)


def _caller(one: Operation) -> str:
    if one.scopes is None:
        return "Needs no key."
    if not one.scopes:
        return "Needs a key, of any scope."
    return "Needs a key with scope " + " or ".join(map(code, one.scopes)) + "."


def _parameter(written: Schema, document: Schema) -> list[str]:
    if "$ref" in written:
        written = document["components"]["parameters"][written["$ref"].rpartition("/")[2]]
    note = written["in"] + ("" if written["required"] else ", optional")
    return [
        f'{code(written["name"])} <span class="mild">{note}</span>',
        words(written["schema"]),
        inline(written["description"]),
    ]


def _answer(answer: Answer, written: Schema) -> str:
    said = written["responses"][str(answer.status)]
    headers = " ".join(code(name) for name in said["headers"])
    what = ""
    if answer.media is not None:
        content = said["content"][answer.media]
        schema = content.get("x-line-schema", content["schema"])
        media = " or ".join(map(code, said["content"]))
        what = f"{words(schema)} as {media}, "
    mild = f'<span class="mild">{what}with {headers}</span>'
    line = f"<b>{answer.status}</b> {inline(answer.description)} {mild}"
    if answer.example is UNSET:
        return f"<p>{line}</p>"
    return f"<details><summary>{line}</summary>{pre(shown(answer.example))}</details>"


def _refusals(one: Operation) -> str:
    return "".join(
        f"<dt>{status}</dt><dd>{' '.join(map(_problem, each))}</dd>"
        for status, each in by_status(one).items()
    )


def _problem(problem: type[Problem]) -> str:
    at = f"/docs/errors#{problem.slug}"
    return f'<a href="{at}" title="{escape(line_of(problem))}">{problem.slug}</a>'


def _schema(name: str, schema: Schema) -> str:
    description = inline(schema.get("description", ""))
    members = fields(schema) if schema.get("properties") else f"<p>{words(schema)}</p>"
    head = _heading(code(name), f"schema-{name}")
    return f'<article id="schema-{name}">{head}<p>{description}</p>{members}</article>'


def _heading(inner: str, target: str) -> str:
    mark = f'<a class="self" href="#{target}" aria-label="Link to this">#</a>'
    return f"<h3>{inner} {mark}</h3>"
