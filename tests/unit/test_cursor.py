"""Cursors come back only whole, only where they were made for, and only for a day."""

import random
import string
from datetime import UTC, datetime, timedelta

import pytest

from service.errors import CursorExpired, InvalidCursor
from service.model.cursor import CursorCodec, Listing

NOW = datetime(2025, 3, 1, 12, tzinfo=UTC)
POSITION = ("0190a1b2-0000-7000-8000-000000000001",)
CODEC = CursorCodec(b"s" * 32)
ALPHABET = string.ascii_letters + string.digits + "-_"


def listing(
    tenant: str = "t1",
    kind: str = "skill",
    order: str = "id",
    filters: dict[str, tuple[str, ...]] | None = None,
) -> Listing:
    """Make a listing of which a test changes one member."""
    filters = {"status": ("active", "draft")} if filters is None else filters
    return Listing(tenant=tenant, kind=kind, order=order, filters=filters)


TOKEN = CODEC.encode(listing(), POSITION, NOW)


@pytest.mark.parametrize(
    "position",
    [POSITION, (*POSITION, "go"), (), ("ﷺ" * 4590,), ("\x00", ""), ("数据" * 127, POSITION[0])],
)
def test_a_position_comes_back(position: tuple[str, ...]) -> None:
    """Whatever the position is made of, the cursor returns it."""
    token = CODEC.encode(listing(), position, NOW)

    assert position == CODEC.decode(token, listing(), NOW)


def test_a_cursor_needs_no_escaping_and_stays_short() -> None:
    """A cursor fits a request line even when case folding made its name 18 times longer."""
    name = "".join(random.Random(1).choices("ﷺﷻ㌀㍿数据àß", k=4590))
    token = CODEC.encode(listing(), (*POSITION, name), NOW)

    assert set(token) <= set(ALPHABET)
    assert len(token) < 6000
    assert (*POSITION, name) == CODEC.decode(token, listing(), NOW)


@pytest.mark.parametrize(
    "other,word",
    [
        (listing(kind="team"), "kind"),
        (listing(filters={"status": ("active",)}), "filter"),
        (listing(filters={}), "filter"),
        (listing(filters={"tag": ("active", "draft")}), "filter"),
        (listing(order="name"), "order"),
    ],
)
def test_a_cursor_of_another_list_is_refused_by_name(other: Listing, word: str) -> None:
    """The answer says whether kind, filter or order differs."""
    with pytest.raises(InvalidCursor, match=f"another {word}"):
        CODEC.decode(TOKEN, other, NOW)


def test_values_of_a_filter_have_no_order() -> None:
    """The same filters in another order are the same list."""
    again = listing(filters={"status": ("draft", "active", "draft")})

    assert POSITION == CODEC.decode(TOKEN, again, NOW)


@pytest.mark.parametrize("tenant", ["t2", "", "t1\x00"])
def test_a_cursor_of_another_tenant_looks_altered(tenant: str) -> None:
    """Another tenant's cursor tells nothing but that it is not one of yours."""
    with pytest.raises(InvalidCursor, match=r"altered.*: start again without a cursor"):
        CODEC.decode(TOKEN, listing(tenant=tenant), NOW)


def test_another_secret_does_not_open_a_cursor() -> None:
    """Only instances that share the secret share cursors."""
    with pytest.raises(InvalidCursor, match=r"altered.*: start again without a cursor"):
        CursorCodec(b"t" * 32).decode(TOKEN, listing(), NOW)


def test_every_single_letter_counts() -> None:
    """A cursor with any one letter changed to any other is refused."""
    for at, letter in enumerate(TOKEN):
        for other in random.Random(at).sample(ALPHABET, 8):
            if other != letter:
                with pytest.raises(InvalidCursor):
                    CODEC.decode(TOKEN[:at] + other + TOKEN[at + 1 :], listing(), NOW)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "=",
        TOKEN + "=",
        TOKEN + "A",
        TOKEN[:-1],
        "é" * 8,
        "\udcff",
        " " + TOKEN,
        TOKEN * 200,
        TOKEN + "\n",
        TOKEN.replace("A", "+"),
        "AAAA" * 4,
        "A" * 9000,
        "eyJhIjoxfQ",
    ],
)
def test_what_is_no_cursor_is_refused(token: str) -> None:
    """Garbage is answered with 400, whatever it is, and with the way out."""
    with pytest.raises(InvalidCursor, match="start again without a cursor"):
        CODEC.decode(token, listing(), NOW)


def test_a_cursor_lives_for_a_day() -> None:
    """After 24 hours a genuine cursor has expired, before it has not."""
    assert POSITION == CODEC.decode(TOKEN, listing(), NOW + timedelta(hours=24))
    with pytest.raises(CursorExpired):
        CODEC.decode(TOKEN, listing(), NOW + timedelta(hours=24, seconds=1))


def test_an_altered_cursor_is_invalid_even_when_old() -> None:
    """Only what carries our signature is said to have expired."""
    with pytest.raises(InvalidCursor):
        CODEC.decode(TOKEN[:-2] + "AA", listing(), NOW + timedelta(days=9))


def test_a_short_secret_is_refused() -> None:
    """A secret that could be guessed is no secret."""
    with pytest.raises(ValueError, match="32 bytes"):
        CursorCodec(b"short")
