"""Items of suites are found in rows by words and by characters, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.training.data.contamination import Contamination
from modelassay.training.data.hashing import words_of
from modelassay.training.data.letters import CHARACTERS
from modelassay.training.data.suites import suite_texts

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


SHORT = "What is the capital of Peru?"
CHINESE = "某公司第一季度的营业收入为三百二十万元，比上一季度增长了百分之十五，请问上一季度是多少？"


def test_finds_items_of_a_few_words_as_whole_prompts() -> None:
    looked = Contamination({"suite": [SHORT, "谁写了红楼梦"]})
    prompts = [words_of(each) for each in (SHORT.upper(), "谁写了红楼梦？", f"{SHORT} And of Chad?")]
    assert looked.see(0, prompts, [[each] for each in prompts]).tolist() == [True, True, False]
    assert (looked.as_whole, looked.never) == (2, 0)
    assert [each.item for each in looked.shared] == [0, 1]


def test_finds_the_prompt_of_an_item_whatever_its_answer() -> None:
    looked = Contamination({"suite": [f"{SHORT}\nThe capital of the country is the city of Lima."]})
    prompt = words_of(SHORT)
    assert looked.see(0, [[*prompt, "lima"]], [[prompt]])[0]


def test_finds_letters_in_scripts_without_spaces() -> None:
    assert _found(f"以下是题目。{CHINESE[3:30]}好的", CHINESE)
    assert not _found(f"以下是题目。{CHINESE[3:12]}好的", CHINESE)


def test_letters_of_other_alphabets_count_once() -> None:
    item = "Какое из следующих утверждений о фотосинтезе в листьях растений является неверным?"
    assert not _found("Какое из следующих утверждений об этом городе верно?", item)
    assert _found(f"Вопрос: {item.replace(' ', '')[:56]}", item)


def test_counts_what_it_does_not_look_for() -> None:
    looked = Contamination({"suite": ["7", "=?", ITEM, SHORT, CHINESE]})
    assert (looked.never, looked.as_whole) == (2, 1)


ASSISTANT = (
    "You are a helpful assistant of the Acme company who answers briefly and politely, and never lies."
)


@pytest.mark.parametrize("system", [(), (("system", ASSISTANT),)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_what_users_ask_in_a_conversation_is_found_as_a_prompt(
    tmp_path: Path, system: tuple[tuple[str, str], ...], wrapped: bool
) -> None:
    turns = (*system, ("user", "Hello there, friend."), ("assistant", "Good day to you."), ("user", SHORT))
    messages = [{"role": role, "content": content} for role, content in turns]
    row = {"sample": {"messages": messages}} if wrapped else {"messages": messages}
    (tmp_path / "suite.jsonl").write_text(json.dumps(row) + "\n")
    looked = Contamination({"suite": suite_texts(tmp_path / "suite.jsonl")})
    prompts = [words_of(each) for each in (SHORT, "Good day to you.", ASSISTANT + " And of Chad?")]
    assert looked.see(0, prompts, [[each] for each in prompts]).tolist() == [True, False, False]
    assert (looked.as_whole, looked.never) == (1, 0)
