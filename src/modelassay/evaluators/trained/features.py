"""Hashed text features: word and character n-grams, signed, in a table of fixed size.

The hashing trick (Weinberger et al. 2009, Feature Hashing for Large Scale Multitask Learning): an n-gram is
known only by the bucket that its hash falls into, so a trained table holds no text, and every text has
features, whatever its language. All texts of a batch are hashed in one pass of array operations.

Text is lowered, every digit is read as 0, and any run of characters that are neither letters nor digits
counts as one space. A feature counts once a text; a text's features have Euclidean norm 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
import numpy as np
from numpy.typing import NDArray

FEATURES_VERSION = 1
"""Raised whenever the same text gives other features: weights of another version are refused."""

BATCH_CHARACTERS = 60_000
"""Texts are hashed in batches of about so many characters, which bounds memory."""
MAX_BITS = 18
_SHORT = 16
_BATCH_TEXTS = 1 << (31 - MAX_BITS)
"""A batch's text number, a bucket and a sign share 32 bits."""

Codes = NDArray[np.uint32]

_CHARACTER = np.uint32(0x01000193)
_WORD_BASE = 0x9E3779B1
_WORD_CHARACTERS = 64
_SPREAD = np.uint32(0x85EBCA6B)
_PAIR = np.uint32(0xC2B2AE35)
_SPACE, _ZERO = np.uint32(32), np.uint32(48)
_PLANE = 0x10000


class View(msgspec.Struct, frozen=True, kw_only=True):
    """How one text of an item becomes features."""

    field: int = 0
    """Which text of the item: 0 when items are single texts."""
    words: int = 2
    """Longest word n-gram: 0 none, 1 or 2."""
    characters: tuple[int, ...] = (3, 4, 5)
    """Lengths of character n-grams, across word borders."""
    bits: int = 16
    """The table has ``2 ** bits`` buckets."""
    limit: int = 2000
    """Only so many characters of the text are read."""


class Hashed(msgspec.Struct, frozen=True):
    """The features of texts as rows of a sparse matrix (compressed sparse rows)."""

    starts: NDArray[np.int64]
    """Where the features of each text begin, shape ``[texts + 1]``."""
    buckets: Codes
    """The bucket of each feature."""
    values: NDArray[np.float32]
    """Plus or minus the reciprocal root of the number of the text's features."""


def hash_texts(texts: Sequence[str], view: View) -> Hashed:
    """The features of `texts` as `view` reads them; `view.field` is the caller's business.

    Raises:
        ValueError: a view of more than `MAX_BITS` bits, or word n-grams longer than 2.
    """
    if not 1 <= view.bits <= MAX_BITS or view.words > 2:
        raise ValueError(f"cannot hash with {view.bits} bits and word {view.words}-grams")
    keys: list[Codes] = []
    counts: list[NDArray[np.int64]] = []
    for batch in _batches(texts, view.limit):
        found = _keys(batch, view)
        keys.append(found & np.uint32((2 << view.bits) - 1))
        counts.append(np.bincount(found >> np.uint32(view.bits + 1), minlength=len(batch)))
    key = np.concatenate(keys) if keys else np.zeros(0, np.uint32)
    count = np.concatenate(counts) if counts else np.zeros(0, np.int64)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(count)])
    sign = 1.0 - 2.0 * (key & np.uint32(1)).astype(np.float32)
    norm = np.repeat((1.0 / np.sqrt(np.maximum(count, 1))).astype(np.float32), count)
    return Hashed(starts, key >> np.uint32(1), sign * norm)


def _batches(texts: Sequence[str], limit: int) -> Iterator[list[str]]:
    batch: list[str] = []
    characters = 0
    for text in texts:
        low = text[:limit].lower()
        batch.append(low)
        characters += len(low)
        if characters >= BATCH_CHARACTERS or len(batch) == _BATCH_TEXTS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _keys(texts: list[str], view: View) -> Codes:
    """Sorted codes of (text, bucket, sign), each once."""
    codes, owner = _letters(texts)
    parts: list[tuple[Codes, Codes]] = []
    if view.words:
        parts.extend(_words(codes, owner, view.words))
    if view.characters:
        parts.extend(_runs(codes, owner, view.characters))
    shift = np.uint32(31 - view.bits)
    if not parts:
        return np.zeros(0, np.uint32)
    key = _sorted([((hashes * _SPREAD) >> shift, text) for hashes, text in parts], view.bits + 1)
    return key[np.concatenate([[True], key[1:] != key[:-1]])] if key.size else key


def _sorted(parts: list[tuple[Codes, Codes]], bits: int) -> Codes:
    """Sorted ``texts << bits | keys`` of all (keys, texts); the texts of each part rise already.

    Numbers of 16 bits are sorted digit by digit in linear time, so short keys are sorted text by text.
    """
    if bits > _SHORT:
        both = np.concatenate([keys | (texts << np.uint32(bits)) for keys, texts in parts])
        both.sort()
        return both
    size = 1 + max((int(texts[-1]) for _, texts in parts if texts.size), default=-1)
    each = [np.bincount(texts, minlength=size) for _, texts in parts]
    counts = np.sum(each, axis=0)
    ends = np.cumsum(counts)
    key = np.empty(int(counts.sum()), np.uint16)
    free = ends - counts
    for (keys, _), own in zip(parts, each, strict=True):
        place = np.repeat(free - np.cumsum(own) + own, own)
        place += np.arange(place.size)
        key[place] = keys
        free += own
    start = 0
    for end in ends.tolist():
        key[start:end].sort(kind="stable")
        start = end
    return key | (np.repeat(np.arange(size, dtype=np.uint32), counts) << np.uint32(bits))


def _letters(texts: list[str]) -> tuple[Codes, Codes]:
    """Characters of all texts, runs of others as one space, and the text that each belongs to."""
    joined = "".join(f"\n{text}\n" for text in texts)
    raw = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), np.uint32)
    lengths = np.array([len(text) + 2 for text in texts])
    owner = np.repeat(np.arange(len(texts), dtype=np.uint32), lengths)
    codes = _plane().take(raw, mode="clip")
    beyond = np.flatnonzero(raw >= _PLANE)
    codes[beyond] = raw[beyond]
    kept = codes != _SPACE
    kept[1:] |= kept[:-1] | (owner[1:] != owner[:-1])
    kept[:1] = True
    return codes[kept], owner[kept]


@cache
def _plane() -> Codes:
    """What each character of the basic plane is read as."""
    table = np.full(_PLANE, _SPACE, np.uint32)
    for code in range(_PLANE):
        character = chr(code)
        if character.isalnum():
            table[code] = _ZERO if character.isdigit() else code
    return table


@cache
def _powers() -> Codes:
    powers = [1]
    for _ in range(_WORD_CHARACTERS - 1):
        powers.append(powers[-1] * _WORD_BASE % 2**32)
    return np.array(powers, np.uint32)


def _words(codes: Codes, owner: Codes, longest: int) -> Iterator[tuple[Codes, Codes]]:
    """Hashes of words and of pairs of neighbours, with their texts."""
    inside = codes != _SPACE
    begins = inside.copy()
    begins[1:] &= ~inside[:-1]
    starts = np.flatnonzero(begins)
    if not starts.size:
        return
    # How far each character is from the begin of its word; the characters before the first are in none.
    position = np.arange(codes.size, dtype=np.int32)
    position[starts[0] :] -= np.repeat(starts.astype(np.int32), np.diff(starts, append=codes.size))
    weight = _powers()[np.minimum(position, _WORD_CHARACTERS - 1)]
    word = np.add.reduceat(np.where(inside, codes * weight, np.uint32(0)), starts, dtype=np.uint32)
    word ^= word >> np.uint32(15)
    text = owner[starts]
    yield word, text
    if longest > 1:
        together = text[1:] == text[:-1]
        pair = (word[:-1] * _PAIR + word[1:]) * _CHARACTER
        yield (pair ^ (pair >> np.uint32(13)))[together], text[1:][together]


def _runs(codes: Codes, owner: Codes, lengths: Sequence[int]) -> Iterator[tuple[Codes, Codes]]:
    """Hashes of character n-grams, with their texts."""
    wanted = set(lengths)
    run = codes * np.uint32(0x27D4EB2F)
    for length in range(2, max(wanted) + 1):
        run = (run[:-1] * _CHARACTER) ^ (codes[length - 1 :] * np.uint32(0x27D4EB2F + 2 * length))
        if length in wanted:
            whole = owner[: run.size] == owner[length - 1 :]
            yield (run ^ (run >> np.uint32(16)))[whole], owner[: run.size][whole]
