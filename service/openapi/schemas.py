"""Schemas of the structs, as msgspec derives them, and what it cannot say about them."""

from collections.abc import Iterable
from typing import Any, Final, get_args

import msgspec
from msgspec import NODEFAULT, Struct

from service.model import fields
from service.model.amendments import AmendmentStatus
from service.model.query import LIMIT_MAX
from service.model.text import NOTES_PATTERN

Schema = dict[str, Any]
TEMPLATE: Final = "#/components/schemas/{name}"

_CHOICES: Final[dict[str, Any]] = {
    "EntityType": fields.EntityType,
    "Status": fields.Status,
    "Category": fields.CategoryName,
    "Seniority": fields.SeniorityName,
    "Relation": get_args(fields.Relation)[0],
    "AmendmentStatus": AmendmentStatus,
}
"""Enumerations that have a name, so that a client has one type for each."""

_NAMES: Final = {tuple(sorted(get_args(one))): name for name, one in _CHOICES.items()}
"""Their names by their values as msgspec gives them: sorted."""

_GIVEN: Final[Schema] = {"not": {"type": "null"}}
_CODE: Final = ("scheme", "code", "level")
_ANY_OF_CODE: Final[Schema] = {
    "anyOf": [{"required": [name], "properties": {name: _GIVEN}} for name in _CODE]
}
_NO_NULL: Final[Schema] = {"properties": dict.fromkeys(_CODE, _GIVEN)}
_EITHER_ID: Final[Schema] = {
    "if": {"required": ["id"]},
    "then": {"not": {"required": ["external_id"]}},
    "else": {"required": ["external_id"]},
}

_SUCCESSOR: Final[Schema] = {
    "if": {"required": ["successor_id"], "properties": {"successor_id": _GIVEN}},
    "then": {"properties": {"to": {"const": "deprecated"}}},
}

CONDITIONS: Final[dict[str, Schema]] = {
    "IndustryCreate": {"if": _ANY_OF_CODE, "then": _NO_NULL | {"required": list(_CODE)}},
    "IndustryPut": {"if": _ANY_OF_CODE, "then": _NO_NULL | {"required": list(_CODE)}},
    "IndustryPatch": {"if": _ANY_OF_CODE, "then": _NO_NULL},
    "IndustryLine": {"if": _ANY_OF_CODE, "then": _NO_NULL},
    "GivenSkill": {
        "if": {"required": ["id"]},
        "then": {"not": {"required": ["text"]}},
        "else": {"required": ["text"]},
    },
    "MatchBody": {
        "if": {"required": ["job_role_id"]},
        "then": {"not": {"required": ["skills"]}},
        "else": {"required": ["skills"]},
    },
    "Reference": _EITHER_ID,
    "RequiredSkill": _EITHER_ID,
    "SearchBody": {"if": {"not": {"required": ["text"]}}, "then": {"required": ["embedding_384"]}},
    "DuplicatesBody": {
        "if": {"required": ["id"]},
        "then": {
            "not": {"anyOf": [{"required": ["kind"]}, {"required": ["text"]}]},
            "properties": {"limit": {"maximum": LIMIT_MAX}},
        },
        "else": {
            "required": ["kind"],
            "if": {"required": ["text"]},
            "then": {"properties": {"limit": {"maximum": LIMIT_MAX}}},
        },
    },
    "StatusStep": _SUCCESSOR,
    "StatusOperation": _SUCCESSOR,
}
"""Rules between the fields of a struct: `service.model.decode.BETWEEN_FIELDS` as schemas."""

_VALUE: Final[Schema] = {"$ref": "#/components/schemas/AttributeValue"}
ATTRIBUTES: Final[dict[str, Schema]] = {
    "CustomAttributes": {
        "description": "Any object, of at most 32 KiB as compact JSON and 16 levels.",
        "type": "object",
        "propertyNames": {"pattern": NOTES_PATTERN},
        "additionalProperties": _VALUE,
        "examples": [{"tools": {"wheel": True}}],
    },
    "AttributeValue": {
        # Each bound is for the type that it fits. A union that has itself for a member would say
        # the same, and what generates clients fails on it; of this it makes a value of any type.
        "description": "A value within custom_attributes, of any type.",
        "pattern": NOTES_PATTERN,
        "minimum": -(2**63),
        "maximum": 2**63 - 1,
        "items": _VALUE,
        "propertyNames": {"pattern": NOTES_PATTERN},
        "if": {"type": "object"},
        "then": {"additionalProperties": _VALUE},
    },
}


def describe(types: Iterable[Any]) -> tuple[list[Schema], dict[str, Schema]]:
    """Describe types: a schema for each, and the schemas of the structs that they lead to."""
    wanted = list(types)
    found, components = msgspec.json.schema_components(wanted, ref_template=TEMPLATE)
    structs = {one.__name__: one for one in wanted if _is_struct(one)}
    named = {}
    for name, schema in components.items():
        schema.pop("title", None)
        if name in structs:
            _defaults(schema, structs[name])
        named[name] = _refined(schema) | CONDITIONS.get(name, {})
    for name, one in _CHOICES.items():
        named[name] = {"type": "string", "enum": list(get_args(one))}
    return [_refined(schema) for schema in found], named


def _is_struct(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, Struct)


def _defaults(schema: Schema, struct: type[Struct]) -> None:
    """Add the defaults that factories make."""
    for field in msgspec.structs.fields(struct):
        if field.default_factory is not NODEFAULT:
            schema["properties"][field.encode_name]["default"] = field.default_factory()


def _refined(schema: Any) -> Any:
    """Name enumerations or give them their type; put a description before a choice of null."""
    if isinstance(schema, list):
        return [_refined(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    refined = {name: _refined(value) for name, value in schema.items()}
    if "$ref" in refined:
        refined.pop("type", None)
    values = refined.get("enum")
    if isinstance(values, list) and all(isinstance(value, str) for value in values):
        name = _NAMES.get(tuple(values))
        if name is not None:
            refined["$ref"] = TEMPLATE.format(name=name)
            del refined["enum"]
        else:
            refined = {"type": "string"} | refined
    choices = refined.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices and "description" not in refined:
        for choice in choices:
            if "description" in choice:
                refined = {"description": choice.pop("description")} | refined
    return refined
