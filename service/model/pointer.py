"""JSON pointers (RFC 6901): to the field that an error is about, to what a patch changes."""

from service.errors import shown


def child(parent: str, step: str | int) -> str:
    """Extend a pointer by a key or an index; a client's long key is cut."""
    return f"{parent}/{step}" if isinstance(step, int) else member(parent, shown(step))


def member(parent: str, name: str) -> str:
    """Extend a pointer by the whole name of a member."""
    return f"{parent}/{name.replace('~', '~0').replace('/', '~1')}"
