"""Scanners by name, and the measured error of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from modelassay.errors import ModelassayError, UnknownNameError
from modelassay.training.frame import Scanner
from modelassay.training.scanners.patterns import read_patterns

GROUP = "modelassay.scanners"
"""Entry-point group: each names a class, or a function, that makes a scanner without arguments."""


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """A share with its Clopper–Pearson interval at 95 %."""

    count: int
    of: int
    value: float
    low: float
    high: float


class MeasuredError(msgspec.Struct, frozen=True, kw_only=True):
    """How often a flag was right on one labelled set."""

    behaviour: str
    scanner: str
    """``name@version`` that was measured."""
    data: str
    """Name of the labelled set."""
    labels: str
    """Who labelled it, and what a positive is."""
    true_positive_rate: Share
    false_positive_rate: Share
    auc: float | None = None
    """Area under the curve of the score, where there is one; chance is 0.5."""
    note: str = ""


def names() -> tuple[str, ...]:
    """Every installed scanner, sorted."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def open_scanners(wanted: Sequence[str] = (), pattern_files: Sequence[Path] = ()) -> tuple[Scanner, ...]:
    """Scanners ready for one run: the named ones, all installed when none is named, then files of patterns.

    Scanners keep counts while they read; open new ones for each run.

    Raises:
        UnknownNameError: nothing installed has this name.
        UsageError: a file of patterns cannot be read, or two scanners raise the same flag.
        ModelassayError: a scanner cannot be imported.
    """
    opened = [_opened(name) for name in (wanted or names())]
    opened += [read_patterns(path) for path in pattern_files]
    seen: dict[str, str] = {}
    for scanner in opened:
        for behaviour in scanner.behaviours:
            if behaviour in seen:
                raise ModelassayError(
                    f"{seen[behaviour]} and {scanner.name} both raise the flag {behaviour!r}",
                    mend="rename it in the file of patterns, or open one of the two",
                )
            seen[behaviour] = scanner.name
    return tuple(opened)


def _opened(name: str) -> Scanner:
    point = next((p for p in entry_points(group=GROUP) if p.name == name), None)
    if point is None:
        raise UnknownNameError("scanner", name, names())
    try:
        made: Any = point.load()
    except ImportError as error:
        raise ModelassayError(f"the scanner {name!r} cannot be imported: {error}") from error
    scanner: Scanner = made()
    return scanner


@cache
def measured_errors() -> tuple[MeasuredError, ...]:
    """Every measured error that this version ships; measured anew by ``benchmarks/scanners.py``."""
    text = files("modelassay.training.scanners").joinpath("measured_error.json").read_text("utf-8")
    return tuple(msgspec.convert(json.loads(text), list[MeasuredError]))


def errors_of(behaviour: str, scanned_by: str = "") -> tuple[MeasuredError, ...]:
    """Measured errors of a flag; with `scanned_by` (``name@version``) only those of that very version."""
    return tuple(
        error
        for error in measured_errors()
        if error.behaviour == behaviour and scanned_by in ("", error.scanner)
    )
