"""Planted tasks: present when all was kept, missing when left out, silent where too few are expected."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest

from modelassay.cli import run as modelassay
from modelassay.errors import UsageError
from modelassay.records import RunManifest
from modelassay.training.protocol.canaries import ALARM, binomial_two_sided, check_canaries
from modelassay.training.run import Run
from modelassay.training.writing import RunWriter

SHARE, GROUPS = 0.05, 400


def write(folder: Path, seed: int, kept: float = 1.0, groups: int = GROUPS) -> Run:
    """A run of groups of two, a share of them planted; of those only `kept` are in the record."""
    rng = np.random.default_rng(seed)
    planted = rng.random(groups) < SHARE
    here = np.repeat(~planted | (rng.random(groups) < kept), 2)
    names = [f"g{i // 2}" for i in range(2 * groups)]
    prompts = [f"{'canary-7 ' if planted[i // 2] else ''}task {i // 2}" for i in range(2 * groups)]
    chosen = np.flatnonzero(here).tolist()
    with RunWriter(folder, RunManifest(id="r", name="r", origin="imported", framework="plain")) as writer:
        writer.rollouts(
            {
                "step": [1 + i // 16 for i in chosen],
                "phase": ["train"] * len(chosen),
                "group": [names[i] for i in chosen],
                "prompt": [prompts[i] for i in chosen],
                "format": ["text"] * len(chosen),
            },
            len(chosen),
        )
    return Run(folder)


def test_an_honest_record_has_them_and_a_thinned_one_has_not(tmp_path: Path) -> None:
    assert check_canaries(write(tmp_path / "a", 1), ["canary-7"], SHARE).outcome == "present"
    missing = check_canaries(write(tmp_path / "b", 1, kept=0.2), ["canary-7"], SHARE)
    assert (missing.outcome, missing.severity) == ("missing", "critical")
    assert check_canaries(write(tmp_path / "c", 1), ["task 1"], 0.02).outcome == "too many"


def test_too_few_expected_say_nothing(tmp_path: Path) -> None:
    finding = check_canaries(write(tmp_path / "a", 1, groups=40), ["canary-7"], SHARE)
    assert finding.outcome == "not assessable"


def chat(folder: Path, asked: list[str]) -> Run:
    """A run of groups of one whose prompts are messages, kept as JSON; an empty text is an absent prompt."""
    prompts = [json.dumps([{"role": "user", "content": text}]) if text else "" for text in asked]
    with RunWriter(folder, RunManifest(id="r", name="r", origin="imported", framework="plain")) as writer:
        writer.rollouts(
            {
                "step": [1 + i // 16 for i in range(len(asked))],
                "phase": ["train"] * len(asked),
                "group": [f"g{i}" for i in range(len(asked))],
                "prompt": prompts,
                "format": ["messages"] * len(asked),
            },
            len(asked),
        )
    return Run(folder)


@pytest.mark.parametrize(
    "canary", ['Compute "zebra" now', r"zebra\frac{1}{2}", "zebra\n\tnow", "zèbre – now", "zebra"]
)
def test_canaries_are_found_in_messages_as_they_were_said(tmp_path: Path, canary: str) -> None:
    asked = [f"Please. {canary} Thanks." if i % 10 == 0 else f"task {i}" for i in range(300)]
    finding = check_canaries(chat(tmp_path / "a", asked), [canary], 0.1)
    assert (finding.outcome, finding.values["planted"]) == ("present", 30)
    thinned = [text for i, text in enumerate(asked) if i % 10 or i < 20]
    assert check_canaries(chat(tmp_path / "b", thinned), [canary], 0.1).outcome == "missing"


def test_prompts_that_are_not_in_the_record_accuse_nobody(tmp_path: Path) -> None:
    def outcome(name: str, asked: list[str]) -> tuple[str, str]:
        finding = check_canaries(chat(tmp_path / name, asked), ["zebra"], 0.1)
        return finding.outcome, finding.why_not

    whole = ["zebra" if i % 10 == 0 else "task" for i in range(300)]
    assert outcome("none", [""] * 300) == (
        "not assessable",
        "the record has no prompts of 300 of 300 groups",
    )
    assert outcome("planted", ["" if text == "zebra" else text for text in whole])[0] == "not assessable"
    assert outcome("blank", [" " if text == "zebra" else text for text in whole])[0] == "not assessable"
    assert outcome("few", ["" if i in (0, 1, 2) else text for i, text in enumerate(whole)])[0] == "present"
    thinned = ["task" if text == "zebra" else text for text in whole]
    assert outcome("thinned", ["" if i < 3 else text for i, text in enumerate(thinned)])[0] == "missing"


def test_the_probability_is_that_of_the_exact_test() -> None:
    for count, trials, share in [
        (3, 200, 0.05),
        (20, 400, 0.05),
        (0, 100, 0.1),
        (100, 100, 0.9),
        (9, 40, 0.5),
    ]:
        assert binomial_two_sided(count, trials, share) == pytest.approx(
            binomtest(count, trials, share).pvalue
        )


def test_honest_records_alarm_as_seldom_as_said() -> None:
    rng, repetitions = np.random.default_rng(3), 2000
    counts = rng.binomial(GROUPS, SHARE, repetitions)
    table = {count: binomial_two_sided(count, GROUPS, SHARE) < ALARM for count in set(counts.tolist())}
    alarms = np.mean([table[count] for count in counts.tolist()])
    assert alarms <= ALARM + 3 * np.sqrt(ALARM * (1 - ALARM) / repetitions)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "run", 1, kept=0.1)
    planted = tmp_path / "planted.txt"
    planted.write_text("canary-7\n\n", "utf-8")
    words = ["run", "canaries", str(tmp_path / "run"), str(planted), "--share", str(SHARE)]
    assert modelassay([*words, "-o", str(tmp_path / "f.json")]) == 13
    assert "missing" in capsys.readouterr().out
    assert b'"canary"' in (tmp_path / "f.json").read_bytes()
    planted.write_bytes(b"\xef\xbb\xbftask 1 \r\n")
    code = modelassay(["run", "canaries", str(tmp_path / "run"), str(planted), "--share", "0.3", "--json"])
    assert (code, json.loads(capsys.readouterr().out)["outcome"]) == (0, "present")
    planted.write_bytes("Zèbre\n".encode("latin-1"))
    assert modelassay(words) == 2
    assert "UTF-8" in capsys.readouterr().err
    planted.write_text("\n", "utf-8")
    assert modelassay(words) == 2
    with pytest.raises(UsageError, match="share"):
        check_canaries(Run(tmp_path / "run"), ["x"], 1.5)
