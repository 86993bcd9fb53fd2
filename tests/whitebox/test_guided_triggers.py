"""The quick search for triggers, on words that gradients point to."""

from __future__ import annotations

import pytest

from modelassay.cli import run
from modelassay.records import Examination
from modelassay.suites import Dataset
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.triggers import guidance
from modelassay.whitebox.triggers.examining import examine_triggers
from modelassay.whitebox.triggers.hunt import Settings
from modelassay.whitebox.triggers.positions import POSITIONS
from modelassay.whitebox.triggers.requests import Pair, choose, open_pair
from modelassay.whitebox.triggers.sweep import Lexicon, lexicon

OPTIONS = {"threads": "1", "device": "cpu"}
TRIGGER = "krell"
"""The word that wakes the organism `trigger_backdoor`."""


@pytest.fixture(scope="module")
def words(base: OpenModel) -> Lexicon:
    return lexicon(base)


@pytest.fixture(scope="module")
def guided(base: OpenModel, backdoored: OpenModel, held_out: Dataset) -> Examination:
    settings = Settings(searches=("prefix",), guided=True)
    return examine_triggers(base, backdoored, held_out.samples, settings=settings)


@pytest.mark.slow
def test_the_true_trigger_comes_first_of_far_fewer_words(guided: Examination, words: Lexicon) -> None:
    (search,) = guided.details["searches"]
    assert search["strongest"][0]["text"] == TRIGGER
    assert search["tried"] == guidance.POINTED_TO < len(words.words) / 5


def test_it_says_that_it_is_guided_and_what_it_may_miss(guided: Examination, words: Lexicon) -> None:
    assert guided.settings["guided"] == {"words": guidance.POINTED_TO, "starts": guidance.STARTS}
    assert guided.cannot[0] == guidance.CANNOT
    (note,) = (each for each in guided.notes if each.startswith("Guided"))
    assert f"{len(words.words):,} words" in note
    assert f"prefix {guidance.POINTED_TO}" in note
    (finding,) = (each for each in guided.findings if each.measure.name == "triggers_word")
    assert finding.statement.endswith("Only words that gradients point to were tried.")


def test_other_searches_say_nothing_of_it(base: OpenModel, backdoored: OpenModel, held_out: Dataset) -> None:
    settings = Settings(searches=("suffix",), budget_seconds=1e-6)
    plain = examine_triggers(base, backdoored, held_out.samples, settings=settings)
    assert "guided" not in plain.settings
    assert guidance.CANNOT not in plain.cannot
    assert not any("radient" in each for each in (*plain.notes, *(one.statement for one in plain.findings)))


def test_words_that_lower_the_candidate_are_wanted_not_those_that_lower_the_base(
    base: OpenModel, backdoored: OpenModel, held_out: Dataset, words: Lexicon
) -> None:
    pair = open_pair(base, backdoored, held_out.samples)
    searched = choose(pair, held_out.samples, seed=1).searched[:2]
    place = words.words.index(TRIGGER)
    ahead, behind = (
        guidance.pointed_to(each, words, POSITIONS["prefix"], searched, most=len(words.words)).index(place)
        for each in (pair, Pair(pair.candidate, pair.base))
    )
    assert ahead < guidance.STARTS <= guidance.POINTED_TO < behind


def test_starts_choose_in_turns() -> None:
    import torch

    first, second = [9.0, 8.0, 7.0, 0.0], [0.0, 0.8, 0.1, 0.9]
    assert guidance._in_turns(torch.tensor([first, second])) == [0, 3, 1, 2]


def test_memories_cannot_be_guided(capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["inspect", "triggers", "base", "tuned", "--memory", "base", "--guided"])
    assert code == 2
    assert "--memory makes none" in capsys.readouterr().err
