"""The keys of an issuer from a file, or why there are none; and what the doctor says of it."""

import json
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from service.doctor.issuer import tokens
from service.settings import Settings
from service.usecases.issuer_keys import BYTES_MAX, NoIssuerKeys, is_address, keys_in, keys_of
from tests.servers import plant

PUBLIC = json.loads(
    jwt.algorithms.OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key())
)
GOOD = json.dumps({"keys": [PUBLIC | {"kid": "a"}]}).encode()
WRONG = {
    "empty": (b"", "is no JSON object"),
    "a key alone": (json.dumps(PUBLIC).encode(), "it has no list `keys`"),
    "a list": (b"[]", "is no JSON object"),
    "no UTF-8": (b'{"a": "\xff"}', "is no JSON object"),
    "nothing in it": (b'{"keys": []}', "has no public key for signatures"),
    "none that signs": (b'{"keys": [{"kty": "oct", "k": "AA"}]}', "has no public key"),
    "too long": (b" " * (BYTES_MAX + 1), "more than 1,048,576 bytes"),
}
WITH = {"PLANT_JWT_ISSUER": "https://id.example", "PLANT_JWT_AUDIENCE": "plant"}


def said(source: str) -> tuple[str, str]:
    """Ask the doctor: how it stands, and what was found."""
    check = tokens(Settings(jwks=source, jwt_issuer="i", jwt_audience="a"), source)
    assert (check.status == "good") == (check.way_out is None)
    return check.status, check.found


def test_keys_are_found_by_their_names(tmp_path: Path) -> None:
    """From the bytes, and from a file of them."""
    file = tmp_path / "keys.json"
    file.write_bytes(GOOD)

    assert ["a"] == list(keys_in(GOOD)) == list(keys_of(str(file)))
    assert ("good", "keys of i: 1") == said(str(file))


@pytest.mark.parametrize("content, words", WRONG.values(), ids=WRONG)
def test_a_file_that_is_of_no_use_is_refused_in_words(
    tmp_path: Path, content: bytes, words: str
) -> None:
    """Named with its setting; the doctor says the same."""
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    with pytest.raises(NoIssuerKeys) as caught:
        keys_of(str(file))

    assert f"PLANT_JWKS: {file}" in str(caught.value)
    assert words in str(caught.value)
    assert ("bad", caught.value.wrong) == said(str(file))


def test_a_service_does_not_start_without_its_file(tmp_path: Path) -> None:
    """Exit code 64 and the way out, before anything else is done."""
    refused = plant(tmp_path, "serve", PLANT_JWKS="missing.json", PLANT_PORT="0", **WITH)

    assert 64 == refused.returncode
    assert "PLANT_JWKS: missing.json cannot be read: No such file or directory." in refused.stderr
    assert [] == list(tmp_path.iterdir())


def test_the_doctor_asks_an_address(unused_tcp_port: int) -> None:
    """Nobody there is broken; what is wrong is named, the path and what it may hold is not."""
    status, found = said(f"http://127.0.0.1:{unused_tcp_port}/secret?token=x")

    assert "bad" == status
    assert "the keys of 127.0.0.1 cannot be read: [Errno 111] Connection refused" == found


def test_sources_are_told_apart() -> None:
    """An address has its scheme."""
    assert [True, True, False] == [
        is_address(one) for one in ("https://id.example", "http://127.0.0.1/x", "/etc/https.json")
    ]
