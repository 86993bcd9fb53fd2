"""What the evidence log costs, beside pymerkle where it is installed.

    python benchmarks/log.py [--json] [--sizes 100000 1000000] [--gigabytes 3]

CPU time of this process, median of three runs; entries of 160 bytes. pymerkle (GPL) is measured, in memory,
only when it can be imported; nothing here depends on it. Proofs come from tiles on disk, of which the reader
keeps 512 in memory. Durable appends are timed by the clock, batches of 256.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from figures import Figure, show
from fingerprint import fingerprint_figures, size_that_fits
from sealed_audits import seal_audit

from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.notary import Notary
from modelassay.evidence.verification import Trust, verify_bundle
from modelassay.log.keys import new_key
from modelassay.log.merkle import Tree, leaf_hash, verify_inclusion
from modelassay.log.note import Ed25519Verifier, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.trust import trust_in
from modelassay.log.verify import verify_log
from modelassay.log.writer import LogWriter
from modelassay.records import Actor

RUNS = 3
ENTRY_BYTES = 160
BATCH = 256
DURABLE = 100_000
PROOFS = 5_000
PEER_SIZE = 100_000
"""Entries at which the peer is measured; it grows slower with more."""


def entries_of(size: int) -> list[bytes]:
    return [f"{number:0{ENTRY_BYTES}d}".encode() for number in range(size)]


def cpu_seconds(work: Callable[[], Any]) -> float:
    """Median CPU time of `work`."""
    times = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return statistics.median(times)


def grow(entries: list[bytes]) -> Tree:
    """A tree in memory, entry by entry."""
    tree = Tree()
    for entry in entries:
        tree.append(leaf_hash(entry))
    return tree


def grow_peer(entries: list[bytes]) -> Any:
    """The same in pymerkle, as its documentation has it."""
    from pymerkle import InmemoryTree

    tree = InmemoryTree(algorithm="sha256")
    for entry in entries:
        tree.append_entry(entry)
    return tree


def has_peer() -> bool:
    found = importlib.util.find_spec("pymerkle") is not None
    if not found:
        print("pymerkle is not installed: no ratios to it", file=sys.stderr)
    return found


def append_figures(sizes: list[int], peer: bool) -> list[Figure]:
    """Growing a tree in memory."""
    figures = []
    for size in sizes:
        entries = entries_of(size)
        rate = size / cpu_seconds(lambda entries=entries: grow(entries))  # type: ignore[misc]
        figures.append(
            Figure(name=f"log.append.per_cpu_s[{size}]", value=round(rate), unit="entries", better="higher")
        )
    if peer:
        entries = entries_of(PEER_SIZE)
        theirs = cpu_seconds(lambda: grow_peer(entries))
        ours = cpu_seconds(lambda: grow(entries))
        figures.append(ratio("log.append.pymerkle_ratio", ours, theirs, 5.0))
    return figures


def verify_figures(sizes: list[int], peer: bool) -> list[Figure]:
    """Checking a whole log on disk: every entry, tile and file, and the signature."""
    figures = []
    ours = 0.0
    for size in sorted({*sizes, PEER_SIZE}):
        with tempfile.TemporaryDirectory() as scratch:
            verifiers = written(Path(scratch), size)
            seconds = cpu_seconds(
                lambda folder=Path(scratch), verifiers=verifiers: verify_log(folder, verifiers)  # type: ignore[misc]
            )
        ours = seconds if size == PEER_SIZE else ours
        figures.append(
            Figure(
                name=f"log.verify.cpu_s[{size}]",
                value=round(seconds, 3),
                unit="CPU-s",
                better="lower",
                goal=3.0 if size == 1_000_000 else None,
            )
        )
    if peer:
        entries = entries_of(PEER_SIZE)
        theirs = cpu_seconds(lambda: grow_peer(entries).get_root())
        figures.append(ratio("log.verify.pymerkle_ratio", ours, theirs, 3.0))
    return figures


def prove_figures(sizes: list[int], peer: bool) -> list[Figure]:
    """Inclusion proofs made from tiles on disk, and checked."""
    figures = []
    for size in sizes:
        with tempfile.TemporaryDirectory() as scratch:
            written(Path(scratch), size)
            log = LogReader(Path(scratch))
            chosen = range(0, size, max(size // PROOFS, 1))
            proofs: list[list[bytes]] = []
            made = cpu_seconds(
                lambda log=log, chosen=chosen, proofs=proofs: proofs.extend(map(log.inclusion_proof, chosen))  # type: ignore[misc]
            )
            leaves = [log.leaf(index) for index in chosen]

            def check(log: LogReader = log, proofs: list[list[bytes]] = proofs) -> None:
                for index, leaf, proof in zip(chosen, leaves, proofs, strict=False):  # noqa: B023
                    verify_inclusion(leaf, index, log.size, proof, log.root)

            checked = cpu_seconds(check)
        figures += [
            Figure(
                name=f"log.{name}.per_cpu_s[{size}]",
                value=round(len(chosen) / seconds),
                unit="proofs",
                better="higher",
            )
            for name, seconds in (("prove", made), ("verify_proof", checked))
        ]
    if peer:
        figures.append(prove_ratio())
    return figures


def prove_ratio() -> Figure:
    """Proofs from trees in memory, where the peer keeps its own."""
    entries = entries_of(PEER_SIZE)
    tree, other = grow(entries), grow_peer(entries)
    chosen = range(0, PEER_SIZE, PEER_SIZE // PROOFS)
    ours = cpu_seconds(lambda: [tree.inclusion_proof(index) for index in chosen])
    theirs = cpu_seconds(lambda: [other.prove_inclusion(index + 1) for index in chosen])
    return ratio("log.prove.pymerkle_ratio", ours, theirs, None)


def durable_figures() -> list[Figure]:
    """Entries that are safe on the disk, by the clock: batches, tiles and signed tree head included."""
    entries = entries_of(DURABLE)
    rates = []
    for _ in range(RUNS):
        with tempfile.TemporaryDirectory(dir=os.environ.get("MODELASSAY_STORE")) as scratch:
            start = time.perf_counter()
            written(Path(scratch), entries=entries)
            rates.append(DURABLE / (time.perf_counter() - start))
    return [
        Figure(
            name="log.durable_events_per_s",
            value=round(statistics.median(rates)),
            unit="events/s",
            better="higher",
            goal=20_000,
            n=DURABLE,
        )
    ]


def bundle_figures(samples: int) -> list[Figure]:
    """Reading and verifying the bundle of an audit of two models, everything computed again."""
    log, verdict = new_key("ed25519", name="log.example/1"), new_key("ecdsa-p256", name="ci")
    with tempfile.TemporaryDirectory() as scratch:
        notary = Notary(actor=Actor(name="benchmark"), verdict_signers=(verdict,), log_signer=log)
        folder = seal_audit(Path(scratch), notary, samples=samples)
        trust = Trust(
            keys=(verdict.public,),
            log=trust_in([vkey_of(log.public)], unwitnessed=True),
            folder=Path(scratch, "log"),
        )

        def verify() -> None:
            found = verify_bundle(open_bundle(folder), trust)
            if found.state != "verified":
                raise SystemExit(f"the bundle did not verify: {found.checks}")

        seconds = cpu_seconds(verify)
    return [
        Figure(
            name=f"log.verify_bundle.s[{samples}]",
            value=round(seconds, 2),
            unit="CPU-s",
            better="lower",
            goal=3.0,
        )
    ]


def written(folder: Path, size: int = 0, *, entries: list[bytes] | None = None) -> list[Ed25519Verifier]:
    """Write a signed log; what verifies its tree head."""
    entries = entries_of(size) if entries is None else entries
    signer = new_key("ed25519", name="benchmark.example/log")
    with LogWriter(folder) as log:
        for start in range(0, len(entries), BATCH):
            log.append(entries[start : start + BATCH])
        log.publish(signer)
    return [Ed25519Verifier(vkey_of(signer.public))]


def ratio(name: str, ours: float, theirs: float, goal: float | None) -> Figure:
    return Figure(
        name=name,
        value=round(theirs / ours, 2),
        unit="×",
        better="higher",
        goal=goal,
        peer={"name": f"pymerkle CPU-s at {PEER_SIZE}", "value": round(theirs, 3)},
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="entries of logs")
    parser.add_argument("--gigabytes", type=float, default=3.0, help="bytes of the folder to fingerprint")
    parser.add_argument("--samples", type=int, default=50_000, help="prompts of the audit to verify")
    given = parser.parse_args()
    peer = has_peer()
    figures = [
        *append_figures(given.sizes, peer),
        *verify_figures(given.sizes, peer),
        *prove_figures(given.sizes, peer),
        *durable_figures(),
        *bundle_figures(given.samples),
        *fingerprint_figures(size_that_fits(given.gigabytes)),
    ]
    show(figures, as_json=given.json)


if __name__ == "__main__":
    main()
