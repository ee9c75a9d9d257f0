"""Check import lines against the bounds of the data model, by rules written down here alone.

It shares nothing with the converter: both would have to be wrong in the same way.
"""

import json
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any

Fault = str
Line = dict[str, Any]
CONTROL = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))}
COMMON = {"kind", "external_id", "name", "description", "aliases", "tags", "custom_attributes"}
COMMON |= {"governance_notes", "parent_ids"}
OWN = {
    "skill": {"category"},
    "job_role": {"seniority_level", "industry_id", "required_skills"},
    "team": {"job_role_id", "industry_id"},
    "agent": {"job_role_id", "industry_id", "team_id", "skill_ids"},
    "industry": {"scheme", "code", "level"},
}
WORDS = {
    "category": {"technical", "soft_skill", "domain_expertise", "certification"},
    "seniority_level": {"junior", "mid", "senior"},
}


def parsed(lines: Iterable[bytes]) -> list[Line]:
    """Read NDJSON lines; each must be one line of UTF-8 JSON."""
    return [json.loads(line.decode("utf-8")) for line in lines]


def one_line(value: object, longest: int) -> bool:
    """Tell whether a value is trimmed text within bounds and without control characters."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= longest
        and value == value.strip()
        and CONTROL.isdisjoint(value)
        and encodable(value)
    )


def long_text(value: object) -> bool:
    """Tell whether a value is text of 1 to 10,000 characters, tab and newline allowed."""
    return (
        isinstance(value, str)
        and 1 <= len(value) <= 10_000
        and (CONTROL - {"\t", "\n"}).isdisjoint(value)
        and encodable(value)
        and bool(value.strip())
    )


def encodable(value: str) -> bool:
    """Tell whether text is free of lone surrogates."""
    return not any(0xD800 <= ord(character) < 0xE000 for character in value)


def references(value: object, longest: int, *, relation: bool = False) -> bool:
    """Tell whether a value is a list of distinct references."""
    if not isinstance(value, list) or len(value) > longest:
        return False
    members = {"external_id", "relation"} if relation else {"external_id"}
    for item in value:
        if set(item) != members or not one_line(item["external_id"], 255):
            return False
        if relation and item["relation"] not in {"essential", "optional"}:
            return False
    return len({item["external_id"] for item in value}) == len(value)


def reference(value: object) -> bool:
    """Tell whether a value is one reference."""
    return references([value], 1)


def texts(value: object, most: int, longest: int) -> bool:
    """Tell whether a value is a list of labels that differ without regard to case."""
    if not isinstance(value, list) or len(value) > most:
        return False
    keys = {unicodedata.normalize("NFKC", item).casefold() for item in value}
    return len(keys) == len(value) and all(one_line(item, longest) for item in value)


def attributes(value: object) -> bool:
    """Tell whether a value is an object of at most 32 KiB and 16 levels."""

    def depth(part: object) -> int:
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        return 1 + max(map(depth, inner), default=0) if isinstance(part, (dict, list)) else 0

    size = len(json.dumps(value, ensure_ascii=False).encode())
    return isinstance(value, dict) and size <= 32 * 1024 and depth(value) <= 16


CHECKS: dict[str, Callable[[Any], bool]] = {
    "external_id": lambda value: one_line(value, 255),
    "name": lambda value: one_line(value, 255),
    "description": long_text,
    "aliases": lambda value: texts(value, 200, 255),
    "tags": lambda value: texts(value, 50, 64),
    "custom_attributes": attributes,
    "governance_notes": long_text,
    "parent_ids": lambda value: references(value, 50),
    "category": lambda value: value in WORDS["category"],
    "seniority_level": lambda value: value in WORDS["seniority_level"],
    "industry_id": reference,
    "job_role_id": reference,
    "team_id": reference,
    "required_skills": lambda value: references(value, 500, relation=True),
    "skill_ids": lambda value: references(value, 200),
    "scheme": lambda value: one_line(value, 255),
    "code": lambda value: one_line(value, 255),
    "level": lambda value: type(value) is int and 1 <= value <= 32767,
}


def faults(line: Line) -> list[Fault]:
    """Return what is wrong with a line, field by field."""
    kind = line.get("kind", "")
    if kind not in OWN:
        return [f"kind {kind!r}"]
    found = [f"{name} is no field of {kind}" for name in set(line) - COMMON - OWN[kind]]
    found += [f"{name} is missing" for name in ("external_id", "name") if name not in line]
    for name, value in line.items():
        if name == "description" and kind == "industry" and value is None:
            continue
        if name in CHECKS and not CHECKS[name](value):
            found.append(f"{name} of {line.get('external_id')}: {str(value)[:80]!r}")
    if line.get("name") in line.get("aliases", ()):
        found.append(f"an alias of {line['external_id']} is its name")
    if len({"scheme", "code", "level"} & set(line)) not in {0, 3}:
        found.append("scheme, code and level are not all given")
    return found


def faults_between(lines: list[Line]) -> list[Fault]:
    """Return what is wrong among lines: doubled ids and names, loops, references to nothing."""
    ids = {(line["kind"], line["external_id"]) for line in lines}
    names = {
        (line["kind"], line.get("scheme"), line.get("level"), key(line["name"])) for line in lines
    }
    found = [] if len(ids) == len(lines) else ["an external_id stands twice"]
    found += [] if len(names) == len(lines) else ["a name stands twice"]
    return found + dangling(lines, ids) + looping(lines)


def key(name: str) -> str:
    """Return what names are compared by."""
    return unicodedata.normalize("NFKC", name).casefold()


def dangling(lines: list[Line], ids: set[tuple[str, str]]) -> list[Fault]:
    """Return the references to what is not among the lines."""
    kinds = {"industry_id": "industry", "job_role_id": "job_role", "team_id": "team"}
    kinds |= {"required_skills": "skill", "skill_ids": "skill"}
    return [
        f"{field} of {line['external_id']}: {item['external_id']}"
        for line in lines
        for field, kind in (*kinds.items(), ("parent_ids", line["kind"]))
        for item in (line.get(field) if field.endswith("s") else [line.get(field)]) or ()
        if item is not None and (kind, item["external_id"]) not in ids
    ]


def looping(lines: list[Line]) -> list[Fault]:
    """Return the entities that remain when all whose parents are gone are taken away, in turn."""
    above = {
        line["external_id"]: {item["external_id"] for item in line.get("parent_ids", ())}
        for line in lines
    }
    while free := {
        child for child, parents in above.items() if not any(parent in above for parent in parents)
    }:
        above = {child: parents for child, parents in above.items() if child not in free}
    return [f"{child} is its own ancestor, or below one that is" for child in above]
