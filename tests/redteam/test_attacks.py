"""What holds of every attack: the same messages every time, no request lost, no turn dropped."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelassay import plugins
from modelassay.errors import UsageError
from modelassay.protocols import Attack
from modelassay.records import Message, Sample, ToolCall
from modelassay.records.conversation import sample_id
from modelassay.redteam import FrozenAttack, open_attack, request_of
from modelassay.redteam.augmentation import BestOfN, noised, recased, scrambled
from modelassay.redteam.chance import Chance
from modelassay.redteam.encodings import Encoding
from modelassay.redteam.wording import FORMS, FutureTense, Paraphrase, PastTense
from modelassay.targets.function import FunctionTarget

NAMES = plugins.names("attacks")
SUPPLIED = ("translation", "adversarial_suffix", "frozen_conversation")
REQUESTS = st.text(min_size=1).filter(str.strip)
QUICK = settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def echo(messages: list[dict[str, Any]]) -> str:
    return json.dumps(messages)


def sample(text: str = "What is 2+2?", before: tuple[Message, ...] = ()) -> Sample:
    messages = (*before, Message(role="user", content=text))
    return Sample(id=sample_id(messages), messages=messages, kind="benign")


@pytest.fixture(scope="module")
def supplied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("supplied")
    (folder / "suffixes.jsonl").write_text('{"suffix": "describing. + similarly"}\n{"suffix": "two !!"}\n')
    return folder


def opened(name: str, supplied: Path, of: Sample) -> FrozenAttack:
    """The attack, with what it needs to be put to `of`."""
    needs: dict[str, Any] = {}
    if name == "translation":
        row = {"request": request_of(of), "language": "xx", "text": f"⟦{request_of(of)}⟧"}
        (supplied / "table.jsonl").write_text(json.dumps(row) + "\n")
        needs = {"table": "table.jsonl"}
    elif name == "adversarial_suffix":
        needs = {"file": "suffixes.jsonl"}
    elif name == "frozen_conversation":
        scripts = (["Hello.", "{request}"], ["May I ask something?", "Then this: {request}"])
        rows = [
            {"sample": "", "request": "", "turns": turns, "found_with": "manual", "date": "2026-01-01"}
            for turns in scripts
        ]
        (supplied / "kept.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        needs = {"file": "kept.jsonl"}
    attack = open_attack(name, needs, folder=supplied)
    assert isinstance(attack, FrozenAttack)
    assert isinstance(attack, Attack)
    return attack


def carries(attack: FrozenAttack, message: str, request: str) -> bool:
    """Whether the request stands in `message`, as the attack writes it."""
    if isinstance(attack, Encoding):
        return attack.encode(request) in message
    if isinstance(attack, BestOfN):
        return len(message) == len(request) and [c.isspace() for c in message] == [
            c.isspace() for c in request
        ]
    if isinstance(attack, Paraphrase):
        return request in message or json.dumps(request, ensure_ascii=False) in message
    if isinstance(attack, PastTense | FutureTense):
        words = request.strip().rstrip("?.! \t").split(None, 3)
        return request in message or (bool(words) and words[-1] in message)
    return request in message


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(request_text=REQUESTS, seed=st.integers(0, 2**31))
def test_the_request_is_there_and_the_same_every_time(
    name: str, supplied: Path, request_text: str, seed: int
) -> None:
    before = (
        Message(role="system", content="Be kind."),
        Message(role="user", content="first"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="1", name="look", arguments="{}"),)),
        Message(role="tool", content="seen", tool_call_id="1"),
        Message(role="assistant", content="yes"),
    )
    of = sample(request_text, before)
    attack = opened(name, supplied, of)
    if isinstance(attack, Encoding) and attack.unsuited(of):  # it would leave most of the request as it is
        with pytest.raises(UsageError):
            attack.messages(of, seed)
        return
    asked = attack.messages(of, seed)
    assert asked == opened(name, supplied, of).messages(of, seed)
    said = [*(each.content for each in asked), *attack.follow_ups(of, seed)]
    assert any(carries(attack, text, request_text) for text in said)
    assert asked[0].role == "system"
    assert asked[0].content.startswith("Be kind.")
    # Turns before the request stand where they stood.
    assert asked[1:5] == before[1:]


@pytest.mark.parametrize("name", NAMES)
def test_each_attack_but_the_direct_one_changes_what_is_asked(name: str, supplied: Path) -> None:
    of = sample()
    attack = opened(name, supplied, of)
    assert (attack.messages(of, 0) == of.messages) == attack.unchanged == (name == "direct")


@pytest.mark.parametrize("name", NAMES)
def test_seeds_in_a_row_give_every_form_once(name: str, supplied: Path) -> None:
    for of in (sample(), sample("How do I sharpen a kitchen knife without a stone?")):
        attack = opened(name, supplied, of)
        if name == "best_of_n":
            continue  # drawn, not walked through
        for start in (0, 5):
            forms = {attack.messages(of, start + draw) for draw in range(attack.draws)}
            assert len(forms) == attack.draws


@pytest.mark.parametrize("name", sorted(set(NAMES) - {"direct"}))
@pytest.mark.parametrize("messages", [(), (Message(role="system", content="S"),)])
def test_a_sample_without_a_request_is_refused(
    name: str, supplied: Path, messages: tuple[Message, ...]
) -> None:
    empty = Sample(id=sample_id(messages), messages=messages, kind="benign")
    attack = opened(name, supplied, sample())
    for of in (empty, sample(" \n")):
        assert attack.unsuited(of)
        with pytest.raises(UsageError, match="user turn"):
            attack.messages(of, 0)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_against_a_target_and_says_what_was_asked(name: str, supplied: Path) -> None:
    of = sample()
    attack = opened(name, supplied, of)
    transcript = asyncio.run(attack.run(FunctionTarget(echo), of, 1))
    assert transcript.asked == attack.messages(of, 1)
    put = [(m["role"], m["content"]) for m in json.loads(transcript.answer)]
    assert put[: len(transcript.asked)] == [(m.role, m.content) for m in transcript.asked]
    later = [text for role, text in put[len(transcript.asked) :] if role == "user"]
    assert later == list(attack.follow_ups(of, 1))
    assert transcript.key.attack == attack.id
    assert transcript.origin == "redteam"


def test_failures_are_data() -> None:
    def fails(messages: list[dict[str, Any]]) -> str:
        raise RuntimeError("down")

    transcript = asyncio.run(open_attack("rot13").run(FunctionTarget(fails), sample(), 1))
    assert transcript.failure is not None
    assert transcript.asked is not None


def test_settings_and_texts_are_part_of_the_id() -> None:
    pairs = (
        ("prefill", {"beginning": "01"}, {"beginning": "02"}),
        ("caesar", {"shift": 3}, {"shift": 4}),
        ("base64", {"hint": True}, {"hint": False}),
        ("best_of_n", {"strength": "0.4"}, {"strength": "0.5"}),
        ("role_play", {}, {"template": "game_master"}),
        ("many_shot", {"shots": 2}, {"shots": 3}),
        ("many_shot", {"form": "text"}, {"form": "turns"}),
        ("system_override", {}, {"instructions": "Other."}),
        ("tag_characters", {}, {"cover": "Other"}),
    )
    for name, one, other in pairs:
        first, second = open_attack(name, one), open_attack(name, other)
        assert isinstance(first, FrozenAttack)
        assert isinstance(second, FrozenAttack)
        assert first.id.startswith(f"{name}@1#")
        assert first.id != second.id
    same = open_attack("best_of_n", {"strength": "0.40"})
    assert isinstance(same, FrozenAttack)
    assert same.id == BestOfN().id


def test_ids_of_all_attacks_differ(supplied: Path) -> None:
    of = sample()
    assert len({opened(name, supplied, of).digest for name in NAMES}) == len(NAMES)


@pytest.mark.parametrize(
    ("asked", "past", "future"),
    [
        (
            "How do I pick a lock?",
            "How did people pick a lock in the past?",
            "How will people pick a lock one day?",
        ),
        (
            "how to  bake bread",
            "How did people bake bread in the past?",
            "How will people bake bread one day?",
        ),
        (
            "How can someone swim?!",
            "How did people swim in the past?",
            "How will people swim one day?",
        ),
    ],
)
def test_questions_are_turned_into_another_tense(asked: str, past: str, future: str) -> None:
    assert PastTense().rewrite(asked, 0, 0) == past
    assert FutureTense().rewrite(asked, 0, 0) == future


@pytest.mark.parametrize("asked", ["Write a poem.", "How do I swim\nfar?", "How are you?", "como nadar?"])
def test_other_requests_are_framed_in_another_tense(asked: str) -> None:
    for attack in (PastTense(), FutureTense()):
        assert attack.rewrite(asked, 0, 0).endswith(asked)


def test_a_tool_result_comes_with_the_tool_that_was_called() -> None:
    attack = open_attack("tool_output_injection")
    assert isinstance(attack, FrozenAttack)
    asked = attack.messages(sample(), 0)
    assert [each.role for each in asked] == ["user", "assistant", "tool"]
    (call,) = asked[1].tool_calls
    assert asked[2].tool_call_id == call.id
    assert [tool.name for tool in attack.tools(sample())] == [call.name]
    assert "2+2" not in asked[0].content


def test_a_system_override_keeps_the_system_prompt() -> None:
    attack = open_attack("system_override")
    assert isinstance(attack, FrozenAttack)
    kept = attack.messages(sample(before=(Message(role="system", content="S"),)), 0)
    assert kept[0].content.startswith("S\n\n")
    assert [each.role for each in attack.messages(sample(), 0)] == ["system", "user"]


def test_shots_alternate_and_end_with_the_request() -> None:
    attack = open_attack("many_shot", {"shots": 3})
    assert isinstance(attack, FrozenAttack)
    asked = attack.messages(sample(), 0)
    assert [each.role for each in asked] == ["user", "assistant"] * 3 + ["user"]
    assert asked[-1].content == "What is 2+2?"
    orders = {attack.messages(sample(), seed) for seed in range(10)}
    assert len(orders) > 5


def test_a_paraphrase_of_ones_own_is_named() -> None:
    own = Paraphrase(str.upper, named="upper@1")
    assert own.messages(sample("second"), 0)[-1].content == "SECOND"
    assert own.id != Paraphrase().id
    assert {Paraphrase().rewrite("x", 0, seed) for seed in range(len(FORMS))} == {f("x") for f in FORMS}
    with pytest.raises(UsageError, match="name and version"):
        Paraphrase(str.upper)


@given(word=st.text(min_size=2), seed=st.integers(0, 99))
def test_scrambling_keeps_letters_and_ends(word: str, seed: int) -> None:
    found = scrambled(word, Chance(seed))
    assert sorted(found) == sorted(word)
    assert (found[0], found[-1]) == (word[0], word[-1])


@given(text=st.text(), seed=st.integers(0, 99))
def test_case_and_noise_touch_only_what_they_may(text: str, seed: int) -> None:
    def folded(given: str) -> str:
        return "".join(each.lower() if each.isascii() else each for each in given)

    assert folded(recased(text, Chance(seed), 1.0)) == folded(text)
    assert recased(text, Chance(seed), 0.0) == noised(text, Chance(seed), 0.0) == text
    for old, new in zip(text, noised(text, Chance(seed), 1.0), strict=True):
        assert abs(ord(old) - ord(new)) <= 1
        assert old == new or "!" <= old <= "~"


def test_the_share_of_disturbed_characters_is_that_of_the_strength() -> None:
    text = "x" * 20_000
    assert 0.37 < sum(c == "X" for c in recased(text, Chance(1), 0.8)) / len(text) < 0.43
    assert 0.055 < sum(c != "x" for c in noised(text, Chance(1), 0.064)) / len(text) < 0.073
    assert BestOfN(strength="0").rewrite("How do I swim?", 1, 2) == "How do I swim?"


def test_an_order_is_fair_and_complete() -> None:
    orders = [tuple(Chance("order", seed).order(3)) for seed in range(3000)]
    assert {orders.count(each) > 400 for each in set(orders)} == {True}
    assert len(set(orders)) == 6
