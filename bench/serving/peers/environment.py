"""What a peer is told by whoever starts it."""

import os
from typing import Final

NAME: Final = os.environ["PEER_NAME"]
"""What its sessions are called in the server."""

READ_URL: Final = os.environ["PEER_READ_URL"]
"""Of plant_app."""

WRITE_URL: Final = os.environ["PEER_WRITE_URL"]
"""Of a role that may insert what Plant's own functions insert."""

POOL: Final = int(os.environ["PEER_POOL"])
"""Connections of each of the two pools, all of them kept."""
