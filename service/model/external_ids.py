"""The caller's own id where a path has it."""

from typing import Final

from service.model.text import Fault, line_fault

LENGTH_MAX: Final = 255


def path_fault(external_id: str, given: str | None = None) -> Fault | None:
    """Say what is wrong with the id of a path; `given`: what the body says it is."""
    if len(external_id) > LENGTH_MAX:
        return Fault("max-length", f"must have at most {LENGTH_MAX} characters")
    if given not in {None, external_id}:
        return Fault("path", "must be the one in the path, or left out")
    return line_fault(external_id)
