"""The settings of a session that plans depend on: the same for every connection."""

from typing import Final

PLANS: Final = {
    "jit": "off",
    # Every statement has an index. A table that was vacuumed while it was empty would
    # otherwise be read whole by every plan that was made then.
    "enable_seqscan": "off",
    # What is read is in memory or on a solid-state disk: the same plans on every server.
    "random_page_cost": "1.1",
}
