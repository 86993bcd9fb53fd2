"""JSON from strangers: one reading only, or none.

Two readers must never see two different things in the same bytes. So what RFC 8259 leaves to the reader
is refused here (RFC 7493, I-JSON, and stricter): duplicate keys, floats, integers beyond 2**53 - 1, lone
surrogates, NaN, byte order marks, bytes after the value, deep nesting.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from modelassay.errors import EvidenceError

MAX_INTEGER = 2**53 - 1
MAX_BYTES = 64 * 2**20
MAX_DEPTH = 64


def read_json(data: bytes, *, where: str = "", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Any:
    """The value that `data` says, as dict, list, str, int, bool or None.

    Args:
        data: UTF-8 JSON.
        where: what the bytes are, for errors.
        max_bytes: more than this is not read.
        max_depth: how deeply objects and arrays may nest.

    Raises:
        EvidenceError: not JSON, or JSON that readers could take in different ways.
    """
    if len(data) > max_bytes:
        raise EvidenceError(f"{len(data)} bytes of JSON, of which at most {max_bytes} are read", where=where)
    try:
        value = _decoder.decode(data.decode("utf-8"))
        _check(value, max_depth)
    except RecursionError as error:
        raise EvidenceError(f"JSON nested deeper than {max_depth}", where=where) from error
    except ValueError as error:  # not UTF-8, not JSON, a lone surrogate, or one of the refusals below
        raise EvidenceError(f"not JSON that can be read in one way only: {error}", where=where) from error
    return value


def read_canonical(
    data: bytes, *, where: str = "", max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH
) -> Any:
    """Like `read_json`, for bytes that must be exactly what `write_canonical` writes.

    Raises:
        EvidenceError: as for `read_json`, or other spacing, escapes or order of keys.
    """
    value = read_json(data, where=where, max_bytes=max_bytes, max_depth=max_depth)
    if write_canonical(value) != data:
        raise EvidenceError("JSON that is not in canonical form (RFC 8785)", where=where)
    return value


def write_canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of plain data without floats; equal to `canonical.canonical_json`.

    Raises:
        ValueError: `value` holds a float, an integer beyond 2**53 - 1, a lone surrogate, a key that is no
            string or beyond U+FFFF, or something that JSON has no word for.
    """
    _check(value, MAX_DEPTH)
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from error
    return text.encode("utf-8")


def _check(value: Any, depth: int) -> None:
    """Refuse what has no single canonical form."""
    if isinstance(value, str):
        value.encode("utf-8")  # lone surrogates
    elif isinstance(value, dict | list | tuple):
        if depth == 0:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            for key in value:
                _check_key(key)
            value = value.values()
        for inner in value:
            _check(inner, depth - 1)
    elif isinstance(value, float):
        raise ValueError("a float, where evidence holds integers and decimal strings")
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("an integer beyond 2**53 - 1")


def _check_key(key: Any) -> None:
    # Beyond U+FFFF the order of RFC 8785 (UTF-16 code units) and that of code points part.
    if not isinstance(key, str):
        raise ValueError(f"a key that is no string: {key!r}")
    if any("\ud800" <= character <= "\udfff" or character > "\uffff" for character in key):
        raise ValueError(f"a key beyond U+FFFF: {key!a}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!a} stands twice")
        found[key] = value
    return found


def _integer(digits: str) -> int:
    if len(digits) > 17:  # longer than any integer below 2**53 with its sign
        raise ValueError("an integer beyond 2**53 - 1")
    if digits == "-0":
        raise ValueError("minus zero")
    return int(digits)


def _refuse_number(digits: str) -> NoReturn:
    raise ValueError(f"the number {digits[:40]}, where evidence holds integers and decimal strings")


_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_int=_integer,
    parse_float=_refuse_number,
    parse_constant=_refuse_number,
)
