"""What the doctor says of a replica, from what it showed."""

import pytest

from service.database.check import LoginRefused, ServerUnreachable
from service.doctor.replica import Copy, replica
from service.refusal import Refusal
from service.repository.doctor import Login
from service.repository.replica import Replayed, Written

URL = "postgresql://plant_app:secret@copy.example.org/plant"
PRIMARY = Written(cluster=1, written=5_000)


def shown(login: str = "plant_app", cluster: int = 1, replayed: int | None = 4_000) -> Copy:
    """Make what a replica shows that lets the doctor in."""
    who = Login(login=login, database="plant", superuser=False, bypasses=False)
    return Copy(url=URL, login=who, replayed=Replayed(cluster=cluster, replayed=replayed))


def refused(kind: type[Refusal]) -> Copy:
    """Make what is known of a replica that does not let the doctor in."""
    way_out = "Check user and password in PLANT_DATABASE_URL."
    return Copy(url=URL, refused=kind("PostgreSQL did not let us in.", way_out))


@pytest.mark.parametrize(
    "copy,primary,status,says",
    [
        (shown(), PRIMARY, "good", "a standby 1,000 bytes behind"),
        (shown(replayed=6_000), PRIMARY, "good", "a standby 0 bytes behind"),
        (shown(), None, "good", "and is a standby"),
        (shown(replayed=None), PRIMARY, "bad", "is no standby"),
        (shown(cluster=2), PRIMARY, "bad", "follows another cluster"),
        (shown(login="plant_owner"), PRIMARY, "bad", "lets in plant_owner"),
        (refused(LoginRefused), PRIMARY, "bad", "did not let us in"),
        (refused(ServerUnreachable), PRIMARY, "warning", "did not let us in"),
        (Copy(url=URL), PRIMARY, "unknown", "not looked at"),
    ],
)
def test_a_replica(copy: Copy, primary: Written | None, status: str, says: str) -> None:
    """Good is a standby of this cluster that lets plant_app in; no password is shown."""
    found = replica(copy, primary)

    assert (status, True) == (found.status, says in found.found)
    assert "secret" not in found.found + str(found.way_out)
    assert found.status in {"good", "unknown"} or found.way_out


def test_its_own_setting_is_named() -> None:
    """Who is refused at the replica is sent to the replica's address."""
    assert "PLANT_REPLICA_DATABASE_URL" in str(replica(refused(LoginRefused), PRIMARY).way_out)
