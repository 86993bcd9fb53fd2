"""What adaptive attacks cost beside their models: CPU of a whole process, start-up included.

    python benchmarks/redteam.py [--json] [--runs 3]

A campaign (Crescendo, PAIR, a planner) attacks a local server with a local attacker, every reply journaled
and judged by the refusal rules. Then a bare aiohttp client sends the very same bodies to the same servers.
CPU is user + system time of the client's process as the kernel counts it; the servers run in another one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from figures import Figure, show

CLIENTS = Path(__file__).resolve().parent / "clients"
CONCURRENCY = 32
SMALL, LARGE = 30, 150
"""Behaviours; each is attacked with three strategies."""


@dataclass(frozen=True)
class Cost:
    """What a campaign and the bare client took for the same requests."""

    requests: int
    own_s: float
    bare_s: float

    @property
    def added_ms(self) -> float:
        return 1000 * (self.own_s - self.bare_s) / self.requests


def cpu_of(command: list[str]) -> tuple[float, str]:
    """CPU seconds of a process, and what it prints."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{command[1]} failed with status {process.returncode}")
    return used.ru_utime + used.ru_stime, told


def measured(behaviours: int, folder: Path) -> Cost:
    """One campaign, and its requests once more by the bare client."""
    server = subprocess.Popen(
        [sys.executable, str(CLIENTS / "attacked_server.py")], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        urls = server.stdout.readline().split()
        client = str(CLIENTS / "attack_with_modelassay.py")
        own, told = cpu_of(
            [sys.executable, client, *urls, str(behaviours), str(CONCURRENCY), str(folder / "campaign")]
        )
        bodies = []
        for url in urls:
            with urllib.request.urlopen(f"{url}/bodies") as reply:
                bodies += [[url, body] for body in json.load(reply)]
        requests = int(told)
        if len(bodies) != requests:
            sys.exit(f"{requests} requests were told, {len(bodies)} came")
        file = folder / "bodies.json"
        file.write_text(json.dumps(bodies))
        bare, _ = cpu_of([sys.executable, str(CLIENTS / "send_bodies.py"), str(CONCURRENCY), str(file)])
        return Cost(requests, own, bare)
    finally:
        server.terminate()
        server.wait()


def measure(runs: int) -> list[Figure]:
    """Every figure; the median of `runs`."""
    costs: dict[int, list[Cost]] = {SMALL: [], LARGE: []}
    for _ in range(runs):
        for behaviours, found in costs.items():
            with tempfile.TemporaryDirectory() as folder:
                found.append(measured(behaviours, Path(folder)))
    small, large = costs[SMALL], costs[LARGE]
    requests = large[0].requests
    marginal = [
        1000 * ((b.own_s - b.bare_s) - (a.own_s - a.bare_s)) / (b.requests - a.requests)
        for a, b in zip(small, large, strict=True)
    ]
    bare = statistics.median(1000 * each.bare_s / each.requests for each in large)
    return [
        Figure(
            name=f"redteam.adaptive.added_cpu_ms_per_request[{requests}]",
            value=round(statistics.median(each.added_ms for each in large), 3),
            unit="ms",
            better="lower",
            goal=2.0,
            limit={"name": "bare aiohttp, in all", "value": round(bare, 3)},
            n=requests,
        ),
        Figure(
            name=f"redteam.adaptive.added_cpu_ms_marginal[{small[0].requests}..{requests}]",
            value=round(statistics.median(marginal), 3),
            unit="ms",
            better="lower",
            goal=2.0,
            n=requests,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median counts")
    args = parser.parse_args()
    show(measure(args.runs), as_json=args.json)


if __name__ == "__main__":
    main()
