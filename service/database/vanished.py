"""After how long the server gives up a host that says nothing any more."""

from typing import Final

VANISHED: Final = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "90000",
}
"""90 s of silence, or of nothing taken: else a session keeps its connection for two hours, and what
it had open. Longer than an export waits for its reader. A socket of the machine itself needs none.
"""
