"""What a session of a pool asks the server to go by, from its first statement on."""

from typing import Final

from service.settings import Settings

# A host that vanished says nothing: after 90 s of silence, or of nothing that it took, the server
# ends its session, which else keeps its connection for two hours, and what it had open. Longer
# than an export waits for its reader. A socket of this machine has neither and needs none.
VANISHED: Final = {
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
    "tcp_user_timeout": "90000",
}


def server_settings(settings: Settings, name: str, *, read_only: bool) -> dict[str, str]:
    """Give the settings of the sessions of a pool."""
    return {
        "application_name": f"plant {name}",
        "statement_timeout": str(settings.statement_timeout_ms),
        "lock_timeout": str(settings.lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(settings.request_timeout_ms),
        "transaction_timeout": str(settings.request_timeout_ms),
        "default_transaction_read_only": "on" if read_only else "off",
        # What a write asks after it waited for a lock must see what was committed meanwhile.
        "default_transaction_isolation": "read committed",
        "jit": "off",
        # Every statement has an index. A table that was vacuumed while it was empty would
        # otherwise be read whole by every plan that was made then.
        "enable_seqscan": "off",
        # What is read is in memory or on a solid-state disk: the same plans on every server.
        "random_page_cost": "1.1",
        **VANISHED,
    }
