"""How well the judges agree with people, and how fast they are.

    python benchmarks/judges.py [--data-dir DIR] [--json]

Reads every human-labelled set under DIR (``*labelled_dev.jsonl`` or ``*labelled_test.jsonl``): of refusals
with the rules of the refusal judge, of harmful answers, toxic texts, attacks on instructions and unfaithful
answers with the trained classifiers (`classifiers`). DIR is by default what the environment variable
``MODELASSAY_DATA`` names, else ``shared/data`` beside the repository. A refusal's label is 1 when people
called the answer one, in full or in part; the judge's is 1 for a full or partial refusal and for a
deflection. Intervals resample whole prompts (the field ``group``). The peer is the best string judge measured
on the same rows (``baselines_dev.json``), the limit is the agreement of two people. Of answers labelled
harmful in six sets, the share that the judge takes for refusals is printed too: the error that lets harm
pass.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from classifiers import classifier_figures
from figures import Figure, show

from modelassay.evaluators import ContentSafety, Faithfulness, PromptInjection, RefusalJudge, Toxicity
from modelassay.evaluators.refusal import HELPING, REFUSING
from modelassay.judges import fits_of
from modelassay.judges.measure import BATCH
from modelassay.records import Reading
from modelassay.statistics import cohen_kappa, cohen_kappa_interval

REFUSAL_SETS = {"xstest": 0.88, "xstest_response": 0.80}
"""Folder of each labelled set, with the agreement aimed at."""
ANSWERS_PER_S = 10_000
EVALUATED_PER_S = 5000
DEFAULT = {each.name: each for each in (RefusalJudge, ContentSafety, Toxicity, Faithfulness, PromptInjection)}
"""Evaluators with their default engine that are timed whole: applying, grader speech, reading, evidence."""
ROUNDS = 3
BESIDE = Path(__file__).resolve().parents[2] / "shared" / "data"


def refusal_files(data: Path) -> Iterator[tuple[str, Path]]:
    """Name and file of every labelled set of refusals under `data`."""
    for folder in REFUSAL_SETS:
        files = [
            path
            for pattern in ("*labelled_dev.jsonl", "*labelled_test.jsonl")
            for path in sorted((data / folder).glob(pattern))
            if not path.name.startswith("harm")
        ]
        for path in files:
            half = path.stem.rpartition("_")[2]
            yield (folder if len(files) == 1 else f"{folder}:{half}"), path


def agreement(name: str, path: Path, peers: dict[str, Any]) -> list[Figure]:
    """The figures of the refusal judge on one labelled set."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    people = [int(row["label_refusal"]) for row in rows]
    judge = RefusalJudge()
    ours = [refuses(judge, row) for row in rows]
    _, groups = np.unique([row["group"] for row in rows], return_inverse=True)
    interval = cohen_kappa_interval(people, ours, groups)
    both = sum(a and b for a, b in zip(people, ours, strict=True))
    neither = sum(not a and not b for a, b in zip(people, ours, strict=True))
    kappa = Figure(
        name=f"judges.refusal.kappa[{name}]",
        value=round(cohen_kappa(people, ours), 3),
        better="higher",
        goal=REFUSAL_SETS[path.parent.name],
        peer=best_string_judge(peers, path),
        limit=two_people(rows),
        interval=(round(interval.low, 3), round(interval.high, 3)),
        n=len(rows),
    )
    shares = {
        "f1": 2 * both / (sum(people) + sum(ours)),
        "sensitivity": both / sum(people),
        "specificity": neither / (len(people) - sum(people)),
    }
    return [
        kappa,
        *(
            Figure(
                name=f"judges.refusal.{share}[{name}]", value=round(value, 3), better="higher", n=len(rows)
            )
            for share, value in shares.items()
        ),
    ]


HARMFUL_SETS = {
    "harmbench": "harmbench/labelled_dev.jsonl",
    "gptfuzz": "gptfuzz_labelled/labelled_dev.jsonl",
    "beavertails": "beavertails/labelled_dev.jsonl",
    "safe_rlhf": "safe_rlhf_mini/labelled_dev.jsonl",
    "xstest_response": "xstest_response/harm_labelled_dev.jsonl",
    "jailbreakbench": "jailbreakbench/attack_artifacts.jsonl",
}
"""Sets of answers labelled harmful, by people (the last by a judge model)."""


def harm_missed(data: Path) -> Iterator[Figure]:
    """What share of the harmful answers of each set the refusal judge reads as refusing."""
    judge = RefusalJudge()
    for name, path in HARMFUL_SETS.items():
        if not (data / path).is_file():
            continue
        lines = (data / path).read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        harmful = [r for r in rows if r["response"] and r.get("label_harmful", r.get("llm_judge_jailbroken"))]
        read = [judge.read(row["response"], row["prompt"] or "") for row in harmful]
        missed = sum(isinstance(each, Reading) and each.label in REFUSING for each in read)
        yield Figure(
            name=f"judges.refusal.harm_read_as_refusal[{name}]",
            value=round(missed / len(harmful), 3),
            better="lower",
            n=len(harmful),
        )


def refuses(judge: RefusalJudge, row: dict[str, Any]) -> int:
    """1 when the judge reads a refusal, full or partial, or a deflection; an unread answer helps nobody."""
    outcome = judge.read(row["response"], row["prompt"])
    return int(not (isinstance(outcome, Reading) and outcome.label in HELPING))


def best_string_judge(peers: dict[str, Any], path: Path) -> dict[str, Any] | None:
    """The best string judge on the same rows, where that was measured."""
    judges = peers.get(f"{path.parent.name}/{path.stem.removesuffix('_dev')}")
    if not judges:
        return None
    name = max(judges, key=lambda judge: judges[judge]["k"])
    return {"name": f"string judge: {name}", "value": judges[name]["k"]}


def two_people(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The agreement of two people with each other, where both labels are given."""
    if "annotation_1" not in rows[0]:
        return None
    first, second = (
        [int(row[key] != "1_full_compliance") for row in rows] for key in ("annotation_1", "annotation_2")
    )
    return {"name": "two people", "value": round(cohen_kappa(first, second), 3)}


def speed(files: list[Path]) -> Figure:
    """Answers that the refusal judge reads in a second of one core's time."""
    judge = RefusalJudge()
    rows = [json.loads(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]

    def read_all() -> None:
        for row in rows:
            judge.read(row["response"], row["prompt"])

    read_all()  # compiles the patterns once, as a process does
    seconds = min(cpu_seconds(read_all) for _ in range(ROUNDS))
    return Figure(
        name="judges.refusal.answers_per_s",
        value=round(len(rows) / seconds),
        unit="answers/s",
        better="higher",
        goal=ANSWERS_PER_S,
    )


def evaluator_speeds(data: Path) -> Iterator[Figure]:
    """Answers that each default evaluator scores in a second of one core, with all that it does."""
    for name, made in DEFAULT.items():
        halves = [
            msgspec.structs.replace(fit, path=fit.path.replace("labelled_dev", half))
            for fit in {fit.path: fit for fit in fits_of(name)}.values()
            for half in ("labelled_dev", "labelled_test")
        ]
        answers = [half.answers(data) for half in halves if (data / half.path).is_file()]
        rows = [(row.sample, row.transcript) for each in answers for row in each.rows]
        if not rows:
            continue
        evaluator = made()

        def score_all(evaluator: Any = evaluator, rows: list[Any] = rows) -> None:
            for start in range(0, len(rows), BATCH):
                asyncio.run(evaluator.score(rows[start : start + BATCH]))

        score_all()
        seconds = min(cpu_seconds(score_all) for _ in range(ROUNDS))
        yield Figure(
            name=f"judges.evaluator.answers_per_s[{name}]",
            value=round(len(rows) / seconds),
            unit="answers/s",
            better="higher",
            goal=EVALUATED_PER_S,
            n=len(rows),
        )


def cpu_seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data-dir", type=Path, default=Path(os.environ.get("MODELASSAY_DATA") or BESIDE))
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    args = parser.parse_args()
    found = list(refusal_files(args.data_dir))
    if not any(args.data_dir.glob("*/*labelled_*.jsonl")):
        sys.exit(
            f"{args.data_dir}: no labelled set, such as xstest/labelled_dev.jsonl\n"
            "  give the folder that holds them with --data-dir or MODELASSAY_DATA"
        )
    baselines = args.data_dir / "baselines_dev.json"
    peers = json.loads(baselines.read_text(encoding="utf-8")) if baselines.is_file() else {}
    figures = [each for name, path in found for each in agreement(name, path, peers)]
    figures += harm_missed(args.data_dir)
    if found:
        figures.append(speed([path for _, path in found]))
    figures += evaluator_speeds(args.data_dir)
    figures += classifier_figures(args.data_dir, peers)
    show(figures, as_json=args.json)


if __name__ == "__main__":
    main()
