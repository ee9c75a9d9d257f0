"""Owns a statement of the catalogue: its struct, and how it is called.

Never reads files and never talks to a server: header.py makes statements, load.py finds them.
"""

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

Cardinality = Literal["one", "maybe", "many", "rows"]
Isolation = Literal["read committed", "repeatable read", "serializable"]
Call = Literal["function", "text"]
Role = Literal["app", "worker", "owner", "readonly"]


class Column(msgspec.Struct, frozen=True):
    """A parameter or a result column: a name and the type as the header spells it."""

    name: str
    type: str


class Statement(msgspec.Struct, frozen=True, kw_only=True):
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

    @property
    def function(self) -> str:
        """Name the generated function, without its schema."""
        digest = sha256(f"{GENERATOR}\n{self.text}".encode()).hexdigest()[:10]
        return f"{self.name}_{digest}"

    @property
    def query(self) -> str:
        """Write the text that is sent to the server to run this statement.

        Shapes: own parameters first, then for a function the five of CONTEXT.
        """
        if self.call == "text":
            return self.text
        count = len(self.params) + len(CONTEXT)
        arguments = ", ".join(f"${number}" for number in range(1, count + 1))
        return f"SELECT * FROM q.{self.function}({arguments})"  # noqa: S608 - checked names only

    @property
    def database_role(self) -> str:
        """Name the role of the database that runs this statement."""
        return f"plant_{self.role}"
