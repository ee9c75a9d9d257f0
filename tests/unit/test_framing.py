"""Where one request ends and the next begins, by the bytes alone."""

import pytest

from service.http.framing import Framing

GET = b"GET /v1/skills HTTP/1.1\r\nHost: plant\r\n\r\n"
POST = b"POST /v1/skills HTTP/1.1\r\nHost: plant\r\nContent-Length: 4\r\n\r\n"


def test_a_request_without_a_body_is_whole_at_once() -> None:
    """And so is the next."""
    framing = Framing()
    for _ in range(2):
        request = framing.take(GET)
        assert request is not None
        assert ("GET", "/v1/skills", GET.partition(b"\n")[2], True) == request
        assert framing.between


@pytest.mark.parametrize(
    "line",
    [
        b"GET /v1/teams HTTP/1.1\r\n",
        b"HEAD /v1/skills?x=1 HTTP/1.1\r\n",
        b"GET v1/skills HTTP/1.1\r\n",
        b"GET /v1/skills HTTP/1.0\r\n",
        b"CONNECT /v1/skills HTTP/1.1\r\n",
        b"get /v1/skills HTTP/1.1\r\n",
        b"GET /v1/skills  HTTP/1.1\r\n",
        b"GET /v1/\xe9 HTTP/1.1\r\n",
        b"GET /v1/skills HTTP/1.1\n",
        b"GET /v1/skills HTTP/1.1\r\nHost: other\r\n",
        b"\r\n",
        b"",
    ],
    ids=str,
)
def test_the_lines_of_the_request_before_change_nothing(line: bytes) -> None:
    """What begins with another first line is read as it would be without a request before."""
    lines = GET.partition(b"\n")[2]
    used, new = Framing(), Framing()
    used.take(GET)

    assert new.take(line + lines) == used.take(line + lines)
    assert (new.known, new.between) == (used.known, used.between)


def test_lines_that_stand_before_more_are_not_those_of_the_request_before() -> None:
    """What comes behind them is another request, or a body."""
    framing = Framing()
    framing.take(GET)
    request = framing.take(GET + GET)
    assert request is not None
    assert (False, False) == (request.whole, framing.known)

    framing = Framing()
    for data, whole in ((POST + b"{  }", True), (POST, False)):
        request = framing.take(data)
        assert request is not None
        assert request.whole is whole


@pytest.mark.parametrize("data", [b"GET /v1/skills HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n\r\n"])
def test_a_head_without_lines_is_none(data: bytes) -> None:
    """Also after one that had some."""
    for before in ([], [GET]):
        framing = Framing()
        for one in before:
            framing.take(one)

        assert framing.take(data) is None
        assert not framing.known


def test_a_body_is_counted_to_its_last_byte() -> None:
    """However it comes; only then the next request may begin."""
    framing = Framing()
    request = framing.take(POST + b"{")
    assert request is not None
    assert not request.whole
    for piece in (b"", b"  ", b""):
        assert framing.take(piece) is None
        assert (True, False) == (framing.known, framing.between)
    assert framing.take(b"}") is None
    assert framing.between
    assert framing.take(GET) is not None


def test_nothing_is_nothing() -> None:
    """The server is given no bytes when it is to look at what it has kept."""
    framing = Framing()
    assert framing.take(b"") is None
    assert framing.take(GET) is not None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(GET + GET, id="two requests"),
        pytest.param(GET + b"G", id="a part of another"),
        pytest.param(GET[:-2], id="a part of a head"),
        pytest.param(POST + b"{   }", id="more than the body"),
        pytest.param(POST.replace(b": 4", b": +4"), id="a length with a sign"),
        pytest.param(POST.replace(b": 4", b": 4, 4"), id="a list of lengths"),
        pytest.param(POST.replace(b": 4", b": 4\r\nContent-Length: 4"), id="two lengths"),
        pytest.param(POST.replace(b": 4", b":"), id="an empty length"),
        pytest.param(
            GET.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), id="chunks"
        ),
        pytest.param(GET.replace(b"\r\n\r\n", b"\r\nUpgrade: websocket\r\n\r\n"), id="an upgrade"),
        pytest.param(GET.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"), id="expecting"),
        pytest.param(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), id="an end"),
        pytest.param(GET.replace(b"Host:", b"Host :"), id="a space before the colon"),
        pytest.param(GET.replace(b"plant", b"plant\r\n folded"), id="a folded line"),
        pytest.param(GET.replace(b"plant", b"plant\nX: y"), id="a bare line feed"),
        pytest.param(GET.replace(b"\r\n", b"\n"), id="bare line feeds"),
        pytest.param(GET.replace(b"1.1", b"1.0"), id="another version"),
        pytest.param(GET.replace(b"GET", b"get"), id="a method in small letters"),
        pytest.param(GET.replace(b"GET /v1/skills", b"CONNECT /v1"), id="a tunnel"),
        pytest.param(b"\r\n" + GET, id="an empty line before"),
        pytest.param(b"\x16\x03\x01", id="no HTTP"),
    ],
)
def test_where_there_is_a_doubt_nothing_is_known_any_more(data: bytes) -> None:
    """Not even when what comes next looks like a request."""
    framing = Framing()
    framing.take(data)
    assert not framing.between
    assert framing.take(GET) is None
    assert not framing.known


def test_what_is_lost_stays_lost() -> None:
    """Whoever knows better than the bytes may say so."""
    framing = Framing()
    framing.lose()
    assert framing.take(GET) is None
    assert not framing.known
