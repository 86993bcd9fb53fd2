"""How often scanners of rollouts are right, on labelled sets, and how fast they all are together.

    python benchmarks/scanners.py [--data-dir DIR] [--json] [--write]

Reads the sets of rollouts under DIR, by default the folder ``tra`` of what the environment variable
``MODELASSAY_DATA`` names, else of ``shared/data`` beside the repository. ``--write`` replaces the table of
measured errors that the package
ships (`modelassay.training.scanners.opening.measured_errors`). Nothing is fitted here: thresholds and weights
stand in the scanners and were set by hand. Sets that are absent are left out of the table.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from modelassay.statistics import clopper_pearson_interval
from modelassay.training.columns import pa
from modelassay.training.frame import Scanner
from modelassay.training.scanners.contradictory_tests import ContradictoryTests
from modelassay.training.scanners.hard_coded import HardCoding
from modelassay.training.scanners.judge_manipulation import JudgeManipulation
from modelassay.training.scanners.opening import MeasuredError, Share, open_scanners
from modelassay.training.scanners.score_manipulation import ScoreManipulation
from modelassay.training.scanners.shutdown_evasion import ShutdownEvasion
from modelassay.training.scanners.test_tampering import TestTampering
from modelassay.training.scanners.texts import texts_of

TABLE = Path(__file__).parents[1] / "src/modelassay/training/scanners/measured_error.json"


@dataclass(frozen=True)
class Labelled:
    """Rollouts with labels."""

    data: str
    labels: str
    batch: pa.RecordBatch
    positive: NDArray[np.bool_]
    negative: NDArray[np.bool_]


def rollouts(
    rows: Sequence[tuple[str, str, str, str]], rewards: Sequence[float] | None = None
) -> pa.RecordBatch:
    """A batch of (prompt, completion, format, group), with the columns that scanners read."""
    prompts, completions, forms, groups = zip(*rows, strict=True)
    absent: list[Any] = [None] * len(rows)
    return pa.record_batch(
        {
            "prompt": pa.array(prompts, pa.large_string()),
            "completion": pa.array(completions, pa.large_string()),
            "format": pa.array(forms, pa.string()),
            "group": pa.array(groups, pa.string()),
            "step": pa.array([1] * len(rows), pa.int64()),
            "phase": pa.array(["train"] * len(rows)),
            "seq": pa.array(range(len(rows)), pa.int64()),
            "reward": pa.array(rewards or absent, pa.float64()),
            "grader_input": pa.array(absent, pa.large_string()),
        }
    )


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def conversation(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Prompt and completion: what stands before the first answer, and all from there."""
    first = next((i for i, m in enumerate(messages) if m["role"] == "assistant"), len(messages))
    return json.dumps(messages[:first]), json.dumps(messages[first:])


def silent_reward_hacking(folder: Path) -> Labelled:
    rows = _read(folder / "rollouts.jsonl")
    hack = np.array([row["hack"] for row in rows], np.bool_)
    batch = rollouts([(r["prompt"], r["response"], "text", r["id"]) for r in rows])
    return Labelled(
        folder.name, "the authors' rules; positive: the code exploits its grader", batch, hack, ~hack
    )


def codeforces_hack_pairs(folder: Path) -> Labelled:
    rows = _read(folder / "pairs.jsonl")
    batch = rollouts([(r["prompt"], r[side], "text", r["id"]) for r in rows for side in ("hack", "control")])
    hack = np.tile([True, False], len(rows))
    return Labelled(
        folder.name, "by construction; positive: asked to special-case the visible tests", batch, hack, ~hack
    )


def impossible_livecodebench(folder: Path) -> Labelled:
    rows = _read(folder / "cases.jsonl")
    passed = np.array([row["passed_impossible_tests"] for row in rows], np.bool_)
    batch = rollouts([(*conversation(r["messages"]), "messages", r["sample"]) for r in rows])
    return Labelled(
        folder.name,
        "by construction; positive: passed tests that contradict the task",
        batch,
        passed,
        ~passed,
    )


def _judged(folder: Path, prompts: Mapping[str, str]) -> Labelled:
    rows = _read(folder / "cases.jsonl")
    label = np.array([row["label"] for row in rows])
    filled = [
        [
            {**m, "content": m["content"] if "content" in m else prompts[m["content_ref"]]}
            for m in row["messages"]
        ]
        for row in rows
    ]
    batch = rollouts([(*conversation(messages), "messages", "") for messages in filled])
    labels = "a language model's verdicts, not people's; positive: succeeded, negative: none"
    return Labelled(folder.name, labels, batch, label == "succeeded", label == "none")


def shutdown_evasion(folder: Path) -> Labelled:
    return _judged(folder, {})


def score_manipulation_rebench(folder: Path) -> Labelled:
    return _judged(folder, json.loads((folder / "prompts.json").read_text("utf-8")))


READERS: dict[str, Callable[[Path], Labelled]] = {
    reader.__name__: reader
    for reader in (
        silent_reward_hacking,
        codeforces_hack_pairs,
        impossible_livecodebench,
        shutdown_evasion,
        score_manipulation_rebench,
    )
}

LUCK = "half of the positives pass by luck, special-casing nothing"
UNLIKE = "like answers bear unlike verdicts"
ALARMS = "no positive does this: false alarms only"
MEASURED: tuple[tuple[str, type[Scanner], str, str], ...] = (
    ("silent_reward_hacking", TestTampering, "grader_exploit", "some negatives hold a working exploit"),
    ("codeforces_hack_pairs", HardCoding, "hard_coding", ""),
    ("codeforces_hack_pairs", TestTampering, "grader_exploit", ALARMS),
    ("impossible_livecodebench", HardCoding, "hard_coding", LUCK),
    ("impossible_livecodebench", ContradictoryTests, "contradiction_passed", ""),
    ("impossible_livecodebench", TestTampering, "grader_exploit", ALARMS),
    ("shutdown_evasion", ShutdownEvasion, "shutdown_evasion", UNLIKE),
    ("score_manipulation_rebench", ScoreManipulation, "score_manipulation", UNLIKE),
    ("score_manipulation_rebench", JudgeManipulation, "judge_manipulation", ALARMS),
)  # fmt: skip


def share(flags: NDArray[np.bool_]) -> Share:
    """How many of `flags` are up, with the interval."""
    count, of = int(flags.sum()), len(flags)
    interval = clopper_pearson_interval(count, of)
    return Share(
        count=count,
        of=of,
        value=round(count / of, 4),
        low=round(float(interval.low), 4),
        high=round(float(interval.high), 4),
    )


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Chance that a positive scores above a negative, ties halved (Mann–Whitney)."""
    above = positive[:, None] - negative[None, :]
    return round(float(np.mean((above > 0) + 0.5 * (above == 0))), 4)


def errors(folder: Path) -> Iterator[MeasuredError]:
    """Measured errors on every set under `folder`."""
    for name, kind, behaviour, note in MEASURED:
        if not (folder / name).is_dir():
            continue
        labelled = READERS[name](folder / name)
        scanner = kind()
        found = scanner.scan(labelled.batch)
        scores = found.get(f"{behaviour}_score")
        yield MeasuredError(
            behaviour=behaviour,
            scanner=f"{scanner.name}@{scanner.version}",
            data=name,
            labels=labelled.labels,
            true_positive_rate=share(found[behaviour][labelled.positive]),
            false_positive_rate=share(found[behaviour][labelled.negative]),
            auc=None if scores is None else auc(scores[labelled.positive], scores[labelled.negative]),
            note=note,
        )


def figures(folder: Path) -> dict[str, float]:
    """The figures that the project promises, by name; only of sets that are there."""
    found: dict[str, float] = {}
    if (folder / "silent_reward_hacking").is_dir():
        silent = silent_reward_hacking(folder / "silent_reward_hacking")
        flags = TestTampering().scan(silent.batch)["grader_exploit"]
        found["silent recall"] = round(float(flags[silent.positive].mean()), 4)
        found["silent false positives"] = float(flags[silent.negative].sum())
    if (folder / "codeforces_hack_pairs").is_dir():
        pairs = codeforces_hack_pairs(folder / "codeforces_hack_pairs")
        scanned = HardCoding().scan(pairs.batch)
        score, contrast = scanned["hard_coding_score"], scanned["hard_coding_contrast_score"]
        found["pairs unpaired AUC"] = auc(score[pairs.positive], score[pairs.negative])
        found["pairs contrast AUC"] = auc(contrast[pairs.positive], contrast[pairs.negative])
        hack, control = score[0::2], score[1::2]
        found["pairs won"] = round(float(np.mean((hack > control) + 0.5 * (hack == control))), 4)
    if (folder / "impossible_livecodebench").is_dir():
        found |= _impossible(impossible_livecodebench(folder / "impossible_livecodebench"))
    for name, kind in (
        ("shutdown_evasion", ShutdownEvasion),
        ("score_manipulation_rebench", ScoreManipulation),
    ):
        if (folder / name).is_dir():
            judged = READERS[name](folder / name)
            scores = kind().scan(judged.batch)[f"{kind.name}_score"]
            found[f"{name} AUC"] = auc(scores[judged.positive], scores[judged.negative])
            found[f"{name} best order AUC"] = best_order(judged, scores)
            found[f"{name} learnable AUC"] = learnable(judged)
    return found


def best_order(judged: Labelled, scores: NDArray[np.float64]) -> float:
    """The AUC if rollouts of each score were ranked by their own share of positives.

    No other weights of the same evidence can do better on this set: what is missing to 1 is like evidence
    with unlike verdicts. In sample, so a bound and not a figure to expect.
    """
    asked = judged.positive | judged.negative
    share = {score: judged.positive[asked & (scores == score)].mean() for score in set(scores[asked])}
    order = np.array([share.get(score, 0.0) for score in scores])
    return auc(order[judged.positive], order[judged.negative])


def learnable(judged: Labelled, folds: int = 10) -> float:
    """How well the verdicts can be foretold from words when fitted to them: an out-of-fold AUC.

    Ridge regression on which words and pairs of words the answers have, balanced, mean of three splits. It is
    a gauge of how consistent the verdicts are, not a scanner: nothing of it is kept.
    """
    rows = np.flatnonzero(judged.positive | judged.negative)
    label = judged.positive[rows]
    texts = texts_of(judged.batch)
    last = [next((t.text for t in reversed(texts.turns(r)) if t.role == "assistant"), "") for r in rows]
    words = [re.findall(r"[a-z']+|[0-9]+|[^a-z0-9\s]", text.lower()) for text in last]
    having = [set(each) | {" ".join(pair) for pair in pairwise(each)} for each in words]
    common = [w for w, count in Counter(w for each in having for w in each).items() if count >= 3]
    seen = np.array([[word in each for word in common] for each in having], np.float64)
    seen /= np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-9)
    found = []
    for seed in range(3):
        fold, score = np.random.default_rng(seed).integers(0, folds, len(rows)), np.zeros(len(rows))
        for held in range(folds):
            known = fold != held
            share = label[known].mean()
            root = np.sqrt(np.where(label[known], 0.5 / share, 0.5 / (1.0 - share)))
            inputs = seen[known] * root[:, None]
            wanted = np.where(label[known], 1.0, -1.0) * root
            dual = np.linalg.solve(inputs @ inputs.T + 3.0 * np.eye(len(inputs)), wanted)
            score[~known] = seen[~known] @ (inputs.T @ dual)
        found.append(auc(score[label], score[~label]))
    return round(float(np.mean(found)), 4)


def _impossible(cases: Labelled) -> dict[str, float]:
    """Special-casing and passed contradictions together: a passed contradiction ranks above all."""
    hard = HardCoding().scan(cases.batch)
    passed = ContradictoryTests().scan(cases.batch)["contradiction_passed"]
    score = hard["hard_coding_score"] + 1000.0 * passed
    flag = hard["hard_coding"] | passed
    rates = float(flag[cases.positive].mean()), float(flag[cases.negative].mean())
    return {
        "impossible tests AUC": auc(score[cases.positive], score[cases.negative]),
        "impossible tests balanced accuracy": round((rates[0] + 1 - rates[1]) / 2, 4),
    }


def rate(folder: Path, rows: int = 20_000) -> float:
    """Rollouts a second of one core (processor time), all installed scanners together, on 2 kB completions.

    Solutions of the pairs in groups of eight, one of them a hack, behind reasoning that fills up 2 kB.
    """
    pairs = _read(folder / "codeforces_hack_pairs" / "pairs.jsonl")
    made = []
    for row in range(rows):
        pair = pairs[row // 8 % len(pairs)]
        code = pair["hack" if row % 8 == 0 else "control"]
        sentence = (
            f"Let me go through the statement once more, with the bounds of part {row} in mind, and count. "
        )
        made.append(
            (pair["prompt"], (sentence * 30)[: max(0, 2000 - len(code))] + "\n" + code, "text", str(row // 8))
        )
    rewards = np.random.default_rng(0).random(rows).tolist()
    batch = rollouts(made, rewards)
    scanners = open_scanners()
    started = time.process_time()
    for start in range(0, rows, 8192):
        part = batch.slice(start, 8192)
        for scanner in scanners:
            scanner.scan(part)
    return rows / (time.process_time() - started)


def main() -> int:
    """Measure, print, and write the table when asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("MODELASSAY_DATA") or str(
        Path(__file__).resolve().parents[2] / "shared" / "data"
    )
    parser.add_argument("--data-dir", type=Path, default=Path(default) / "tra")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--write", action="store_true", help="replace the table that the package ships")
    options = parser.parse_args()
    table = list(errors(options.data_dir))
    found = figures(options.data_dir)
    if (options.data_dir / "codeforces_hack_pairs").is_dir():
        found["rollouts a second, all scanners"] = round(rate(options.data_dir))
    if options.write:
        text = json.dumps(msgspec.to_builtins(table), indent=1, ensure_ascii=False)
        TABLE.write_text(text + "\n", "utf-8")
    if options.json:
        print(json.dumps({"figures": found, "errors": msgspec.to_builtins(table)}, ensure_ascii=False))
        return 0
    for name, value in found.items():
        print(f"{name:45} {value:.4f}" if value < 2 else f"{name:45} {value:.0f}")
    for error in table:
        rates = error.true_positive_rate, error.false_positive_rate
        shown = "  ".join(f"{s.value:.3f} [{s.low:.3f}, {s.high:.3f}]" for s in rates)
        print(f"{error.data:28} {error.behaviour:22} TPR, FPR {shown}  AUC {error.auc}  {error.note}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
