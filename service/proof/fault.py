"""What can be wrong with what is shown as proof."""


class ProofError(ValueError):
    """Something does not prove what it should; `str()` says what, for a person."""


class Malformed(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """The bytes are not of the form that docs/audit-format.md gives them."""


class Unproven(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """The form is right, and hashes, sizes or signatures do not lead to each other."""


class Undecided(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """What was handed in does not suffice to tell: not "intact", and not "damaged"."""


class Damaged(ProofError):  # noqa: N818 - as Refusal: the word a person reads
    """A history is not the one that was sealed.

    Shapes: `kind` is one word of docs/audit-format.md; `position` is the first of the tenant's
    positions at which it shows, where there is one; `who` says who could have done it.
    """

    def __init__(self, kind: str, message: str, who: str, position: int | None = None) -> None:
        place = "" if position is None else f"Position {position}: "
        super().__init__(f"{place}{message}")
        self.kind = kind
        self.who = who
        self.position = position
