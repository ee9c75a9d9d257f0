"""The headers Idempotency-Key and Prefer, and what a request is remembered by."""

import json

import pytest

from service.errors import MalformedRequest
from service.http.writing import prefers_rollback
from service.model.decode import decode, payload
from service.model.documents import SkillCreate, SkillPatch
from service.model.idempotency import idempotency_key, remembered


@pytest.mark.parametrize(
    "value,key",
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ('"8e03978e-40d5-43dd-bc93-6894a57f9324"', "8e03978e-40d5-43dd-bc93-6894a57f9324"),
        ("a", "a"),
        ('"a"', "a"),
        ("!", "!"),
        ("~", "~"),
        ("a,b;c=d\\e'f", "a,b;c=d\\e'f"),
        ('a"b', 'a"b'),
        (r'"a\"b\\c"', 'a"b\\c'),
        ("k" * 255, "k" * 255),
        ('"' + "k" * 255 + '"', "k" * 255),
        ('"' + r"\"" * 255 + '"', '"' * 255),
    ],
)
def test_a_key_is_quoted_or_bare(value: str, key: str) -> None:
    """Both mean the same key; escapes are those of RFC 8941, and the bound is the key's own."""
    assert key == idempotency_key(value)


@pytest.mark.parametrize(
    "value",
    [
        "", '""', '"', '"a', "a b", '"a b"', "a\tb", "a\x00b", "\x7f", "é", '"é"', "\udcff", "ключ",
        r'"a\b"', '"a\\"', '"a"b"', '"a", "b"', '"a";x=1', '"a" ', "k" * 256,
        '"' + "k" * 256 + '"', '"' + r"\\" * 256 + '"', "a\r\nb", "\U0001f511",
    ],
)  # fmt: skip
def test_no_other_key_is_taken(value: str) -> None:
    """It is refused with the rule and what was sent, cut to a length."""
    with pytest.raises(MalformedRequest, match=r"Idempotency-Key must have 1 to 255") as refused:
        idempotency_key(value)

    assert 300 > len(refused.value.detail)
    assert value != "" or refused.value.detail.endswith("between quotation marks: it is empty")
    refused.value.detail.encode()


def test_without_the_header_there_is_no_key() -> None:
    """Nothing is remembered of such a request."""
    assert None is idempotency_key(None)


def _hash(body: bytes, query: str = "") -> str:
    sent = payload(decode(body, SkillCreate))
    return str(json.loads(remembered("k", "POST", "/v1/skills", query, sent))["request_hash"])


BODY = b'{"name":"n","description":"d","category":"technical","custom_attributes":{"a":1,"b":{}}}'


@pytest.mark.parametrize(
    "body",
    [
        b'{"category":"technical","custom_attributes":{"b":{},"a":1},"description":"d","name":"n"}',
        BODY.replace(b":", b" : ").replace(b'"n"', b'"\\u006e"') + b"\n",
        BODY[:-1] + b',"external_id":null,"tags":[]}',
    ],
)
def test_the_same_meaning_is_the_same_request(body: bytes) -> None:
    """Order of members, white space, escapes and defaults that are written out do not matter."""
    assert _hash(BODY) == _hash(body)


@pytest.mark.parametrize(
    "body,query",
    [
        (BODY.replace(b'"n"', b'"N"'), ""),
        (BODY.replace(b'"a":1', b'"a":1.0'), ""),
        (BODY.replace(b'"a":1', b'"a":null'), ""),
        (BODY, "similar=refuse"),
    ],
)
def test_another_meaning_is_another_request(body: bytes, query: str) -> None:
    """Every value and the query string tell requests apart."""
    assert _hash(BODY) != _hash(body, query)


def test_in_a_patch_null_is_something_and_absence_is_not() -> None:
    """Null takes away what absence keeps."""
    one, other = (payload(decode(body, SkillPatch)) for body in (b"{}", b'{"external_id":null}'))

    assert remembered("k", "PATCH", "/", "", one) != remembered("k", "PATCH", "/", "", other)


def test_a_query_cannot_pass_for_a_body() -> None:
    """Where one ends and the other begins is part of the hash; half a character hurts nothing."""
    assert remembered("k", "POST", "/", "a", b"b") != remembered("k", "POST", "/", "ab", b"")
    assert remembered("k", "POST", "/", "a\udcff", b"") != remembered("k", "POST", "/", "a", b"")


@pytest.mark.parametrize(
    "values",
    [
        ["tx=rollback"],
        ["TX=rollback"],
        ["tx=Rollback"],
        ['tx="rollback"'],
        [" tx = rollback "],
        ["tx=rollback; x=y"],
        ["respond-async, wait=10, tx=rollback"],
        ["respond-async", "tx=rollback"],
        ['a="b, c", tx=rollback'],
        ['a="\\", tx=commit, \\"", tx=rollback'],
        ["tx=rollback, tx=commit"],
        [",,tx=rollback,"],
    ],
)
def test_a_dry_run_is_asked_for(values: list[str]) -> None:
    """In every form that RFC 7240 allows; of two the first counts."""
    assert prefers_rollback(values)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [""],
        ["tx"],
        ["tx="],
        ["tx=commit"],
        ["tx=rollbac"],
        ["tx=commit, tx=rollback"],
        ["tx=commit", "tx=rollback"],
        ['a="tx=rollback"'],
        ['a="b, tx=rollback"'],
        ['a="b, tx=rollback'],
        ["a; tx=rollback"],
        ["txx=rollback"],
        ["return=minimal"],
        ["\udcff, \x00"],
        ['"' * 5000],
        ["\\" * 5000],
        [",;=" * 5000],
    ],
)
def test_anything_else_is_ignored(values: list[str]) -> None:
    """What is not understood is no preference, and never an error."""
    assert not prefers_rollback(values)
