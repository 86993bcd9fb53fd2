"""JSON from strangers is read in one way or refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.canonical import canonical_json
from modelassay.errors import EvidenceError
from modelassay.log.strict_json import read_canonical, read_json, write_canonical

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
KEYS = st.text(st.characters(exclude_categories=["Cs"], max_codepoint=0xFFFF))
SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20)


@given(VALUES)
def test_what_is_written_is_the_canonical_form_and_reads_back(value: Any) -> None:
    data = write_canonical(value)
    assert data == canonical_json(value)
    assert read_canonical(data) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1,"\\u0061":2}',
        b'{"b":{"a":1,"a":2}}',
        b"1.0",
        b"1e3",
        b"-0",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"9007199254740992",
        b"-9007199254740992",
        b"1" * 5000,
        b'"\\ud800"',
        b'{"\\udc00":1}',
        '{"\U0001f600":1}'.encode(),
        b'"\xff"',
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"{}\x00",
        b"",
        b"[1,]",
        b"{'a':1}",
        b'"tab\there"',
        b"01",
        b"[" * 65 + b"]" * 65,
        b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    ],
    ids=lambda data: repr(data[:30]),
)
def test_what_readers_could_take_in_two_ways_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        read_json(data, where="here")


def test_bounds_are_where_they_are_said_to_be() -> None:
    assert read_json(b"9007199254740991") == 2**53 - 1
    assert read_json(b"[" * 64 + b"]" * 64)
    assert read_json(b"[1]", max_bytes=3) == [1]
    with pytest.raises(EvidenceError, match="at most 3"):
        read_json(b"[1] ", max_bytes=3)


@pytest.mark.parametrize(
    "data", [b'{"b":1,"a":2}', b'{ "a":1}', b'"\\u0041"', b'"\\/"', b"{}\n", b'"\\u000A"']
)
def test_other_spellings_are_json_but_not_canonical(data: bytes) -> None:
    read_json(data)
    with pytest.raises(EvidenceError, match="canonical"):
        read_canonical(data)


@pytest.mark.parametrize(
    "value", [1.5, {"a": [0.0]}, 2**53, {"\U0001f600": 1}, "\ud800", {1: 2}, {"a": b"x"}, {3}]
)
def test_what_has_no_canonical_form_is_not_written(value: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        write_canonical(value)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        value = read_json(data)
    except EvidenceError:
        return
    assert read_canonical(write_canonical(value)) == value
