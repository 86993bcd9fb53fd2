"""Stored numbers of every safetensors dtype as floats, piece by piece and without torch."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

_BITS: Final = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E5M2", "F8_E4M3"), 8),
    **dict.fromkeys(("I16", "U16", "F16", "BF16"), 16),
    **dict.fromkeys(("I32", "U32", "F32"), 32),
    **dict.fromkeys(("I64", "U64", "F64"), 64),
}
_STORED: Final = {
    "BOOL": "u1",
    "U8": "u1",
    "I8": "i1",
    "I16": "<i2",
    "U16": "<u2",
    "F16": "<f2",
    "I32": "<i4",
    "U32": "<u4",
    "F32": "<f4",
    "I64": "<i8",
    "U64": "<u8",
    "F64": "<f8",
}
PRECISION: Final = {"F8_E5M2": 3, "F8_E4M3": 4, "BF16": 8, "F16": 11, "F32": 24, "F64": 53}
"""Significant bits of floating dtypes, the implicit one included (IEEE 754; bfloat16; OCP 8-bit floats)."""
_WIDE: Final = ("I32", "U32", "I64", "U64", "F64")


def element_bytes(dtype: str) -> int | None:
    """Bytes of one number; None for dtypes that are compared by their bytes alone."""
    return _BITS[dtype] // 8 if dtype in _BITS else None


class Decoder:
    """Turns raw bytes into numbers, into memory of its own that the next call overwrites.

    Args:
        elements: most numbers in one call.
    """

    def __init__(self, elements: int) -> None:
        self._words = np.empty(elements, dtype=np.uint32)

    def __call__(self, raw: bytearray | memoryview, dtype: str) -> Floats:
        """32-bit floats, exact for all dtypes of up to 16 bits; 64-bit for wider integers and F64."""
        if dtype == "BF16":
            halves = np.frombuffer(raw, dtype="<u2")
            words = self._words[: halves.size]
            words[:] = halves
            np.left_shift(words, np.uint32(16), out=words)
            return words.view(np.float32)
        if dtype == "F32":
            return np.frombuffer(raw, dtype="<f4")
        if dtype in _TABLES:
            octets = np.frombuffer(raw, dtype="u1")
            return np.take(_TABLES[dtype], octets, out=self._words[: octets.size].view(np.float32))
        stored = np.frombuffer(raw, dtype=_STORED[dtype])
        if dtype in _WIDE:
            return stored.astype(np.float64, copy=False)
        floats = self._words[: stored.size].view(np.float32)
        floats[:] = stored
        return floats


def spacing_squared(values: NDArray[np.float32], dtype: str) -> NDArray[np.float32]:
    """The square of the gap between neighbouring numbers of `dtype` at each of `values`.

    The power of two below |x|, times 2^(1 - precision); zero at numbers too small to be normal.
    """
    powers = (values.view(np.uint32) & np.uint32(0x7F800000)).view(np.float32)
    gap = powers * np.float32(2.0 ** (1 - PRECISION[dtype]))
    squared: NDArray[np.float32] = np.square(gap, out=gap)
    return squared


def _small_floats(exponent_bits: int, fraction_bits: int, *, infinities: bool) -> NDArray[np.float32]:
    """All 256 values of an 8-bit float (OCP 8-bit Floating Point Specification 1.0, section 5)."""
    codes = np.arange(256)
    exponent = (codes >> fraction_bits) & ((1 << exponent_bits) - 1)
    fraction = (codes & ((1 << fraction_bits) - 1)) / (1 << fraction_bits)
    bias = (1 << (exponent_bits - 1)) - 1
    values = np.where(
        exponent == 0, fraction * 2.0 ** (1 - bias), (1 + fraction) * 2.0 ** (exponent - float(bias))
    )
    top = exponent == (1 << exponent_bits) - 1
    if infinities:
        values = np.where(top, np.where(fraction == 0, np.inf, np.nan), values)
    else:
        values = np.where((codes & 127) == 127, np.nan, values)
    return np.where(codes >= 128, -values, values).astype(np.float32)


_TABLES: Final = {
    "F8_E5M2": _small_floats(5, 2, infinities=True),
    "F8_E4M3": _small_floats(4, 3, infinities=False),
}
