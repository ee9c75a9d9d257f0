"""What can be wrong with what is shown as proof."""


class ProofError(ValueError):
    """Something does not prove what it should; `str()` says what, for a person."""


class Malformed(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """The bytes are not of the form that docs/audit-format.md gives them."""


class Unproven(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """The form is right, and hashes, sizes or signatures do not lead to each other."""
