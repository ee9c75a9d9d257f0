"""What schemathesis makes of the description holds for the service: every check, every phase."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import BARE
from tests.strangers import Stranger, stranger

pytestmark = pytest.mark.timeout(900)

HERE = Path(__file__).parent
SEED = os.environ.get("PLANT_TEST_SCHEMATHESIS_SEED", "1")
TIMES = int(os.environ.get("PLANT_TEST_SCHEMATHESIS_TIMES", "1"))
"""Factor by which the phases may take longer than they do in CI."""

SHOWN_MAX = 20_000


@pytest.fixture(scope="module")
def service() -> Iterator[Stranger]:
    """Have an empty registry."""
    with stranger() as found:
        yield found


@pytest.fixture(scope="module")
def identities(service: Stranger, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Have the keys of two strangers of two tenants, neither of whom may see the other's."""
    keys = {
        "alice": service.key("pottery", "alice", "read,write,certify,audit"),
        "bob": service.key("bakery", "bob", "read,write,certify,audit"),
    }
    path = tmp_path_factory.mktemp("identities") / "identities.json"
    path.write_text(json.dumps({"auth": [_identity(*each) for each in keys.items()]}))
    return path


# Each has time of its own: in one run the first takes what the others need.
@pytest.mark.parametrize(
    "phase, seconds", [("examples", 20), ("coverage", 75), ("fuzzing", 25), ("stateful", 40)]
)
def test_the_service_is_as_it_is_described(
    service: Stranger, identities: Path, phase: str, seconds: int
) -> None:
    """What the description allows is taken, what it does not is refused, answers are as it says."""
    done = subprocess.run(
        [Path(sys.executable).with_name("schemathesis"), "run", f"{service.url}/openapi.json",
         "--phases", phase, "--max-time", str(seconds * TIMES), "--seed", SEED, "--no-color"],
        cwd=HERE,
        env=BARE | {"PLANT_TEST_IDENTITIES": str(identities), "LC_ALL": "C.UTF-8"},
        check=False, capture_output=True, text=True,
    )  # fmt: skip

    assert 0 == done.returncode, done.stdout[-SHOWN_MAX:] + done.stderr
    assert f"\N{WHITE HEAVY CHECK MARK} {phase.capitalize()}" in done.stdout


def _identity(name: str, key: str) -> dict[str, object]:
    return {
        "name": name,
        "fixedHeaders": [{"name": "Authorization", "value": f"Bearer {key}"}],
    }
