"""Bytes of a client to a checked struct, and a struct to the bytes that SQL takes.

The quick path is one msgspec decoder, a look for what it takes and we do not (`strict`), and the
rules of the struct. Only what is refused or doubtful is parsed again, to name every fault with its
pointer. Numbers of custom_attributes: see `attributes`.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Any, Final, Generic, TypeVar, cast, get_args, get_type_hints

import msgspec
from msgspec import Struct
from msgspec import inspect as shapes

from service.errors import FieldError, InvalidBody, MalformedJson
from service.model import bounds, not_numbers, shape, strict
from service.model.documents import IndustryCreate, IndustryPatch, StatusStep
from service.model.lines import IndustryLine, Line
from service.model.match import MatchBody, match_faults
from service.model.parsing import parse
from service.model.plain import is_plain
from service.model.puts import IndustryPut
from service.model.rules import (
    classification_faults,
    plain_rules_of,
    rules_of,
    successor_faults,
)
from service.model.search import DuplicatesBody, SearchBody, duplicates_faults, search_faults

T = TypeVar("T", bound=Struct)

ERRORS_MAX: Final = 50
"""Faults that one answer lists at most."""

BETWEEN_FIELDS: Final[dict[type[Struct], Callable[[Struct, str], Iterator[FieldError]]]] = {
    IndustryCreate: classification_faults,
    IndustryPatch: classification_faults,
    IndustryPut: classification_faults,
    IndustryLine: classification_faults,
    StatusStep: successor_faults,
    SearchBody: search_faults,
    DuplicatesBody: duplicates_faults,
    MatchBody: match_faults,
}
"""Rules that look at more than one field."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_LINE_DECODER: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)
_LINES: Final[dict[object, type[Line]]] = {cls.__struct_config__.tag: cls for cls in get_args(Line)}


class _Kind(Struct, frozen=True):
    kind: Any


def decode(
    body: bytes, wanted: type[T], pointer: str = "", *, values_max: int = bounds.VALUES_MAX
) -> T:
    """Read a JSON body as one struct; pointers of errors begin with `pointer`.

    What holds more than `values_max` values is refused for that, and not read.

    Raises: MalformedJson, InvalidBody.
    """
    codec = codec_of(wanted)
    if bounds.exceeds(body, values_max):
        raise refusal([bounds.excess(body, codec.shape, pointer, "body")])
    try:
        value = codec.decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = parse(body, pointer=pointer)
        codec.examine(tree, pointer)
        raise _unread(tree, body, pointer) from None
    if strict.is_doubtful(body):
        codec.examine(parse(body), pointer)
    codec.check(value, pointer)
    return value


def decode_line(body: bytes) -> tuple[Line, bytes]:
    """Read one line of an import, and give it as its payload too; its `kind` says what it is.

    Raises: MalformedJson, InvalidBody.
    """
    if bounds.exceeds(body):
        raise refusal([bounds.excess(body, _line_shape(body), "", "line")], "The line")
    try:
        line = _LINE_DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        tree = parse(body, "line")
        codec_of(_line_struct(tree)).examine(tree, "")
        raise MalformedJson("The line is not JSON.") from None
    codec = codec_of(type(line))
    encoded = payload(line)
    plain = is_plain(body, encoded)
    if not plain and strict.is_doubtful(body):
        codec.examine(parse(body, "line"), "")
    if not (plain and codec.passes_plain(line)):
        codec.check(line, "")
    return line, encoded


def _unread(tree: object, body: bytes, pointer: str) -> MalformedJson | InvalidBody:
    """Say what the decoder has against a body of which every part is as it should be."""
    found = None
    if len(body) <= not_numbers.PLACED_MAX:
        found = not_numbers.endless(tree, pointer)
    if found is None:
        return MalformedJson("The body is not JSON, or a number in it is beyond double precision.")
    return refusal([FieldError(found, "number-range", shape.FINITE)])


def _line_shape(body: bytes) -> shapes.StructType | None:
    """Find what a line should have been, without reading it."""
    try:
        kind = msgspec.json.decode(body, type=_Kind).kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    wanted = _LINES.get(kind) if isinstance(kind, str) else None
    return None if wanted is None else codec_of(wanted).shape


def _line_struct(tree: object) -> type[Line]:
    """Find the struct of a refused line by its kind.

    Raises: InvalidBody.
    """
    if not isinstance(tree, dict):
        raise refusal([shape.not_an_object(tree, "")], "The line") from None
    kind = tree.get("kind")
    wanted = _LINES.get(kind) if isinstance(kind, str) else None
    if wanted is None:
        rule, message = "one-of", f"must be one of {', '.join(map(str, _LINES))}"
        if "kind" not in tree:
            rule, message = "required", "is missing"
        raise refusal([FieldError("/kind", rule, message)]) from None
    return wanted


def payload(body: Struct) -> bytes:
    """Encode what was given, nulls too, as one compact JSON object for SQL."""
    return _ENCODER.encode(body)


def refusal(faults: list[FieldError], whole: str = "The body") -> InvalidBody:
    """Make the problem that lists faults and begins with the first in words."""
    first = faults[0]
    more = f" ({len(faults) - 1} more under errors)" if len(faults) > 1 else ""
    return InvalidBody(f"{first.pointer or whole} {first.message}{more}.", errors=faults)


class Codec(Generic[T]):
    """Everything that is known about a struct before a request comes."""

    def __init__(self, wanted: type[T]) -> None:
        self.decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(wanted)
        self.rules = rules_of(wanted)
        self.plain_rules = plain_rules_of(wanted)
        self.hints = get_type_hints(wanted, include_extras=True)
        self.shape = cast("shapes.StructType", shapes.type_info(wanted))
        self.between = BETWEEN_FIELDS.get(wanted)

    def passes_plain(self, value: T) -> bool:
        """Say whether no rule can object to a struct whose texts are plain; False in doubt."""
        for name, passes in self.plain_rules:
            given = getattr(value, name)
            if given and not passes(given):
                return False
        return self.between is None

    def check(self, value: T, pointer: str) -> None:
        """Apply the rules to a struct that has the right types and bounds."""
        faults: list[FieldError] = []
        for name, rule in self.rules:
            given = getattr(value, name)
            if given:  # None, UNSET and what is empty break no rule
                faults.extend(islice(rule(given, f"{pointer}/{name}"), ERRORS_MAX))
        if self.between is not None:
            faults.extend(self.between(value, pointer))
        if faults:
            raise refusal(faults[:ERRORS_MAX])

    def examine(self, tree: object, pointer: str) -> None:
        """Name everything that is wrong with a parsed body that was refused, or is doubtful.

        Raises: InvalidBody.
        """
        found = chain(strict.doubled(tree, pointer), self._all(tree, pointer))
        faults = list(islice(found, ERRORS_MAX))
        if faults:
            raise refusal(faults) from None

    def _all(self, tree: object, pointer: str) -> Iterator[FieldError]:
        unfit = list(islice(shape.faults(tree, self.shape, pointer), ERRORS_MAX))
        yield from unfit
        if not isinstance(tree, dict):
            return
        for name, rule in self.rules:
            at = f"{pointer}/{name}"
            value = tree.get(name)
            if value and not any(f"{f.pointer}/".startswith(f"{at}/") for f in unfit):
                yield from rule(self._typed(name, value), at)

    def _typed(self, name: str, value: object) -> Any:
        """Give a value that fits the type that rules expect; a JSON object needs no change."""
        if isinstance(value, dict) and name == "custom_attributes":
            return value
        return msgspec.convert(value, self.hints[name])


_CODECS: Final[dict[type[Struct], Codec[Any]]] = {}


def codec_of(wanted: type[T]) -> Codec[T]:
    """Have what is known about a struct, made once."""
    codec = _CODECS.get(wanted)
    if codec is None:
        codec = _CODECS.setdefault(wanted, Codec(wanted))
    return codec
