"""JSON pointers (RFC 6901) to the field that an error is about."""

from service.errors import shown


def child(parent: str, step: str | int) -> str:
    """Extend a pointer by a key or an index; a client's long key is cut."""
    if isinstance(step, int):
        return f"{parent}/{step}"
    return f"{parent}/{shown(step).replace('~', '~0').replace('/', '~1')}"
