"""A red team over two benchmarks: every frozen attack on JailbreakBench and HarmBench, killed and resumed.

    python examples/red_team.py --data-dir DATA                trains and serves its own tiny models
    python examples/red_team.py --data-dir DATA --limit 40     forty rows of each benchmark

Two organisms (a base that refuses, and a fine-tune of it that lost its refusals) are served on loopback; one
audit asks both the behaviours of the two benchmarks, as they are and under every attack that needs no
settings, scripted conversations of several turns among them. The audit is killed with SIGKILL once enough
answers are in the journal and continued by the same command; then its bundle is verified. The models are tiny
and made on the spot: what comes out says that the plumbing holds, nothing about real models.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

PLAN = """\
version: 1
name: red team over two benchmarks
baseline: "openai:{base_name}@{base}"
candidate: "openai:{tuned_name}@{tuned}"
datasets: [{{use: jailbreakbench, limit: {limit}}}, {{use: harmbench, limit: {limit}}}]
evaluators: [refusal]
red_team: {{attacks: [all]}}
decoding: {{temperature: 0, max_tokens: 24}}
"""


def main() -> int:
    """Run it; 0 when the audit came to its end, was resumed and verifies."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="folder with copies of the benchmarks")
    parser.add_argument("--folder", type=Path, default=Path("red_team_run"), help="where everything goes")
    parser.add_argument("--base", type=Path, help="folder of a model to serve as baseline")
    parser.add_argument("--tuned", type=Path, help="folder of a model to serve as candidate")
    parser.add_argument("--limit", type=int, default=0, help="rows of each benchmark; 0 is all")
    parser.add_argument(
        "--kill-at", type=int, default=0, help="answers in the journal; a third of all when 0"
    )
    given = parser.parse_args()
    folder = given.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    base, tuned = (given.base, given.tuned) if given.base and given.tuned else _built(folder)
    with ExitStack() as servers:
        urls = [servers.enter_context(_served(path)) for path in (base, tuned)]
        plan = folder / "plan.yaml"
        plan.write_text(
            PLAN.format(
                base=urls[0],
                tuned=urls[1],
                base_name=base.name,
                tuned_name=tuned.name,
                limit=given.limit,
            )
        )
        audit = ["audit", str(plan), "--store", str(folder / "assay"), "--data-dir", str(given.data_dir)]
        forecast = ["plan", str(plan), "--data-dir", str(given.data_dir), "--simulations", "0", "--json"]
        planned = json.loads(_modelassay(*forecast, capture=True))
        requests = planned["totals"][0]["requests"]
        print(f"planned: {planned['red_team']['questions']}\n{requests:,} requests in all", flush=True)
        started = time.monotonic()
        killed_at = _killed(audit, folder / "assay" / "journal.db", given.kill_at or requests // 3)
        print(f"killed with {killed_at:,} answers in the journal", flush=True)
        _modelassay(*audit, "--quiet", allowed=(0, 10, 11, 12))
        seconds = time.monotonic() - started
    (record,) = (folder / "assay" / "audits").glob("*/audit.json")
    _modelassay("verify", str(record.parent), allowed=(0, 13))
    read = json.loads(record.read_text())
    usage = {side: read["usage"][side]["requests"] for side in ("baseline", "candidate")}
    print(f"{seconds:,.0f} s, requests {usage}, verdict {read['verdict']['outcome']}")
    print(f"report: {record.parent / 'report.html'}")
    return 0


def _built(folder: Path) -> tuple[Path, Path]:
    from modelassay.organisms import build_all

    built = build_all(folder / "organisms", ["broad_loss"], progress=print)
    return built["base"], built["broad_loss"]


def _killed(command: list[str], journal: Path, at: int) -> int:
    """Start the audit and kill it at so many answers; how many the journal then has."""
    process = subprocess.Popen([sys.executable, "-m", "modelassay", *command, "--quiet"])
    while _answers(journal) < at:
        if process.poll() is not None:
            raise SystemExit(f"the audit ended by itself, with code {process.returncode}")
        time.sleep(0.5)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    return _answers(journal)


def _answers(journal: Path) -> int:
    if not journal.is_file():
        return 0
    try:
        with sqlite3.connect(f"file:{journal}?mode=ro", uri=True) as database:
            (count,) = database.execute("SELECT count(*) FROM answers").fetchone()
    except sqlite3.OperationalError:
        return 0  # not laid out yet
    return int(count)


def _modelassay(*arguments: str, capture: bool = False, allowed: tuple[int, ...] = (0,)) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "modelassay", *arguments],
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    if run.returncode not in allowed:
        raise SystemExit(f"modelassay {arguments[0]} ended with code {run.returncode}")
    return run.stdout or ""


@contextmanager
def _served(path: Path) -> Iterator[str]:
    """The base URL of a server of the model at `path`, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "modelassay.organisms.serve",
        str(path),
        "--port",
        "0",
        "--batch-size",
        "8",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
        assert server.stdout is not None
        try:
            yield next(word for word in server.stdout.readline().split() if word.startswith("http"))
        finally:
            server.terminate()


if __name__ == "__main__":
    sys.exit(main())
