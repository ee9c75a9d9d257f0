"""What of a newer description would break a client of an older one, by the policy of docs/api.md.

A request that was right has to stay right, an answer has to stay one that the client knew.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

WORDS: Final = frozenset(
    {"description", "title", "example", "examples", "summary", "deprecated", "discriminator"}
)
"""Keywords that ask nothing of a value; extensions (`x-…`) are left out as well."""

UPPER: Final = frozenset({"maxLength", "maxItems", "maximum", "maxProperties", "exclusiveMaximum"})
LOWER: Final = frozenset({"minLength", "minItems", "minimum", "minProperties", "exclusiveMinimum"})
LOOKED_AT: Final = frozenset(
    {"$ref", "type", "enum", "const", "properties", "required", "additionalProperties", "items",
     "anyOf", "oneOf", "allOf"}
)  # fmt: skip
METHODS: Final = ("get", "put", "post", "delete", "patch")
PROBLEM: Final = "application/problem+json"
TYPES: Final = frozenset({"null", "boolean", "object", "array", "number", "string", "integer"})


def breaking(old: Schema, new: Schema) -> list[str]:
    """List what breaks, each with its place; nothing where a client notices nothing."""
    found: list[str] = []
    for path, methods in old["paths"].items():
        for method in (one for one in METHODS if one in methods):
            at = f"{method.upper()} {path}"
            there = new["paths"].get(path, {}).get(method)
            if there is None:
                found.append(f"{at}: is gone")
            else:
                found += _Comparison(old, new, at).operation(methods[method], there)
    return found


class _Comparison:
    """Compares one operation; `narrower` is asked of requests, and of answers the other way."""

    def __init__(self, old: Schema, new: Schema, at: str) -> None:
        self._old = old
        self._new = new
        self._at = at
        self._seen: set[tuple[str, str]] = set()

    def operation(self, old: Schema, new: Schema) -> Iterator[str]:
        """Compare name, keys, parameters, body and answers."""
        if old["operationId"] != new["operationId"]:
            yield f"{self._at}: is named {new['operationId']}"
        for one in old.get("security", []):
            if one not in new.get("security", []):
                yield f"{self._at}: {one or 'no key'} is not enough any more"
        yield from self._parameters(old, new)
        yield from self._body(old.get("requestBody"), new.get("requestBody"))
        yield from self._answers(old["responses"], new["responses"])

    def _parameters(self, old: Schema, new: Schema) -> Iterator[str]:
        before, after = (
            {(one["in"], one["name"]): one for one in (self._resolved(root, p) for p in each)}
            for root, each in ((self._old, old["parameters"]), (self._new, new["parameters"]))
        )
        for key in before.keys() | after.keys():
            at = f"{self._at}: {key[0]} parameter {key[1]}"
            if key not in after:
                yield f"{at} is gone"
            elif after[key].get("required") and not before.get(key, {}).get("required"):
                yield f"{at} is required"
            elif key in before:
                yield from self._narrower(at, before[key]["schema"], after[key]["schema"])

    def _body(self, old: Schema | None, new: Schema | None) -> Iterator[str]:
        at = f"{self._at}: the body"
        if new is not None and new.get("required") and not (old or {}).get("required"):
            yield f"{at} is required"
        if old is None:
            return
        for media, content in old["content"].items():
            there = (new or {"content": {}})["content"].get(media)
            if there is None:
                yield f"{at} as {media} is gone"
                continue
            for name in ("schema", "x-line-schema"):
                if name in content:
                    self._seen.clear()
                    yield from self._narrower(at, content[name], there.get(name, {}))

    def _answers(self, old: Schema, new: Schema) -> Iterator[str]:
        for status, given in old.items():
            at = f"{self._at}: {status}"
            if status not in new:
                yield f"{at} is gone"
                continue
            before, after = self._resolved(self._old, given), self._resolved(self._new, new[status])
            for name, header in before.get("headers", {}).items():
                there = after.get("headers", {}).get(name)
                always = self._resolved(self._old, header).get("required")
                if there is None:
                    yield f"{at} header {name} is gone"
                elif always and not self._resolved(self._new, there).get("required"):
                    yield f"{at} header {name} may be missing"
            for media, content in before.get("content", {}).items():
                there = after.get("content", {}).get(media)
                if there is None:
                    yield f"{at} as {media} is gone"
                elif media != PROBLEM:  # that others may come is told; each stays what it is
                    self._seen.clear()
                    yield from self._wider(at, content["schema"], there["schema"])
                    if "x-line-schema" in content:
                        lines = there.get("x-line-schema", {})
                        yield from self._wider(at, content["x-line-schema"], lines)

    def _resolved(self, root: Schema, value: Schema) -> Schema:
        while "$ref" in value:
            more = {name: one for name, one in value.items() if name != "$ref"}
            found: Any = root
            for step in value["$ref"].removeprefix("#/").split("/"):
                found = found[step.replace("~1", "/").replace("~0", "~")]
            value = {**found, **more}
        return value

    def _known(self, old: Schema, new: Schema, way: str) -> bool:
        """Say whether two schemas were compared already: one may refer to itself."""
        pair = f"{way} {old.get('$ref')}", str(new.get("$ref"))
        if "$ref" not in old or "$ref" not in new:
            return False
        known = pair in self._seen
        self._seen.add(pair)
        return known

    def _narrower(self, at: str, old: Schema, new: Schema) -> Iterator[str]:
        """Say what an older request may say and a newer one may not."""
        if self._known(old, new, "narrower"):
            return
        old, new = self._resolved(self._old, old), self._resolved(self._new, new)
        yield from _values(at, old, new, "is refused")
        yield from _bounds(at, old, new)
        for name in _others(new):
            if old.get(name) != new[name]:
                yield f"{at}: {name} is another"
        if "default" in old and old["default"] != new.get("default"):
            yield f"{at}: the default is another"
        yield from self._members(at, old, new)
        if "items" in new:
            yield from self._narrower(f"{at}/0", old.get("items", {}), new["items"])
        yield from self._alternatives(at, old, new, self._narrower, "is refused")

    def _members(self, at: str, old: Schema, new: Schema) -> Iterator[str]:
        """Say what becomes of the members that an object of a request has."""
        for name in set(new.get("required", ())) - set(old.get("required", ())):
            yield f"{at}/{name}: is required"
        for name, one in old.get("properties", {}).items():
            if name in new.get("properties", {}):
                yield from self._narrower(f"{at}/{name}", one, new["properties"][name])
            else:
                yield f"{at}/{name}: is gone"
        were_open, are_open = (one.get("additionalProperties", True) for one in (old, new))
        if were_open is not False and are_open is False:
            yield f"{at}: other members are refused"

    def _wider(self, at: str, old: Schema, new: Schema) -> Iterator[str]:
        """Say what a newer answer may be and no older one was; bounds may be raised."""
        if self._known(old, new, "wider"):
            return
        old, new = self._resolved(self._old, old), self._resolved(self._new, new)
        yield from _values(at, new, old, "is new")
        for name in _others(old) - {"default"}:
            if old[name] != new.get(name):
                yield f"{at}: {name} is another"
        for name, one in old.get("properties", {}).items():
            if name not in new.get("properties", {}):
                yield f"{at}/{name}: is gone"
                continue
            if name in old.get("required", ()) and name not in new.get("required", ()):
                yield f"{at}/{name}: may be missing"
            yield from self._wider(f"{at}/{name}", one, new["properties"][name])
        if "items" in old:
            yield from self._wider(f"{at}/0", old["items"], new.get("items", {}))
        yield from self._alternatives(at, old, new, self._wider, "is new")

    def _alternatives(
        self, at: str, old: Schema, new: Schema, compare: Any, fault: str
    ) -> Iterator[str]:
        """Compare what is one of several: each that has to stay needs one that it fits."""
        for word in ("anyOf", "oneOf"):
            before, after = old.get(word), new.get(word)
            if compare == self._narrower and after is not None:
                wanted, offered = before or [_bare(old)], after
                tries = [[(one, other) for other in offered] for one in wanted]
            elif compare == self._wider and before is not None:
                wanted, offered = after or [_bare(new)], before
                tries = [[(other, one) for other in offered] for one in wanted]
            else:
                continue
            for number, pairs in enumerate(tries):
                if not any(self._fits(compare, one, other) for one, other in pairs):
                    yield f"{at}: {word} {number} {fault}"
        for number, one in enumerate(old.get("allOf", ())):
            there = new.get("allOf", ())
            yield from compare(at, one, there[number] if number < len(there) else {})

    def _fits(self, compare: Any, old: Schema, new: Schema) -> bool:
        seen = set(self._seen)
        found = next(compare("", old, new), None)
        self._seen = seen
        return found is None


def _bare(schema: Schema) -> Schema:
    return {name: one for name, one in schema.items() if name not in {"anyOf", "oneOf"}}


def _others(schema: Schema) -> set[str]:
    """Name the keywords that are compared as they are."""
    known = WORDS | UPPER | LOWER | LOOKED_AT | {"default"}
    return {name for name in schema if name not in known and not name.startswith("x-")}


def _bounds(at: str, old: Schema, new: Schema) -> Iterator[str]:
    """Say which bounds are tighter."""
    for name in sorted((UPPER | LOWER) & new.keys()):
        before = old.get(name)
        if before is None or (before > new[name] if name in UPPER else before < new[name]):
            yield f"{at}: {name} is {new[name]}"


def _values(at: str, these: Schema, those: Schema, fault: str) -> Iterator[str]:
    """Say which types and values of these are none of those."""
    more = _types(these) - _types(those)
    if "integer" in more and "number" in _types(those):
        more -= {"integer"}
    if more:
        yield f"{at}: {' or '.join(sorted(more))} {fault}"
    allowed = _listed(those)
    if allowed is not None:
        given = _listed(these)
        if given is None:
            yield f"{at}: any other value {fault}"
        else:
            yield from (f"{at}: {one!r} {fault}" for one in given if one not in allowed)


def _types(schema: Schema) -> set[str]:
    told = schema.get("type")
    if told is None:
        return set(TYPES)
    return {told} if isinstance(told, str) else set(told)


def _listed(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    found: list[Any] | None = schema.get("enum")
    return found
