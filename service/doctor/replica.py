"""The read replica: whether it can be read, as whom, and how far it is behind."""

from msgspec import Struct

from service.database.address import USERS, spoken
from service.database.check import LoginRefused
from service.doctor.check import Check, bad, good, unknown, warning
from service.refusal import Refusal
from service.repository.doctor import Login
from service.repository.replica import Replayed, Written

FOLLOWER = "Let PLANT_REPLICA_DATABASE_URL name a streaming standby of PLANT_DATABASE_URL's server."
STILL = "Reads that ask for it go to the primary meanwhile."


class Copy(Struct, frozen=True, kw_only=True):
    """What a replica showed: `refused` says in words why it showed nothing."""

    url: str
    login: Login | None = None
    replayed: Replayed | None = None
    refused: Refusal | None = None


def replica(copy: Copy, primary: Written | None) -> Check:
    """Say what reads meet there; without the primary's position not how far it is behind."""
    where = spoken(copy.url)
    if copy.refused is not None:
        wrong, way_out = copy.refused.wrong.removesuffix("."), copy.refused.way_out
        if isinstance(copy.refused, LoginRefused):
            return bad("replica", wrong, way_out.replace("PLANT_DA", "PLANT_REPLICA_DA"))
        return warning("replica", wrong, f"{way_out} {STILL}")
    if copy.login is None or copy.replayed is None:
        return unknown("replica", "not looked at: see logins")
    found = f"{where} lets in {copy.login.login}"
    if copy.login.login != USERS["app"]:
        return bad("replica", found, "Give no user in PLANT_REPLICA_DATABASE_URL, or plant_app.")
    return _followed(found, copy.replayed, primary)


def _followed(found: str, replayed: Replayed, primary: Written | None) -> Check:
    if replayed.replayed is None:
        return bad("replica", f"{found}, and is no standby: it is not used", FOLLOWER)
    if primary is None:
        return good("replica", f"{found}, and is a standby")
    if replayed.cluster != primary.cluster:
        found = f"{found}, and follows another cluster: it is not used"
        return bad("replica", found, FOLLOWER)
    behind = max(0, primary.written - replayed.replayed)
    return good("replica", f"{found}, and is a standby {behind:,} bytes behind")
