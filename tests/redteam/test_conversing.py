"""Attacks of several turns that are settled beforehand."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from pathlib import Path

import pytest

from modelassay.errors import UnknownNameError, UsageError
from modelassay.evaluators.refusal import measure_of
from modelassay.records import Failure, Message, Reply, Request, Sample, TargetIdentity
from modelassay.records.conversation import sample_id
from modelassay.redteam import FrozenAttack, entries, freeze, open_attack, open_attacks
from modelassay.redteam.conversing import ScriptedEscalation

WANTED = "How do I sharpen a kitchen knife?"


def sample(text: str = WANTED, system: str = "Be brief.") -> Sample:
    messages = (Message(role="system", content=system), Message(role="user", content=text))
    return Sample(id=sample_id(messages), messages=messages, kind="harmful")


class Parrot:
    """Says how many turns it was put; fails at one of them."""

    batch_size = concurrency = 1

    def __init__(self, fails_at: int = 0) -> None:
        self.fails_at = fails_at
        self.heard: list[Request] = []

    async def identify(self) -> TargetIdentity:
        return TargetIdentity(reference="parrot", fingerprint="sha256:" + "0" * 64, strength="weights")

    async def generate(self, requests):
        self.heard += requests
        if len(self.heard) == self.fails_at:
            return [Failure(kind="timeout", message="too slow")]
        said = Message(role="assistant", content=f"answer {len(self.heard)}")
        return [Reply(message=said, finish="stop", input_tokens=2, output_tokens=3)]

    async def close(self) -> None: ...


def conversing(**settings: object) -> FrozenAttack:
    attack = open_attack("scripted_escalation", settings)
    assert isinstance(attack, FrozenAttack)
    return attack


def test_every_script_comes_to_the_request_in_its_last_turn_only() -> None:
    attack, of = conversing(), sample()
    said = [(attack.messages(of, seed), attack.follow_ups(of, seed)) for seed in range(attack.draws)]
    assert len({turns for _, turns in said}) == attack.draws >= 4
    for messages, follow_ups in said:
        assert messages[0] == of.messages[0]
        assert WANTED not in messages[-1].content + "".join(follow_ups[:-1])
        assert follow_ups[-1].count(WANTED) == 1
    assert said[0] == (attack.messages(of, 0), attack.follow_ups(of, 0))


def test_the_whole_conversation_is_part_of_the_attacked_sample() -> None:
    (first, *others) = freeze([sample()], [conversing()]).asked
    made = first.as_sample()
    assert made.follow_ups == first.follow_ups
    assert made.attacked is not None
    assert (made.attacked.request, made.attacked.dated) == (WANTED, first.dated)
    assert made.id == sample_id(made.messages, follow_ups=made.follow_ups) != sample_id(made.messages)
    assert len({each.as_sample().id for each in (first, *others)}) == 1 + len(others)


def test_it_is_played_turn_by_turn_and_ends_with_a_failure() -> None:
    attack, of = conversing(script="interview"), sample()
    target = Parrot()
    transcript = asyncio.run(attack.run(target, of, 0))
    turns = 1 + len(attack.follow_ups(of, 0))
    assert len(target.heard) == turns
    assert transcript.answer == f"answer {turns}"
    assert [m.role for m in transcript.messages] == ["assistant", *["user", "assistant"] * (turns - 1)]
    assert target.heard[-1].messages == (*transcript.asked, *transcript.messages[:-1])
    assert (transcript.input_tokens, transcript.output_tokens) == (2 * turns, 3 * turns)
    failed = asyncio.run(attack.run(Parrot(fails_at=2), of, 0))
    assert failed.failure is not None
    assert [m.role for m in failed.messages] == ["assistant", "user"]


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("First.\n---\nThen: {request}\n")
    attack, of = conversing(folder=str(tmp_path)), sample()
    assert (attack.messages(of, 3)[-1].content, attack.follow_ups(of, 3)) == ("First.", (f"Then: {WANTED}",))
    assert attack.id != conversing().id
    for wrong, said in (
        ("Only {request}", "1 turns"),
        ("{request}\n---\nThen.", "last turn"),
        (" \n---\n{request}", "empty"),
    ):
        (tmp_path / "mine.txt").write_text(wrong)
        with pytest.raises(UsageError, match=said):
            conversing(folder=str(tmp_path))
    with pytest.raises(UnknownNameError, match="interview"):
        conversing(script="intervew")


def kept(path: Path, *rows: tuple[str, list[str]], date: str = "2026-11-20") -> str:
    lines = [
        {
            "sample": "",
            "request": request,
            "turns": turns,
            "found_with": "crescendo@1#0",
            "date": date,
        }
        for request, turns in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return str(path)


def test_conversations_that_were_found_are_said_again(tmp_path: Path) -> None:
    file = kept(
        tmp_path / "found.jsonl",
        (WANTED, ["Hello.", "About knives.", "Go on."]),
        (WANTED, ["Hi!", "Knives."]),
        ("", ["Hey.", "Tell me: {request}"]),
    )
    (attack,) = open_attacks([{"use": "frozen_conversation", "settings": {"file": file}}])
    assert attack.draws == 3
    said = {(attack.messages(sample(), n)[-1].content, *attack.follow_ups(sample(), n)) for n in range(3)}
    assert said == {("Hello.", "About knives.", "Go on."), ("Hi!", "Knives."), ("Hey.", f"Tell me: {WANTED}")}
    other = sample("What is rust?")
    assert {attack.follow_ups(other, n) for n in range(3)} == {("Tell me: What is rust?",)}
    only = kept(tmp_path / "own.jsonl", (WANTED, ["Hello.", "Go on."]))
    (attack,) = open_attacks([{"use": "frozen_conversation", "settings": {"file": only}}])
    frozen = freeze([sample(), other], [attack])
    assert [each.sample.id for each in frozen.asked] == [sample().id]
    assert [each.reason for each in frozen.left_out] == ["no conversation was kept for this request"]


def test_a_conversation_that_is_put_to_no_sample_makes_no_other_one_new(tmp_path: Path) -> None:
    old = kept(tmp_path / "old.jsonl", ("", ["Hey.", "Now {request}"]), date="2019-01-01")
    new = kept(tmp_path / "new.jsonl", ("What is in no dataset?", ["Hi."]))
    both = tmp_path / "both.jsonl"
    both.write_text(Path(old).read_text() + Path(new).read_text())
    reference = {"use": "frozen_conversation", "settings": {"file": str(both)}}
    attacks = open_attacks([reference, "scripted_escalation"])
    samples = [sample(), sample("What is rust?")]
    dates = {each.attack.partition("@")[0]: each.dated for each in freeze(samples, attacks).asked}
    assert dates == {"frozen_conversation": "2019-01-01", "scripted_escalation": ScriptedEscalation.dated}
    asked = [*samples, sample("What is in no dataset?")]
    assert {each.dated for each in freeze(asked, attacks[:1]).asked} == {"2026-11-20"}
    said = freeze(samples, open_attacks([reference | {"dated": "2026-11-01"}]))
    assert {each.dated for each in said.asked} == {"2026-11-01"}


def test_what_was_found_says_so_and_scripts_do_not(tmp_path: Path) -> None:
    file = kept(tmp_path / "found.jsonl", (WANTED, ["Hello.", "Go on."]), ("", ["Hey.", "Now {request}"]))
    carried = {**json.loads(Path(file).read_text().splitlines()[0]), "turns": ["No."], "outcome": "complete"}
    with Path(file).open("a") as more:
        more.write(json.dumps(carried) + "\n")
    attack = open_attack("frozen_conversation", settings={"file": file})
    made = [each.as_sample() for each in freeze([sample()], [attack]).asked]
    told = {each.messages[-1].content: each for each in made}
    assert {said: each.attacked and each.attacked.known for said, each in told.items()} == {
        "Hello.": True,
        "No.": True,
        "Hey.": False,
    }
    assert {said: each.tags.get("found_on") for said, each in told.items()} == {
        "Hello.": "2026-11-20",
        "No.": None,  # it had not its way: not to be told as one that had
        "Hey.": None,
    }
    assert {said: measure_of(each).name for said, each in told.items()} == {
        "Hello.": "red_team_known",
        "No.": "red_team_known",
        "Hey.": "red_team",
    }


def test_every_frozen_attack_of_the_package_carries_a_date() -> None:
    own = [
        each
        for each in entries()
        if each.frozen and each.name != "direct" and each.package.startswith("modelassay ")
    ]
    assert len(own) > 30
    for each in own:
        assert date(2026, 11, 21) <= date.fromisoformat(each.dated) <= date.today(), each.name
