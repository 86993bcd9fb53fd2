"""Runs known by tables alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelassay.errors import EvidenceError, UsageError
from modelassay.training.analyses.count_table import (
    CountColumns,
    assess_count_table,
    count_table,
    read_count_table,
)

SHORT = CountColumns("step", "env", "a", "b", "c", "d")


def rows(*cells: tuple[int, int, int, int], env: str = "e") -> list[dict[str, Any]]:
    return [{"step": i, "env": env, **dict(zip("abcd", c, strict=True))} for i, c in enumerate(cells)]


def test_rows_become_counts_by_environment_in_order_of_position() -> None:
    given = [*reversed(rows((1, 2, 3, 4), (5, 6, 7, 8))), *rows((9, 0, 0, 1), env="f")]
    e, f = count_table(given, SHORT)
    assert (e.position.tolist(), e.n.tolist(), e.flagged.tolist()) == ([0, 1], [10, 26], [3, 11])
    assert e.flagged_rewarded is not None
    assert e.rewarded is not None
    assert (e.flagged_rewarded.tolist(), e.rewarded.tolist()) == ([1, 5], [4, 12])
    assert f.environment == "f"


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"a": None}, UsageError, "no column 'a'"),
        ({"a": -1}, EvidenceError, "not a count"),
        ({"a": 1.5}, EvidenceError, "not a count"),
        ({"a": True}, EvidenceError, "not a count"),
        ({"a": "9" * 400}, EvidenceError, "not a count"),
        ({"step": 1}, EvidenceError, "stands twice"),
    ],
)
def test_rows_that_cannot_be_right_are_refused(
    change: dict[str, Any], error: type[Exception], says: str
) -> None:
    given = rows((1, 2, 3, 4), (5, 6, 7, 8))
    given[0] |= change
    with pytest.raises(error, match=says):
        count_table(given, SHORT)


def test_files_of_both_kinds_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("step,env,a,b,c,d\n0,e,1,2,3,4\n")
    (tmp_path / "a.jsonl").write_text('{"step":0,"env":"e","a":1,"b":2,"c":3,"d":4}\n')
    for name in ("a.csv", "a.jsonl"):
        (table,) = read_count_table(tmp_path / name, SHORT)
        assert table.n.tolist() == [10]
    (tmp_path / "b.jsonl").write_text("[1]\n")
    with pytest.raises(EvidenceError, match=r"b.jsonl:1"):
        read_count_table(tmp_path / "b.jsonl", SHORT)
    with pytest.raises(UsageError, match=r"\.jsonl or \.csv"):
        read_count_table(tmp_path / "c.pkl", SHORT)


def test_the_real_run_as_a_whole(data_dir: Path) -> None:
    path = data_dir / "tra" / "rl_hack_timeline" / "timeline.jsonl"
    if not path.is_file():
        pytest.skip("the data set rl_hack_timeline is absent")
    found = {
        (f.check, f.slice.get("environment", "")): f
        for f in assess_count_table(read_count_table(path), "hacking")
    }
    turn = found["emergence", "AEEnv"]
    assert (turn.outcome, turn.values["change"]) == ("emerged", 1088)
    assert turn.rests_on == ("positions left out: 640",)
    assert float(found["reinforcement", "OmitDescriptionEnv"].values["differential"]) == pytest.approx(
        0.326, abs=0.001
    )
    assert found["reinforcement", "SWEFixerEnv"].outcome == "not assessable"
    assert any("640" in f.statement for f in found.values() if f.check not in ("emergence", "reinforcement"))
