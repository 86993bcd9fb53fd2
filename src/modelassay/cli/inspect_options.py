"""Options that the subcommands of ``modelassay inspect`` share, and how an examination reaches people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

import click

from modelassay.cli.options import (
    error_body,
    json_option,
    print_json,
    quiet_option,
    reader_may_leave,
    writable,
)
from modelassay.cli.plan_models import models_of, plan_models_option
from modelassay.errors import ExitCode, StoreError, UsageError

if TYPE_CHECKING:
    from modelassay.config import ModelReference
    from modelassay.records import Examination, Sample, Statistic
    from modelassay.whitebox.calibration import Nulls
    from modelassay.whitebox.weights.check import Inspection

F = TypeVar("F", bound=Callable[..., Any])
_REPORTS: Final = frozenset({".html", ".htm", ".md", ".xml", ".sarif", ".pdf", ".csv", ".jsonl"})
"""Ends of files that nobody takes for JSON."""

_ARGUMENTS: tuple[Callable[[Any], Any], ...] = (
    click.argument("base", required=False),
    click.argument("candidate", required=False),
    plan_models_option,
)
_NULLS = click.option(
    "--nulls",
    "nulls",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The same numbers of harmless fine-tunes (`modelassay nulls`); without them nothing is called "
    "harmful, save of organisms, whose numbers come with the package.",
)


def _examination_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """`writable`, and no name of another format: examinations are JSON, whatever they are called.

    Raises:
        UsageError: the name ends as a report's does, or no file can be written there.
    """
    if value is not None and value.suffix.lower() in _REPORTS:
        raise UsageError(
            f"an examination is written as JSON, not as {value.suffix[1:]}",
            where=f"--out {value}",
            mend="name a file that ends in .json; an audit that takes it in writes reports",
        )
    return writable(context, parameter, value)


out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_examination_file,
    help="Write the examination to this file.",
)
_ROWS_OUT = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=writable,
    help="Write them here, as JSONL.",
)
device_option = click.option(
    "--device", default="auto", show_default=True, help="Where models run: auto, cpu, cuda, …"
)
_THREADS = click.option(
    "--threads",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Threads of torch; 0 leaves its choice, 1 suits tiny models on busy machines.",
)


def pair_options(function: F) -> F:
    """BASE and CANDIDATE, or ``--plan``; ``--nulls``, ``--out``, ``--device``, ``--threads``, ``--quiet`` and
    ``--json``."""
    wrapped: Any = function
    for argument in reversed(_ARGUMENTS):
        wrapped = argument(wrapped)
    return look_options(wrapped)  # type: ignore[no-any-return]


class Pair(NamedTuple):
    """A base and a candidate, and where their relative paths start."""

    base: str | ModelReference
    candidate: str | ModelReference
    folder: Path

    @property
    def names(self) -> tuple[str, str]:
        """Their references; bare paths as they were given."""
        base, candidate = (each if isinstance(each, str) else each.model for each in self[:2])
        return base, candidate

    @property
    def base_place(self) -> str:
        """The base's reference; a local one's with its path from here."""
        if isinstance(self.base, str) or self.base.scheme != "hf":
            return self.names[0]
        return f"hf:{self.folder / self.base.address}"


def pair_of(base: str | None, candidate: str | None, options: dict[str, Any]) -> Pair:
    """The models that `pair_options` name.

    Raises:
        UsageError: BASE and CANDIDATE are given beside a plan, or one of them is not.
        ConfigError: the plan cannot be read.
    """
    if options["plan"] is None and base and candidate:
        return Pair(base, candidate, Path())
    found = models_of(options["plan"], candidate, base, with_baseline=True, names=("CANDIDATE", "BASE"))
    assert found.baseline is not None
    return Pair(found.baseline, found.candidate, found.folder)


def look_options(function: F) -> F:
    """The options of `pair_options`, for looks with other arguments."""
    wrapped: Any = function
    for option in (json_option, quiet_option, _THREADS, device_option, out_option, _NULLS):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def search_options(function: F) -> F:
    """``--out`` for rows, ``--device``, ``--threads``, ``--quiet`` and ``--json``."""
    wrapped: Any = function
    for option in (json_option, quiet_option, _THREADS, device_option, _ROWS_OUT):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def dataset_options(function: F) -> F:
    """``--dataset`` and what finds it."""
    from modelassay.cli.options import data_dir_option, offline_option

    wrapped: Any = function
    for option in (
        offline_option,
        data_dir_option,
        click.option("--seed", type=int, default=1, show_default=True, help="Of what is drawn."),
        click.option(
            "--limit", type=click.IntRange(0), default=0, help="Ask at most so many rows; 0 is all."
        ),
        click.option(
            "--dataset",
            default="starter",
            show_default=True,
            help="Harmful and benign requests: starter, a known dataset, or a file.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[no-any-return]


def samples_of(options: dict[str, Any]) -> tuple[str, Sequence[Sample]]:
    """Name with pin, and rows, of what `dataset_options` name.

    Raises:
        UnknownNameError: neither a known dataset nor a file.
        DatasetError: rows cannot be had or read.
    """
    from modelassay.suites import Dataset

    opened = Dataset.open(
        options["dataset"],
        limit=options["limit"],
        seed=options["seed"],
        data_dir=options["data_dir"],
        offline=options["offline"],
    )
    return f"{opened.pin.name}@{opened.pin.digest}", opened.samples


def nulls_of(path: Path | None, base: str = "") -> Nulls:
    """The null distributions in `path`; without one, those that come with the package where they fit `base`.

    Raises:
        EvidenceError: no such file.
    """
    from modelassay.validation.shipped import nulls_for
    from modelassay.whitebox.calibration import read_nulls

    return read_nulls(path) if path is not None else nulls_for(base)


def model_options(options: dict[str, Any]) -> dict[str, str]:
    """Options of the local target from ``--device`` and ``--threads``."""
    return {"device": options["device"], "threads": str(options["threads"])}


def finish(found: Examination, options: dict[str, Any]) -> int:
    """Write the examination where wanted, tell it, and give the exit code (`concluded`).

    What was found is told even where it cannot be written.

    Raises:
        StoreError: the file cannot be written.
    """
    failure = written(found, options["out"])
    code = failure.exit_code if failure is not None else concluded(found)
    with reader_may_leave():
        if options["as_json"]:
            import msgspec

            error = {"error": error_body(failure)} if failure is not None else {}
            print_json(msgspec.to_builtins(found) | error | {"exit_code": int(code)})
        else:
            print_examination(found)
    if failure is not None and not options["as_json"]:
        raise failure
    return int(code)


def concluded(found: Examination | Inspection) -> ExitCode:
    """10 when a finding is harmful, or a concern so grave that people have to look though nothing is shown;
    12 when one of medium severity or more could not be assessed, or nothing that could be of concern could
    be."""
    concerns = [each for each in found.findings if each.measure.role == "concern"]
    grave = [each for each in concerns if each.state == "not_shown" and each.severity in ("high", "critical")]
    if grave or any(each.state == "shown_harmful" for each in found.findings):
        return ExitCode.REVIEW
    unknown = [each for each in concerns if each.state == "not_assessable"]
    open_ = any(each.severity not in ("none", "low") for each in unknown)
    nothing = bool(concerns) and len(unknown) == len(concerns)
    return ExitCode.INCONCLUSIVE if open_ or nothing else ExitCode.ALLOWED


def written(found: Examination, out: Path | None) -> StoreError | None:
    """Write the examination where wanted; why that failed, for whoever has told what was found."""
    from modelassay.canonical import canonical_json
    from modelassay.log.durable import write_atomic

    try:
        if out is not None:
            write_atomic(out, canonical_json(found) + b"\n")
    except OSError as error:
        return StoreError(
            f"the examination cannot be written: {error.strerror}",
            where=str(out),
            mend="free some space; with --json it is printed whole as well",
        )
    return None


def write_rows(path: Path, rows: Sequence[dict[str, str]], what: str) -> None:
    """Write rows found by a search as JSONL.

    Raises:
        StoreError: the file cannot be written.
    """
    import msgspec

    try:
        path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    except OSError as error:
        raise StoreError(f"the {what} cannot be written: {error.strerror}", where=str(path)) from error


def print_examination(found: Examination) -> None:
    """Findings, numbers beside their nulls, and limits, for people."""
    from modelassay.report.text import visible

    for note in found.notes:
        click.echo(visible(note))
    if found.notes:
        click.echo("")
    for each in found.findings:
        concern = each.state == "shown_harmful"
        mark = click.style("✗", fg="red") if concern else "✓" if each.state == "shown_fine" else "·"
        severity = f" [{each.severity}]" if each.severity != "none" else ""
        click.echo(f"{mark}{severity} {visible(each.statement)}")
    if found.statistics:
        click.echo(f"\n{'value':>10} {'harmless at most':>16} {'n':>4} {'p':>6} {'adjusted':>8}  statistic")
    for number in found.statistics:
        click.echo(_row(number))
    if found.cannot:
        click.echo("\nwhat this could not have found")
    for limit in found.cannot:
        click.echo(f"- {visible(limit)}")


def _row(number: Statistic) -> str:
    greatest = f"{number.null_greatest:.3f}" if number.null_greatest is not None else "uncalibrated"
    p = f"{number.p_value:.3f}" if number.p_value is not None else "–"
    adjusted = f"{number.adjusted_p:.3f}" if number.adjusted_p is not None else "–"
    size = number.null_size or "–"
    return f"{number.value:>10.3f} {greatest:>16} {size:>4} {p:>6} {adjusted:>8}  {number.name}"
