"""Passwords that Plant makes for database roles: once, kept in the data directory, mode 0600."""

import base64
import hashlib
import hmac
import secrets
from pathlib import Path

import msgspec

from service.database.durable import replace_private
from service.database.locks import Held, lock
from service.refusal import Refusal

EMBEDDED = "embedded"
WAIT_S = 10.0
# PostgreSQL's own default. https://www.rfc-editor.org/rfc/rfc7677#section-4
ITERATIONS = 4096


class PasswordsUnreadable(Refusal):
    """The file of passwords is damaged or busy."""


class Passwords:
    """The passwords of one server's roles, by the name of the role.

    `server` is EMBEDDED or host and port: one data directory may serve several servers in turn.
    """

    def __init__(self, data_dir: Path, server: str) -> None:
        self.path = data_dir / "passwords.json"
        self.server = server

    def known(self, role: str) -> bool:
        """Tell whether the role's password has been made already."""
        return role in self._read().get(self.server, {})

    def of(self, role: str) -> str:
        """Give the role's password; the first time make it.

        Raises: PasswordsUnreadable.
        """
        if found := self._read().get(self.server, {}).get(role):
            return found
        try:
            with lock(self.path.with_suffix(".lock"), wait_s=WAIT_S):
                everything = self._read()
                password = everything.setdefault(self.server, {}).setdefault(
                    role, secrets.token_urlsafe(24)
                )
                self._write(everything)
        except Held as held:
            raise PasswordsUnreadable(
                f"{self.path} is being written by {held}.", "Try again."
            ) from None
        return password

    def _read(self) -> dict[str, dict[str, str]]:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=dict[str, dict[str, str]])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.DecodeError) as error:
            raise PasswordsUnreadable(
                f"The passwords of the database roles in {self.path} cannot be read: {error}.",
                "Restore the file or remove it: the roles then get new ones.",
            ) from None

    def _write(self, everything: dict[str, dict[str, str]]) -> None:
        content = msgspec.json.format(msgspec.json.encode(everything)) + b"\n"
        replace_private(self.path, content)


def verifier(password: str, salt: bytes | None = None) -> str:
    """Make what PostgreSQL stores of an ASCII password, so that no log ever sees the password.

    Source: https://www.rfc-editor.org/rfc/rfc5802#section-3
    """
    salt = secrets.token_bytes(16) if salt is None else salt
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    client = hmac.digest(salted, b"Client Key", "sha256")
    stored = base64.b64encode(hashlib.sha256(client).digest()).decode()
    server = base64.b64encode(hmac.digest(salted, b"Server Key", "sha256")).decode()
    return f"SCRAM-SHA-256${ITERATIONS}:{base64.b64encode(salt).decode()}${stored}:{server}"
