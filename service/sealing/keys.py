"""The keys that sign: in a file of their own, outside the database, or in the setting itself."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from service.database.durable import replace_private
from service.database.locks import lock
from service.proof.fault import Malformed, ProofError
from service.proof.keys import Signer, VerifierKey, format_seeds, new_seed, parse_seeds
from service.sealing.refused import LogRefused
from service.settings import Settings

FILE: Final = "signing.key"
HEAD: Final = (
    "# Keys that sign the log of Plant, one per line, the primary first. Whoever has them can\n"
    "# sign another history: keep them where no administrator of the database can read them.\n"
)


class Keyring:
    """The seeds; read again when the file has changed, so that a rotation needs no restart."""

    def __init__(self, settings: Settings) -> None:
        self.path: Path | None = settings.data_dir / FILE
        self._seeds: list[bytes] = []
        self._read_at: tuple[int, int, int] | None = None
        if settings.signing_key is not None:
            try:
                self._seeds = parse_seeds(settings.signing_key.replace(",", "\n"))
                self.path = None
            except Malformed:
                self.path = Path(settings.signing_key)

    def seeds(self) -> list[bytes]:
        """Give the seeds, the primary first; none when there is no file.

        Raises: LogRefused.
        """
        if self.path is None:
            return self._seeds
        try:
            found = self.path.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._read_at:
                self._seeds = parse_seeds(self.path.read_text(encoding="utf-8"))
                self._read_at = stamp
        except FileNotFoundError:
            return []
        except (OSError, UnicodeDecodeError, ProofError) as error:
            said = getattr(error, "strerror", None) or str(error)
            raise LogRefused(
                "key",
                f"The keys in {self.path} cannot be read: {said.rstrip('.')}.",
                "Put the file back, or name another one with PLANT_SIGNING_KEY.",
            ) from None
        return self._seeds

    def signers(self, origin: str) -> list[Signer]:
        """Give those who sign for an origin, the primary first.

        Raises: LogRefused when there is no key.
        """
        seeds = self.seeds()
        if not seeds:
            raise LogRefused(
                "key",
                f"The log has been signed, and there is no key in {self.path}.",
                "Put the file back, or name it with PLANT_SIGNING_KEY: all who serve one database "
                "share its keys. If the key is lost, make another with `plant audit key --rotate` "
                "and take the log up again with `plant audit rebase`.",
            )
        return [Signer(origin, seed) for seed in seeds]

    def verifiers(self, origin: str) -> list[VerifierKey]:
        """Give the public keys of an origin.

        Raises: LogRefused when there is no key.
        """
        return [signer.vkey for signer in self.signers(origin)]

    def make(self) -> None:
        """Draw the first key where there is none.

        Raises: LogRefused.
        """
        if not self.seeds():
            self.replace([new_seed()])

    @contextmanager
    def turn(self, wait_s: float) -> Iterator[None]:
        """Be the only one who changes the file.

        Raises: Held, LogRefused.
        """
        path = self._changeable()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with lock(path.with_name(f"{path.name}.lock"), wait_s=wait_s):
            yield

    def replace(self, seeds: list[bytes]) -> None:
        """Write the file anew: after a crash there is the old one or the new one.

        Raises: LogRefused.
        """
        path = self._changeable()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_private(path, (HEAD + format_seeds(seeds)).encode())
        except OSError as error:
            raise LogRefused(
                "key",
                f"The keys in {self.path} cannot be written: {error.strerror or error}.",
                "Make room or give the right to it, or name another file with PLANT_SIGNING_KEY.",
            ) from None

    def _changeable(self) -> Path:
        """Give the file, which there is only where the setting does not hold the keys.

        Raises: LogRefused.
        """
        if self.path is None:
            raise LogRefused(
                "key",
                "The keys stand in PLANT_SIGNING_KEY itself.",
                "Change it there, or name a file in it.",
            )
        return self.path
