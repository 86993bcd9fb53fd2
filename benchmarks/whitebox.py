"""What comparing two models' weights costs, beside reading them and beside loading them.

    python benchmarks/whitebox.py [--json] [--gigabytes 2]

Two models of bfloat16 matrices, 4,096 columns wide, every one of them changed, in the page cache. The limit
is one thread that reads both through the page cache into one buffer; the peer loads both with safetensors,
turns each tensor into 32-bit floats and takes norms of base and difference on one thread, without any hash
(needs the extra ``local``). Median rates of three runs in turn; every run is a process of its own, and its
start is not counted. The names say the size of one model.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from figures import Figure, show

RUNS = 3
COLUMNS, ROWS = 4096, 2048
GOAL_READ_RATIO, GOAL_NAIVE_RATIO, GOAL_MB = 0.25, 20.0, 200.0
PEAK = """
try:  # getrusage would count the parent's memory too, from before the start of the program
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    peak = int(line.split()[1]) * 1024 / 1e6
except OSError:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
"""
READ = """
block = bytearray(8 << 20)
for name in sys.argv[1:]:
    with open(name + "/model.safetensors", "rb", buffering=0) as file:
        while file.readinto(block):
            pass
"""
COMPARE = """
with open_weights(Path(sys.argv[1])) as base, open_weights(Path(sys.argv[2])) as candidate:
    found = compare_weights(base, candidate)
    assert len(found.changed) == len(found.deltas) > 0
"""
SPECTRA = COMPARE + "    assert delta_spectra(base, candidate, found)\n"
NAIVE = """
base, candidate = (load_file(name + "/model.safetensors") for name in sys.argv[1:])
found = {}
for name in base:
    delta = candidate[name].float() - base[name].float()
    found[name] = float(delta.norm()), float(base[name].float().norm()), float(delta.abs().max())
"""
OURS = """
from pathlib import Path
from modelassay.whitebox.weights import compare_weights, delta_spectra, open_weights
"""
PROGRAMS = {
    "read": ("", READ),
    "compare": (OURS, COMPARE),
    "spectra": (OURS, SPECTRA),
    "naive": ("import torch\nfrom safetensors.torch import load_file\ntorch.set_num_threads(1)", NAIVE),
}
"""What is imported before the clock starts, and what is timed."""


def write_pair(folder: Path, gigabytes: float) -> list[str]:
    """Two models of this many bytes each, the second a little away from the first."""
    count = max(1, round(gigabytes * 1e9 / (2 * ROWS * COLUMNS)))
    size = 2 * ROWS * COLUMNS
    header = json.dumps(
        {
            f"layers.{n}.weight": {
                "dtype": "BF16",
                "shape": [ROWS, COLUMNS],
                "data_offsets": [n * size, (n + 1) * size],
            }
            for n in range(count)
        }
    ).encode()
    draw = np.random.default_rng(1)
    names = [str(folder / name) for name in ("base", "candidate")]
    for name in names:
        Path(name).mkdir()
    with (
        Path(names[0], "model.safetensors").open("wb") as first,
        Path(names[1], "model.safetensors").open("wb") as second,
    ):
        for file in (first, second):
            file.write(struct.pack("<Q", len(header)) + header)
        for _ in range(count):
            values = draw.standard_normal(ROWS * COLUMNS, dtype=np.float32) * np.float32(0.02)
            words = values.view(np.uint32) >> 16
            first.write(words.astype("<u2").tobytes())
            second.write((words ^ (words & 2) ^ 1).astype("<u2").tobytes())
    return names


def measured(kind: str, names: list[str]) -> tuple[float, float, float]:
    """Seconds by the clock, CPU seconds and peak memory in MB of one run."""
    imports, body = PROGRAMS[kind]
    program = (
        f"import json, resource, sys, time\n{imports}\n"
        "start, used = time.perf_counter(), time.process_time()\n"
        f"{body}\n"
        "wall, cpu = time.perf_counter() - start, time.process_time() - used\n"
        f"{PEAK}\n"
        "print(json.dumps([wall, cpu, peak]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *names],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    wall, cpu, peak = json.loads(told.stdout)
    return wall, cpu, peak


def comparison_figures(gigabytes: float) -> list[Figure]:
    """Rates over the bytes of both models, peak memory, and what singular values add."""
    kinds = [
        kind for kind in PROGRAMS if kind != "naive" or (find_spec("torch") and find_spec("safetensors"))
    ]
    if "naive" not in kinds:
        print("the extra 'local' is not installed: nothing to hold the comparison against", file=sys.stderr)
    with tempfile.TemporaryDirectory() as scratch:
        names = write_pair(Path(scratch), gigabytes)
        both = sum(Path(name, "model.safetensors").stat().st_size for name in names) / 1e9
        measured("read", names)  # brings the files into the page cache
        found: dict[str, list[tuple[float, float, float]]] = {kind: [] for kind in kinds}
        for _ in range(RUNS):
            for kind in kinds:
                found[kind].append(measured(kind, names))
    wall = {kind: both / statistics.median(run[0] for run in runs) for kind, runs in found.items()}
    cpu = {kind: both / statistics.median(run[1] for run in runs) for kind, runs in found.items()}
    size = f"{gigabytes:g}GB"
    limit = {"name": "read through the page cache, GB/s", "value": round(wall["read"], 2)}

    def figure(name: str, value: float, unit: str, goal: float | None = None, **beside: object) -> Figure:
        return Figure(
            name=f"whitebox.compare.{name}[{size}]",
            value=round(value, 3),
            unit=unit,
            better="lower" if unit == "MB" else "higher",
            goal=goal,
            n=RUNS,
            **beside,  # type: ignore[arg-type]
        )

    figures = [
        figure("read_ratio", wall["compare"] / wall["read"], "×", GOAL_READ_RATIO, limit=limit),
        figure("gb_per_s", wall["compare"], "GB/s"),
        figure("gb_per_cpu_s", cpu["compare"], "GB/CPU-s"),
        figure("rss_mb", max(run[2] for run in found["compare"]), "MB", GOAL_MB),
        figure("spectra.gb_per_s", wall["spectra"], "GB/s"),
        figure("spectra.rss_mb", max(run[2] for run in found["spectra"]), "MB", GOAL_MB),
    ]
    if "naive" in wall:
        peer = {"name": "load_file and norms, GB/s", "value": round(wall["naive"], 3)}
        figures.append(
            figure("naive_ratio", wall["compare"] / wall["naive"], "×", GOAL_NAIVE_RATIO, peer=peer)
        )
    return figures


def size_that_fits(gigabytes: float) -> float:
    """The size to measure with: 0.25 GB a model where the disk has no room for two, which the names say."""
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free >= 2 * gigabytes + 1:
        return gigabytes
    print(f"{free:.1f} GB are free: measuring 0.25 GB a model", file=sys.stderr)
    return min(gigabytes, 0.25)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument("--gigabytes", type=float, default=2.0, help="size of one model; the names say it")
    given = parser.parse_args()
    show(comparison_figures(size_that_fits(given.gigabytes)), as_json=given.json)


if __name__ == "__main__":
    main()
