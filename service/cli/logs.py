"""Where log lines go and what they look like: text for a person, JSON for a collector."""

import logging
import sys

from service.http.log_lines import LOGGER, Form, Lines, json_line


class JsonLines(logging.Formatter):
    """One JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Write the record without anything that a request carried."""
        own = getattr(record, "members", None)
        members = dict(own) if isinstance(own, dict) else {"message": record.getMessage()}
        if record.exc_info:
            members["stack"] = self.formatException(record.exc_info)
        return json_line(record.created, record.levelname.lower(), record.name, members)


def configure(form: Form, *, requests: bool = False) -> None:
    """Send warnings and worse to standard error, and what requests came to where that is wanted."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonLines())
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.addFilter(_in_our_words)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    log = logging.getLogger(LOGGER)
    log.setLevel(logging.INFO if requests else logging.WARNING)
    log.handlers = [Lines(sys.stderr, form)]
    log.propagate = False


def _in_our_words(record: logging.LogRecord) -> bool:
    """Cut what the driver logs of a server that is away to one line: where it is, not its stack.

    Its pool says so whenever it tries to connect again, about a "floor" that nobody here knows.
    """
    if record.name.startswith("asyncpg") and record.exc_info and record.exc_info[1]:
        said = record.getMessage()
        if record.name == "asyncpg.pool":
            record.name = "service.database.pool"
            said = "no connection to the database, trying again"
        record.msg = f"{said}: {record.exc_info[1]}"
        record.args = None
        record.exc_info = None
    return True
