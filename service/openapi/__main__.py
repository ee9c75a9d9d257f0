"""Write the description: `python -m service.openapi docs/openapi.json`, or to standard output."""

import sys
from pathlib import Path

from service.openapi.document import pretty


def main(arguments: list[str]) -> int:
    """Write to the path that is given, else to standard output."""
    text = pretty()
    if arguments:
        Path(arguments[0]).write_bytes(text)
    else:
        sys.stdout.buffer.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
