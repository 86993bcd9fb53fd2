"""Training runs: are they read rightly, and how fast?

    python benchmarks/training.py [--data-dir DIR] [--json] [--rollouts N] [--only NAME]

DIR holds runs and labelled rollouts whose story is known, a folder each; by default the folder ``tra`` of
what the environment variable ``MODELASSAY_DATA`` names, else of ``shared/data`` beside the repository. Sets
that are absent are left out of the table. Speed is processor time of one core; the peak is that of a process
that imports, commits to, scans and analyses N rollouts of 2 kB: by default a million, which take some two
minutes and 1.1 GB of temporary files.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import scanners
import training_recorded as recorded
import training_runs as known
from figures import Figure, show

ROLLOUTS = 1_000_000
GOALS = {
    "imported_per_s": 20_000,
    "scanned_per_s": 5_000,
    "scanned_code_per_s": 5_000,
    "leaves_per_s": 200_000,
    "analysed_per_s": None,
}


def of_shotgun(data: Path) -> Iterator[Figure]:
    """(a), (e) and reconciliation."""
    if (data / "trl_shotgun_run").is_dir():
        with tempfile.TemporaryDirectory() as work:
            yield from known.shotgun(data / "trl_shotgun_run", Path(work))


def of_outages(data: Path) -> Iterator[Figure]:
    """Gates before statistics: epochs in which the infrastructure failed."""
    if (data / "rl_hack_timeline").is_dir():
        yield from known.timeline(data / "rl_hack_timeline")


def of_verdicts(data: Path) -> Iterator[Figure]:
    """Gates before statistics: verdicts on nothing."""
    if (data / "judge_on_empty_completions").is_dir():
        yield from known.judgements(data / "judge_on_empty_completions")


def of_recording(data: Path) -> Iterator[Figure]:
    """Coverage of native logs, what recording costs, (i) replay: each trains a tiny model."""
    for subject in (recorded.native_log, recorded.recorder, recorded.replay):
        with tempfile.TemporaryDirectory() as work:
            yield from subject(Path(work))


def of_challenges(data: Path) -> Iterator[Figure]:
    """(h): simulated, so that no data is needed."""
    yield from known.challenges()


SUBJECTS: dict[str, tuple[Callable[[Path], Iterator[Figure]], ...]] = {
    "shotgun": (of_shotgun,),
    "gates": (of_outages, of_verdicts),
    "data": (known.reviewed,),
    "recording": (of_recording,),
    "scanners": (known.scanned,),
    "challenge": (of_challenges,),
}


def of_scale(data: Path, rollouts: int) -> Iterator[Figure]:
    """Speed and memory, in a process of its own."""
    program = f"import json, training_scale; print(json.dumps(training_scale.measure({rollouts})))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found = json.loads(done.stdout)
    if (data / "codeforces_hack_pairs").is_dir():
        found["scanned_code_per_s"] = scanners.rate(data)
    for name, goal in GOALS.items():
        if name not in found:
            continue
        yield Figure(
            name=f"training.{name}",
            value=round(found[name]),
            unit="1/s",
            better="higher",
            goal=goal,
            n=rollouts,
        )
    yield Figure(
        name=f"training.peak[{rollouts}]", value=round(found["peak_mb"]), unit="MB", better="lower", goal=1000
    )


def main() -> int:
    """Measure and print; 1 when a goal is missed, a subject breaks off, or there is nothing to measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = os.environ.get("MODELASSAY_DATA") or str(
        Path(__file__).resolve().parents[2] / "shared" / "data"
    )
    parser.add_argument("--data-dir", type=Path, default=Path(default) / "tra")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--rollouts", type=int, default=ROLLOUTS, help="for speed and memory; 0 leaves them out"
    )
    parser.add_argument("--only", choices=sorted(SUBJECTS), help="measure one subject alone")
    options = parser.parse_args()
    measures = [
        measure for name, subject in SUBJECTS.items() if options.only in (None, name) for measure in subject
    ]
    if options.rollouts and options.only is None:
        measures.append(partial(of_scale, rollouts=options.rollouts))
    if not options.data_dir.is_dir():
        print(f"no data in {options.data_dir}: name it by --data-dir or MODELASSAY_DATA", file=sys.stderr)
    figures: list[Figure] = []
    broken = False
    for measure in measures:
        try:
            figures.extend(measure(options.data_dir))
        except Exception:  # what was measured before this, and what comes after, is worth its time
            broken = True
            print(f"a measurement broke off:\n{traceback.format_exc()}", file=sys.stderr)
    show(figures, as_json=options.json)
    return 0 if figures and not broken and all(figure.met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
