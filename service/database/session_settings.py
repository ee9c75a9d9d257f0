"""What every session of a pool is told when it begins."""

from service.database.plans import PLANS
from service.database.vanished import VANISHED
from service.settings import Settings


def session_settings(settings: Settings, name: str, *, read_only: bool) -> dict[str, str]:
    """Give the settings of the server for the sessions of a pool, by their names."""
    return {
        "application_name": f"plant {name}",
        "statement_timeout": str(settings.statement_timeout_ms),
        "lock_timeout": str(settings.lock_timeout_ms),
        "idle_in_transaction_session_timeout": str(settings.request_timeout_ms),
        "transaction_timeout": str(settings.request_timeout_ms),
        "default_transaction_read_only": "on" if read_only else "off",
        # What a write asks after it waited for a lock must see what was committed meanwhile.
        "default_transaction_isolation": "read committed",
        **PLANS,
        **VANISHED,
    }
