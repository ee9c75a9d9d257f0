"""Owns a statement of the catalogue: its struct, and how it is called.

Never reads files and never talks to a server: header.py makes statements, load.py finds them.
"""

from functools import cache, cached_property
from hashlib import sha256
from typing import Final, Literal

import msgspec

GENERATOR: Final = "1"
"""Changes when function.py writes another body, so that old and new functions stay apart."""

CONTEXT: Final = (
    ("p_tenant", "app.tenant_id"),
    ("p_agent", "app.governance_agent_id"),
    ("p_key", "app.key_id"),
    ("p_request", "app.request_id"),
    ("p_certifier", "app.certifier_key_id"),
)
"""The parameters after the statement's own, and the setting that each one fills."""

TOGETHER_BYTES: Final = 256 * 1024
"""Of documents in an answer that goes together with others; a larger one is asked for alone."""

TOGETHER_LOCK_MS: Final = 5
"""For so long a write that goes together with others waits for a lock: they all wait with it, and
for each of them that has to wait."""

Cardinality = Literal["one", "maybe", "many", "rows"]
Isolation = Literal["read committed", "repeatable read", "serializable"]
Call = Literal["function", "text"]
Role = Literal["app", "worker", "owner", "readonly"]


@cache
def _digest(text: str) -> str:
    """Tell one text of a statement from another; asked for each time that it is sent."""
    return sha256(f"{GENERATOR}\n{text}".encode()).hexdigest()[:10]


class Column(msgspec.Struct, frozen=True):
    """A parameter or a result column: a name and the type as the header spells it."""

    name: str
    type: str


class Statement(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """One statement file, checked."""

    name: str
    cardinality: Cardinality
    purpose: str
    params: tuple[Column, ...]
    returns: tuple[Column, ...]
    raises: tuple[str, ...]
    isolation: Isolation
    call: Call
    role: Role
    plan: tuple[str, ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    path: str
    text: str
    bytes_max: int = 0
    """Not of the file: how much text its rows may carry in all, 0 for any amount."""

    @property
    def function(self) -> str:
        """Name the generated function, without its schema."""
        return f"{self.name}_{_digest(self.text)}"

    @cached_property
    def query(self) -> str:
        """Write the text that is sent to the server to run this statement.

        Shapes: own parameters first, then for a function the five of CONTEXT.
        """
        if self.call == "text":
            return self.text
        if self.bytes_max:
            return self._capped(self._call)
        return f"SELECT * FROM {self._call}"  # noqa: S608 - checked names only

    @cached_property
    def batched(self) -> str:
        """Write the text for a call among others: always one row, a number last.

        Of one row or none the number is that of the row, null where there is none. What always
        gives one writes, and waits for nobody's lock for longer than `TOGETHER_LOCK_MS`. Of many
        rows each column is an array and the number says how many there are; the arrays are null
        where there are none, or where their documents have more than `TOGETHER_BYTES`.
        """
        names = ", ".join([*(column.name for column in self.returns), "nth"])
        answer = f"{self._call} WITH ORDINALITY AS answer ({names})"
        if self.cardinality != "many":
            first = f"set_config('lock_timeout', '{TOGETHER_LOCK_MS}', TRUE)"
            asked = f"SELECT {first}" if self.cardinality == "one" else "SELECT"
            return (
                f"SELECT answer.* FROM ({asked}) AS asked "  # noqa: S608 - checked names only
                f"LEFT JOIN {answer} ON TRUE"
            )
        arrays = ", ".join(
            f"array_agg(answer.{column.name} ORDER BY answer.nth)" for column in self.returns
        )
        return (
            f"WITH answer AS MATERIALIZED (SELECT * FROM {answer}) "  # noqa: S608 - checked names
            f"SELECT {arrays}, (SELECT count(*) FROM answer) FROM answer WHERE "
            f"(SELECT sum(octet_length(answer.document)) FROM answer) <= {TOGETHER_BYTES}"
        )

    @property
    def _call(self) -> str:
        count = len(self.params) + len(CONTEXT)
        arguments = ", ".join(f"${number}" for number in range(1, count + 1))
        return f"q.{self.function}({arguments})"

    def capped(self, bytes_max: int) -> "Statement":
        """Give the same statement for a reader who has room for so many bytes of documents.

        The rows are the same, in the same order; from the first on that comes when the room is
        used up, `document` is null.
        """
        return msgspec.structs.replace(self, bytes_max=bytes_max)

    def _capped(self, call: str) -> str:
        # The length of a text is known without reading it: what there is no room for is neither
        # read from where large values lie nor sent.
        names = ", ".join(column.name for column in self.returns)
        shown = ", ".join(
            f"CASE WHEN room.used < {self.bytes_max} THEN room.document END AS document"
            if column.name == "document"
            else f"room.{column.name}"
            for column in self.returns
        )
        return (
            f"SELECT {shown} FROM ("  # noqa: S608 - checked names and a number only
            "SELECT answer.*, coalesce(sum(octet_length(answer.document)) OVER ("
            "ORDER BY answer.nth ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS used "
            f"FROM {call} WITH ORDINALITY AS answer ({names}, nth)) AS room ORDER BY room.nth"
        )

    @property
    def database_role(self) -> str:
        """Name the role of the database that runs this statement."""
        return f"plant_{self.role}"
