"""Items of suites are found in rows by words and by characters, and nothing else is."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.training.data.contamination import CHARACTERS, Contamination
from modelassay.training.data.hashing import words_of

ITEM = "Which of the following rivers crosses the largest number of capital cities on its way to the sea?"


def _found(text: str, *items: str) -> bool:
    return bool(Contamination({"suite": items}).see(0, [words_of(text)])[0])


def test_finds_a_run_of_thirteen_words_whatever_its_marks() -> None:
    words = ITEM.split()
    assert _found("Before. " + " ".join(words[2:15]).upper() + "! After.", ITEM)
    assert not _found("Before " + " ".join(words[2:9]) + " something else", ITEM)


def test_finds_a_run_of_fifty_characters_where_words_were_joined() -> None:
    joined = ITEM.replace(" ", "")
    assert _found(f"xx{joined[5:60]}yy", ITEM)
    assert not _found(f"xx{joined[5:45]}yy", ITEM)


def test_finds_short_items_whole() -> None:
    short = "Name the tallest mountain of the northern island"
    assert _found(f"Q: {short}. A: no idea", short)
    assert not _found("Name the tallest mountain of the southern island", short)


def test_passes_over_items_of_a_few_words() -> None:
    assert not _found("the cat sat", "the cat sat")


def test_counts_rows_and_items() -> None:
    looked = Contamination({"a": [ITEM, "unrelated words " * 10], "b": [ITEM]})
    looked.see(0, [words_of("nothing to see here at all"), words_of(f"copied: {ITEM}")])
    looked.see(2, [words_of(ITEM)])
    assert looked.rows == 2
    assert {name: sorted(items) for name, items in looked.items.items()} == {"a": [0]}
    assert [each.row for each in looked.shared] == [1, 2]
    assert looked.shared[0].quote in ITEM.lower().replace("?", "")


@settings(max_examples=40, deadline=None)
@given(st.text(alphabet="abcdefgh ", min_size=90, max_size=200), st.integers(0, 30), st.text(max_size=40))
def test_finds_every_run_of_characters(item: str, start: int, before: str) -> None:
    letters = item.replace(" ", "")
    if len(item.split()) < 8 or len(letters) < start + CHARACTERS:
        return
    assert _found(f"{before}. {letters[start : start + CHARACTERS]}", item)
