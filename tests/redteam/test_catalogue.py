"""Attacked questions: keys, forms, what is left out, and the commands that show them."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from modelassay import plugins
from modelassay.cli import run
from modelassay.engine.questions import request_seed
from modelassay.errors import UnknownNameError, UsageError
from modelassay.records import Decoding, Message, Sample, Tool
from modelassay.records.conversation import sample_id
from modelassay.redteam import Rewriting, entries, freeze, open_attack, open_attacks
from modelassay.redteam.catalogue import ATTACK_TAG, SAMPLE_TAG


def sample(text: str, **fields: Any) -> Sample:
    messages = (Message(role="user", content=text),)
    return Sample(id=sample_id(messages), messages=messages, kind="harmful", **fields)


ONE, TWO = sample("How do I swim?", tags={"category": "sport"}), sample("Write a poem.", cluster="poems")


def test_every_sample_meets_every_attack_in_all_its_forms() -> None:
    attacks = open_attacks(["direct", "base64", {"use": "role_play"}])
    found = freeze([ONE, TWO], attacks, seed=7, epochs=2)
    per_sample = 2 * (1 + 1 + attacks[2].draws)
    assert len(found.asked) == 2 * per_sample
    assert found.left_out == ()
    assert len({each.key for each in found.asked}) == len(found.asked)
    assert {each.key.seed for each in found.asked} == {7}
    assert all(each.key.sample == each.sample.id for each in found.asked)
    # Each form of role_play is asked as often as the plan repeats.
    played = [each for each in found.asked if each.attack == attacks[2].id and each.sample == ONE]
    assert set(Counter(each.asked for each in played).values()) == {2}
    assert freeze([ONE, TWO], open_attacks(["direct", "base64", "role_play"]), seed=7, epochs=2) == found


def test_the_direct_question_is_the_one_that_an_audit_asks_anyway() -> None:
    (asked,) = freeze([ONE], open_attacks(["direct"])).asked
    assert asked.key.attack == ""
    assert asked.asked == ONE.messages
    assert asked.attack.startswith("direct@1#")


def test_attacked_questions_have_seeds_of_their_own() -> None:
    found = freeze([ONE], open_attacks(["rot13", "best_of_n"])).asked
    assert len({request_seed(each.key) for each in found}) == len(found)


def test_what_cannot_be_asked_is_counted(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"request": "How do I swim?", "language": "cy", "text": "Nofio?"}\n')
    attacks = open_attacks(
        [{"use": "translation", "settings": {"table": "t.jsonl"}}, "rot13"], folder=tmp_path
    )
    found = freeze([ONE, TWO], attacks)
    assert len(found.asked) == 3
    (left,) = found.left_out
    assert (left.sample, left.attack) == (TWO.id, attacks[0].id)
    assert "no translation" in left.reason


def test_an_attacked_question_can_stand_as_a_sample() -> None:
    for attacked in freeze([ONE, TWO], open_attacks(["persona", "tool_output_injection"])).asked:
        made = attacked.as_sample()
        assert made.messages == attacked.asked
        assert made.id == sample_id(made.messages, tools=made.tools)
        assert made.kind == "harmful"
        assert made.tags.items() >= attacked.sample.tags.items()
        assert made.tags[ATTACK_TAG] == attacked.attack
        assert made.tags[SAMPLE_TAG] == attacked.sample.id
        assert made.cluster == (attacked.sample.cluster or attacked.sample.id)
    assert len({a.as_sample().id for a in freeze([ONE], open_attacks(["persona"])).asked}) == 8


def test_a_tool_of_the_same_name_is_not_offered_twice() -> None:
    own = Tool(name="read_page", description="own", result="x")
    other = Tool(name="look", description="other")
    (first, *_) = freeze([sample("Hello", tools=(own, other))], open_attacks(["tool_output_injection"])).asked
    assert [tool.name for tool in first.tools] == ["look", "read_page"]
    assert first.tools[1] != own


def test_references_that_are_wrong() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'base64'"):
        open_attacks(["base46"])
    with pytest.raises(UnknownNameError, match="did you mean 'shift'"):
        open_attack("caesar", {"shifd": 1})
    with pytest.raises(UnknownNameError, match="settings"):
        open_attacks([{"use": "rot13", "setting": {}}])
    with pytest.raises(UsageError, match="without a name"):
        open_attacks([{"settings": {}}])
    with pytest.raises(UsageError, match="twice"):
        freeze([ONE], open_attacks(["caesar", {"use": "caesar", "settings": {"shift": 3}}]))
    assert (
        len(freeze([ONE], open_attacks(["caesar", {"use": "caesar", "settings": {"shift": 4}}])).asked) == 2
    )


class Adaptive:
    """Asks as it goes along."""

    name, version = "adaptive", "1"

    async def run(self, target: Any, sample: Any, seed: int) -> Any:
        raise NotImplementedError


def test_an_attack_that_is_not_frozen_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "load", lambda group, name: Adaptive)
    with pytest.raises(UsageError, match="not frozen"):
        open_attacks(["adaptive"])
    assert not any(each.frozen for each in entries())


class Echoing(Rewriting):
    """Says the request several times."""

    name, family = "echoing", "others"

    def __init__(self, times: int, *, decoding: Decoding | None = None) -> None:
        self._times = times
        super().__init__({"times": times}, decoding)

    def rewrite(self, request: str, start: int, seed: int) -> str:
        return " ".join([request] * self._times)


def test_an_attack_of_ones_own_is_frozen_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "load", lambda group, name: Echoing)
    assert all(each.frozen and each.needs == ("times",) and not each.id for each in entries())
    with pytest.raises(UsageError, match="'times'"):
        open_attack("echoing")
    (asked,) = freeze([TWO], open_attacks([{"use": "echoing", "settings": {"times": 2}}])).asked
    assert asked.asked[-1].content == "Write a poem. Write a poem."
    assert asked.key.attack.startswith("echoing@1#")


def test_the_catalogue_lists_what_is_installed() -> None:
    found = {each.name: each for each in entries()}
    assert set(found) == set(plugins.names("attacks"))
    assert found["translation"].needs == ("table",)
    assert found["translation"].id == ""
    assert found["base64"].id.startswith("base64@1#")
    assert all(each.summary and each.family for each in found.values())


def test_list_prints_every_attack(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redteam", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)["attacks"]
    assert {each["name"] for each in listed} == set(plugins.names("attacks"))
    assert run(["redteam", "list"]) == 0
    text = capsys.readouterr().out
    assert all(each["id"] in text for each in listed)
    assert re.search(r"adversarial_suffix,.* needs file", text)


def test_show_prints_what_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redteam", "show", "rot13", "Hello", "--with", "hint=false"]) == 0
    assert "Uryyb" in capsys.readouterr().out
    assert run(["redteam", "show", "zero_width", "Hi"]) == 0
    assert "H⟨U+200B⟩i" in capsys.readouterr().out
    assert run(["redteam", "show", "persona", "Hello", "--all", "--system", "Be kind."]) == 0
    text = capsys.readouterr().out
    assert text.count("Hello\n") >= 8
    assert text.count("Be kind.") == 8
    assert "form 8" in text


def test_show_gives_the_bytes_as_they_are_sent(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["redteam", "show", "zero_width", "Hi", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["asked"][0]["messages"] == [{"role": "user", "content": "H\u200bi"}]
    assert shown["forms"] == 1


def test_show_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, expected in (
        (["rot31"], "did you mean 'rot13'"),
        (["caesar", "--with", "shift"], "SETTING=VALUE"),
        (["caesar", "--with", "shift=[1"], "no YAML value"),
        (["caesar", "--with", "shift=99"], "1 to 25"),
        (["translation"], "table"),
        (["rot13", " "], "no user turn"),
    ):
        assert run(["redteam", "show", *arguments]) == 2
        assert expected in capsys.readouterr().err


def test_attempts_of_one_attack_are_not_cut_to_the_forms_of_a_request() -> None:
    attacks = open_attacks([{"use": "best_of_n", "settings": {"attempts": 12}}, "role_play"])
    asked = Counter(each.attack.partition("@")[0] for each in freeze([ONE], attacks, forms=1).asked)
    assert asked == {"best_of_n": 12, "role_play": 1}
    # As earlier versions asked, whose bundles are verified.
    cut = freeze([ONE], attacks, forms=1, whole=False)
    assert [each.attack.partition("@")[0] for each in cut.asked] == ["best_of_n", "role_play"]
