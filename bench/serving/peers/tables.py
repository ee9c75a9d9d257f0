"""The tables as SQLAlchemy 2 maps them, for the peers that have an ORM."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import FetchedValue, Float, ForeignKeyConstraint, Select, cast, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from sqlalchemy.sql.sqltypes import LargeBinary, Text
from sqlalchemy.types import UserDefinedType

CONTEXT: Final = text(
    "SELECT set_config('app.tenant_id', :tenant, true),"
    " set_config('app.governance_agent_id', :agent, true),"
    " set_config('app.key_id', :key, true)"
)
"""Who asks, for the rest of a transaction."""


REASON: Final = text("SELECT set_config('app.step_reason', :reason, true)")
"""Why a step of the life cycle is taken, for the log."""

IN_FORCE: Final = ("certified", "active", "deprecated")


class Vector(UserDefinedType[Any]):
    """A vector of pgvector, which is never fetched as it is; it goes out as text."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """Name the type."""
        return "public.vector(384)"

    def bind_expression(self, bindvalue: Any) -> Any:
        """Let the server read the text."""
        return cast(cast(bindvalue, Text), self)

    def bind_processor(self, _: Any) -> Any:
        """Write it as pgvector reads it, as its own package for SQLAlchemy does."""
        return lambda vector: None if vector is None else f"[{','.join(map(str, vector))}]"


class Base(DeclarativeBase):
    """The tables of schema app; triggers and defaults of the server fill what is fetched."""

    __table_args__: Any = {"schema": "app"}  # noqa: RUF012 - SQLAlchemy's own way


def of_entity(column: str) -> tuple[Any, ...]:
    """Refer to a base row by the tenant and one's own column for its id."""
    target = ["app.base_entity.tenant_id", "app.base_entity.id"]
    return (ForeignKeyConstraint(["tenant_id", column], target), {"schema": "app"})


class Tag(Base):
    """app.entity_tag."""

    __tablename__ = "entity_tag"
    __table_args__ = of_entity("entity_id")

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    tag: Mapped[str] = mapped_column(primary_key=True)
    entity_type: Mapped[str]
    private_to: Mapped[UUID | None]


class Parent(Base):
    """app.entity_parent."""

    __tablename__ = "entity_parent"
    __table_args__ = of_entity("entity_id")

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    parent_id: Mapped[UUID] = mapped_column(primary_key=True)


class Label(Base):
    """app.entity_label: what is searched."""

    __tablename__ = "entity_label"
    __table_args__ = of_entity("entity_id")

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_id: Mapped[UUID] = mapped_column(primary_key=True)
    label_no: Mapped[int] = mapped_column(primary_key=True)
    entity_type: Mapped[str]
    embedder: Mapped[str]
    embedding_384: Mapped[Any] = mapped_column(Vector, deferred=True)


class Kind(Base):
    """app.skill_entity; of a vector the document shows a hash."""

    __tablename__ = "skill_entity"
    __table_args__ = of_entity("id")

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    category: Mapped[str]
    private_to: Mapped[UUID | None]
    embedding_384: Mapped[Any] = mapped_column(Vector, deferred=True)
    embedding_sha256: Mapped[str | None] = column_property(
        func.encode(
            func.sha256(func.public.vector_send(embedding_384, type_=LargeBinary)),
            "hex",
            type_=Text,
        )
    )


class Skill(Base):
    """app.base_entity, with what belongs to it. It is inserted last: its triggers read the rest."""

    __tablename__ = "base_entity"
    __mapper_args__ = {"eager_defaults": True}  # noqa: RUF012 - SQLAlchemy's own way

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entity_type: Mapped[str]
    external_id: Mapped[str | None]
    name: Mapped[str]
    description: Mapped[str | None]
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text))
    custom_attributes: Mapped[dict[str, Any]] = mapped_column(JSONB)
    governance_notes: Mapped[str | None]
    governance_agent_id: Mapped[UUID]
    status: Mapped[str] = mapped_column(server_default=FetchedValue())
    version: Mapped[int] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )
    created_at: Mapped[datetime] = mapped_column(server_default=FetchedValue())
    updated_at: Mapped[datetime] = mapped_column(
        server_default=FetchedValue(), server_onupdate=FetchedValue()
    )

    kind: Mapped[Kind] = relationship(viewonly=True)
    tag_rows: Mapped[list[Tag]] = relationship(viewonly=True)
    parent_rows: Mapped[list[Parent]] = relationship(viewonly=True)

    @property
    def tags(self) -> list[str]:
        """Give the tags in their order."""
        return sorted(row.tag for row in self.tag_rows)

    @property
    def parent_ids(self) -> list[UUID]:
        """Give the parents in their order."""
        return sorted(row.parent_id for row in self.parent_rows)

    @property
    def category(self) -> str:
        """Give what the kind has."""
        category: str = self.kind.category
        return category

    @property
    def embedding_sha256(self) -> str | None:
        """Give what the kind has."""
        sha256: str | None = self.kind.embedding_sha256
        return sha256


def nearest(vector: list[float], kinds: list[str], model: str, limit: int) -> Select[Any]:
    """Ask for the nearest of what is in force, with how near each is."""
    away = Label.embedding_384.op("OPERATOR (public.<=>)", return_type=Float)(vector)
    near = (
        select(Label.tenant_id, Label.entity_id, (1 - away).label("score"))
        .join(Skill, (Label.tenant_id == Skill.tenant_id) & (Label.entity_id == Skill.id))
        .where(Label.entity_type.in_(kinds), Label.embedder == model, Skill.status.in_(IN_FORCE))
        .order_by(away, Label.entity_id)
        .limit(limit)
        .subquery()
    )
    return (
        select(Skill, near.c.score)
        .join(near, (Skill.tenant_id == near.c.tenant_id) & (Skill.id == near.c.entity_id))
        .order_by(near.c.score.desc(), Skill.id)
    )
