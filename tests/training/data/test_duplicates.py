"""Copies are counted as such, near ones too, and what merely resembles is not."""

from __future__ import annotations

import random
from hashlib import blake2b

import numpy as np

from modelassay.training.data.duplicates import PERMUTATIONS, Duplicates, signatures
from modelassay.training.data.hashing import cut_rows, hash_words, runs, words_of
from modelassay.training.data.messages import Message
from modelassay.training.data.rows import DataRow


def _row(number: int, answer: str) -> DataRow:
    return DataRow(number, f"f:{number}", "sft", (Message("user", "q"),), answer)


def _see(found: Duplicates, rows: list[DataRow]) -> list[bool]:
    return found.see(rows, cut_rows(rows).all)


def _text(random_: random.Random, words: int = 60) -> list[str]:
    return [f"w{random_.randint(0, 5000)}" for _ in range(words)]


def test_signatures_estimate_the_jaccard_index() -> None:
    random_ = random.Random(1)
    for kept in (1.0, 0.9, 0.5, 0.0):
        one = _text(random_, 400)
        other = one[: int(400 * kept)] + _text(random_, 400 - int(400 * kept))
        sets = [set(runs(hash_words([each]), 5)[0].tolist()) for each in (one, other)]
        truth = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
        a, b = signatures([one, other])
        assert abs(float((a == b).mean()) - truth) < 4 * (0.25 / PERMUTATIONS) ** 0.5


def test_counts_exact_and_near_copies() -> None:
    random_ = random.Random(2)
    base = [" ".join(_text(random_, 200)) for _ in range(300)]
    near = [text.replace(text.split()[30], "changed", 1) for text in base[:40]]
    rows = [_row(i, text) for i, text in enumerate([*base, *base[:25], *near])]
    found = Duplicates()
    repeated = [flag for start in range(0, len(rows), 64) for flag in _see(found, rows[start : start + 64])]
    assert sum(repeated) == 25
    assert not any(repeated[:300])
    repeats = found.found()
    assert repeats.exact == 25
    assert repeats.near == 40
    assert all(other - one == 325 for one, other in repeats.examples)


def test_what_shares_half_its_words_is_no_copy() -> None:
    random_ = random.Random(3)
    rows = []
    for i in range(0, 200, 2):
        text = _text(random_)
        rows += [_row(i, " ".join(text)), _row(i + 1, " ".join(text[:30] + _text(random_, 30)))]
    found = Duplicates()
    _see(found, rows)
    assert found.found().near == 0


def test_compatibility_forms_and_spaces_at_the_ends_make_no_difference() -> None:
    found = Duplicates()
    assert _see(found, [_row(0, "the file"), _row(1, "the \ufb01le "), _row(2, "the File")]) == [
        False,
        True,
        False,
    ]


def test_short_texts_are_compared_whole() -> None:
    found = Duplicates()
    _see(found, [_row(0, "yes"), _row(1, "no"), _row(2, "yes!")])
    assert found.found().near == 1


def test_hashes_are_the_same_everywhere() -> None:
    batch = hash_words([words_of("The year 2028, now."), words_of("")])
    assert batch.starts.tolist() == [0, 4, 4]
    assert batch.words[0] == np.uint64(int.from_bytes(blake2b(b"the", digest_size=8).digest(), "little"))
