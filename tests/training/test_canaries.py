"""Planted tasks: present when all was kept, missing when left out, silent where too few are expected."""

from __future__ import annotations

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
    planted.write_text("\n", "utf-8")
    assert modelassay(words) == 2
    with pytest.raises(UsageError, match="share"):
        check_canaries(Run(tmp_path / "run"), ["x"], 1.5)
