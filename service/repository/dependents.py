"""Who refers to an entity: sql/entity/entity_dependents.sql."""

from uuid import UUID

from msgspec import Struct

from service.repository.base import Many


class DependentRow(Struct, frozen=True):
    """An entity that refers to another one, and how."""

    id: UUID
    entity_type: str
    name: str
    status: str
    relation: str
    in_force: bool


class EntityDependents(Many[DependentRow], frozen=True):
    """List who refers to an entity."""

    kind: str
    id: str
    before_id: str
    count: int
