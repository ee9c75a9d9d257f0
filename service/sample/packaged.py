"""Read the sample that comes with the package.

`active` belongs into the registry as active (import --as active, with a certifier's key), `drafts`
as drafts of the author; `steps` take some drafts further, so that every state can be seen.
"""

import gzip
from importlib import resources

import msgspec
from msgspec import Struct

ACTIVE_FILE = "sample.active.ndjson.gz"
DRAFTS_FILE = "sample.drafts.ndjson.gz"
STEPS_FILE = "sample.steps.json"
NOTICE_FILE = "NOTICE.md"


class SampleStep(Struct, frozen=True, kw_only=True):
    """One life-cycle step: who takes which entity where, and why."""

    by: str
    kind: str
    external_id: str
    to: str
    reason: str
    successor_external_id: str | None = None


class Sample(Struct, frozen=True, kw_only=True):
    r"""The whole sample; `active` and `drafts` are NDJSON import lines, each ending in \n."""

    active: bytes
    drafts: bytes
    steps: list[SampleStep]
    notice: str


def load_sample() -> Sample:
    """Return the packaged sample with the notice that its licences ask for."""
    folder = resources.files("service.sample")
    return Sample(
        active=gzip.decompress((folder / ACTIVE_FILE).read_bytes()),
        drafts=gzip.decompress((folder / DRAFTS_FILE).read_bytes()),
        steps=msgspec.json.decode((folder / STEPS_FILE).read_bytes(), type=list[SampleStep]),
        notice=(folder / NOTICE_FILE).read_text(encoding="utf-8"),
    )
