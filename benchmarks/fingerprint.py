"""What a folder's fingerprint costs, beside ``openssl dgst -sha256`` on the same files.

    python benchmarks/fingerprint.py [--json] [--gigabytes 3]

Random bytes in three safetensors files and three small ones, in the page cache. CPU time and peak memory of
whole processes, ours and theirs in turn, medians of three. The measured command is
``modelassay fingerprint FOLDER``, start of Python included.
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
from pathlib import Path

from figures import Figure, show

RUNS = 3
SHARES = (0.4, 1 / 3, 0.8 / 3)
SHAPE = 1 << 20
GOAL_RATIO = 1.15
GOAL_MB = 100.0


def fill(folder: Path, gigabytes: float) -> list[str]:
    """A model's folder of this size; its files."""
    names = []
    for number, share in enumerate(SHARES, 1):
        names.append(f"model-{number}-of-{len(SHARES)}.safetensors")
        count = round(gigabytes * 1e9 * share / SHAPE)
        header = json.dumps(
            {
                f"layer.{number}.{index}": {
                    "dtype": "U8",
                    "shape": [SHAPE],
                    "data_offsets": [index * SHAPE, (index + 1) * SHAPE],
                }
                for index in range(count)
            }
        ).encode()
        with (folder / names[-1]).open("wb") as file:
            file.write(struct.pack("<Q", len(header)) + header)
            for _ in range(count):
                file.write(os.urandom(SHAPE))
    for name in ("config.json", "generation_config.json", "tokenizer_config.json"):
        (folder / name).write_text("{}", encoding="utf-8")
        names.append(name)
    return names


def measured(command: list[str], folder: Path) -> tuple[float, float]:
    """CPU seconds and peak memory in MB of one process."""
    program = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, used.ru_maxrss]))"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, *command], cwd=folder, check=True, capture_output=True, text=True
    )
    seconds, peak = json.loads(told.stdout)
    return seconds, peak / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def fingerprint_figures(gigabytes: float) -> list[Figure]:
    """Our command beside OpenSSL's, with and without digests of tensors and BLAKE3."""
    if shutil.which("openssl") is None:
        print("openssl is not installed: there is nothing to hold the fingerprint against", file=sys.stderr)
        return []
    ours = [sys.executable, "-m", "modelassay", "fingerprint", "--quiet", "."]
    with tempfile.TemporaryDirectory() as scratch:
        names = fill(Path(scratch), gigabytes)
        commands = {
            "openssl": ["openssl", "dgst", "-sha256", *names],
            "plain": ours,
            "tensors": [*ours, "--tensors"],
            "blake3": [*ours, "--blake3"],
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for _ in range(RUNS):
            for name, command in commands.items():
                found[name].append(measured(command, Path(scratch)))
    seconds = {name: statistics.median(each for each, _ in runs) for name, runs in found.items()}
    peak = max(megabytes for _, megabytes in found["plain"] + found["tensors"])
    size = f"{gigabytes:g}GB"
    figures = [
        Figure(
            name=f"log.fingerprint.{kind}[{size}]",
            value=round(seconds[name] / seconds["openssl"], 3),
            unit="×",
            better="lower",
            goal=goal,
            peer={"name": "openssl dgst CPU-s", "value": round(seconds["openssl"], 3)},
            n=RUNS,
        )
        for name, kind, goal in (
            ("plain", "openssl_ratio", GOAL_RATIO),
            ("tensors", "tensors.openssl_ratio", None),
            ("blake3", "blake3.openssl_ratio", None),
        )
    ]
    return [
        *figures,
        Figure(
            name=f"log.fingerprint.rss_mb[{size}]",
            value=round(peak, 1),
            unit="MB",
            better="lower",
            goal=GOAL_MB,
        ),
    ]


def size_that_fits(gigabytes: float) -> float:
    """The size to measure with: 1 GB where the disk has room for no more, which the names then say."""
    free = shutil.disk_usage(tempfile.gettempdir()).free / 1e9
    if free >= gigabytes + 1:
        return gigabytes
    print(f"{free:.1f} GB are free: measuring the fingerprint of 1 GB", file=sys.stderr)
    return min(gigabytes, 1.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument(
        "--gigabytes", type=float, default=3.0, help="bytes to hash; the names of figures say it"
    )
    given = parser.parse_args()
    show(fingerprint_figures(size_that_fits(given.gigabytes)), as_json=given.json)


if __name__ == "__main__":
    main()
