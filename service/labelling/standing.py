"""How far labels are embedded, as this process knows it: for metrics and `/readyz`."""


class LabelStanding:
    """Written by the background work of one process, read by its HTTP side.

    `behind`: entries of all tenants that were not looked at when it was last counted; None before.
    `written`: labels that this process has written. `failing`: what is in the way, None if nothing.
    """

    def __init__(self, model: str = "") -> None:
        self.model = model
        self.behind: int | None = None
        self.written = 0
        self.failing: str | None = None

    def shown(self) -> dict[str, object]:
        """Give what `/readyz` reports."""
        return {"model": self.model, "behind": self.behind, "failing": self.failing}
