"""Reads a file `.env`: what of it is ours, unquoted, nothing substituted."""

from pathlib import Path

from service.refusal import Refusal


class DotenvRefusal(Refusal):
    """The file cannot be read."""


def read_dotenv(path: Path, prefix: str) -> dict[str, str]:
    """Give the variables of a file whose names have a prefix; no file is no variables.

    Raises: DotenvRefusal.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DotenvRefusal(
            f"{path} cannot be read: {reason}.", "Make it readable, or remove it."
        ) from None
    pairs: dict[str, str] = {}
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip().removeprefix("export ").lstrip()
        name, equals, value = line.partition("=")
        # Other programs keep their own variables there, in their own syntax.
        if not name.startswith(prefix):
            continue
        if not equals:
            raise DotenvRefusal(
                f"Line {number} of {path} has no '='.", f"Write it as {name.split()[0]}=value."
            )
        pairs[name.rstrip()] = _unquoted(value.strip())
    return pairs


def _unquoted(value: str) -> str:
    quote = value[:1]
    if quote in {"'", '"'} and (end := value.find(quote, 1)) > 0:
        return value[1:end]
    # As in Compose: a comment after a bare value needs a blank before its mark.
    return value.partition(" #")[0].rstrip()
