"""Whether there is a database at all, asked before anything is loaded or started."""

import os

from service.refusal import Refusal
from service.settings import Settings


class NoDatabase(Refusal):
    """There is nothing that could be asked: a server would have to be made first."""


def require_made(settings: Settings) -> None:
    """Make sure that there is a database, given or embedded.

    Raises: NoDatabase.
    """
    if settings.database_url is not None:
        return
    try:
        os.lstat(settings.data_dir / "postgres")
    except (FileNotFoundError, NotADirectoryError):
        raise NoDatabase(
            f"There is no database in {settings.data_dir.absolute()}.",
            "Run it in the directory in which the service was started, or name the service's data "
            "directory with PLANT_DATA_DIR or its database with PLANT_DATABASE_URL. `plant serve` "
            "makes a new one.",
        ) from None
    except OSError:
        return  # whoever opens it says what is wrong
