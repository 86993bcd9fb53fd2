"""Canonical bytes and digests: one JSON form for everything that is hashed.

The form is RFC 8785 (JCS) restricted to what evidence may hold: objects with string keys, arrays,
strings, integers below 2**53, booleans and null. Floats are refused, so that no reader can bend a
number; write counts as integers and the rest as decimal strings. Under this restriction RFC 8785 is
"UTF-8, keys sorted by UTF-16 code units, no spaces", which `msgspec` writes for us save for keys
outside the Basic Multilingual Plane; those are refused too.
"""

from __future__ import annotations

import hashlib
from typing import Any, NewType

import msgspec

Digest = NewType("Digest", str)
"""A SHA-256 digest as ``sha256:`` and 64 lower-case hexadecimal digits."""

MAX_INTEGER = 2**53 - 1

_encoder = msgspec.json.Encoder(order="sorted")


def canonical_json(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`, a record or plain data without floats.

    Raises:
        ValueError: `value` holds a float, an integer beyond 2**53 - 1 or a key beyond U+FFFF.
    """
    plain = msgspec.to_builtins(value, order="sorted")
    _refuse_inexact(plain, "$")
    return _encoder.encode(plain)


def digest_bytes(data: bytes) -> Digest:
    """The SHA-256 digest of `data`."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def digest_of(value: Any) -> Digest:
    """The digest of the canonical form of `value`; see `canonical_json`."""
    return digest_bytes(canonical_json(value))


def _refuse_inexact(value: Any, path: str) -> None:
    if isinstance(value, float):
        raise ValueError(f"{path}: a float cannot be hashed; write a decimal string")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError(f"{path}: integer {value} is beyond 2**53 - 1")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not key.isascii() and any(ord(c) > 0xFFFF for c in key):
                raise ValueError(f"{path}: key {key!r} is beyond U+FFFF")
            _refuse_inexact(inner, f"{path}.{key}")
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _refuse_inexact(inner, f"{path}[{index}]")
