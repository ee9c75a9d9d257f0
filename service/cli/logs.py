"""Where log lines go and what they look like: text for a person, JSON for a collector."""

import logging
from datetime import UTC, datetime
from typing import Literal

import msgspec


class JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record without anything that a request carried."""
        members: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            members["stack"] = self.formatException(record.exc_info)
        return msgspec.json.encode(members).decode()


def configure(form: Literal["text", "json"]) -> None:
    """Send warnings and worse to standard error."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
