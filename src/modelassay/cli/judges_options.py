"""What the subcommands of ``modelassay judges`` share: opening an evaluator, figures in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.errors import ConfigError, UnknownNameError, UsageError, did_you_mean

if TYPE_CHECKING:
    from modelassay.judges import Agreement, Calibration, Columns, LabelledAnswers, Task
    from modelassay.protocols import Evaluator, Target
    from modelassay.records import EvaluatorPin

setting_option = click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the evaluator; repeatable.",
)


def labelled_options(command: Any) -> Any:
    """Options that say what the columns and labels of a user's own file mean."""
    for option in (
        click.option("--positive-label", "labels", multiple=True, help="Label that is positive; repeatable."),
        click.option(
            "--columns",
            "--column",
            "columns",
            multiple=True,
            metavar="FIELD=COLUMN,…",
            help="Where what stands: input=question,output=answer,label=unsafe; also context, group, "
            "language, category, model. Repeatable.",
        ),
        click.option(
            "--kind",
            type=click.Choice(["harmful", "borderline", "benign"]),
            default="harmful",
            show_default=True,
            help="Of all requests.",
        ),
        click.option(
            "--positive", type=click.Choice(["wanted", "unwanted"]), default="unwanted", show_default=True
        ),
        click.option("--measure", "measures", multiple=True, help="Measure of the labels; repeatable."),
    ):
        command = option(command)
    return command


def read_own(
    file: Path, evaluator: Evaluator, said: dict[str, Any], *, name: str = ""
) -> tuple[LabelledAnswers, Task]:
    """A user's own labelled file, and what its labels are of.

    Args:
        said: values of `labelled_options`.
        name: of the set, in place of the file's.

    Raises:
        UsageError: no such field, or a label that is none.
    """
    from modelassay.judges import Task, read_labelled

    answers = read_labelled(file, _columns(said), kind=said["kind"], name=name)
    known = tuple(measure.name for measure in evaluator.measures)
    for measure in said["measures"]:
        if measure not in known:
            raise UnknownNameError("measure", measure, known, where="--measure")
    return answers, Task(measures=said["measures"] or known, positive=said["positive"])


_ALSO = {"input": "prompt", "output": "response", "answer": "response"}
"""Other names of fields."""


def _columns(said: dict[str, Any]) -> Columns:
    from modelassay.judges import Columns

    given: dict[str, Any] = {"positive": said["labels"]}
    known = [name for name in Columns.__struct_fields__ if name not in ("positive", "needed", "tags")]
    for each in (part for text in said["columns"] for part in text.split(",")):
        field, equals, column = (text.strip() for text in each.partition("="))
        field = _ALSO.get(field, field)
        if not equals or not column or field not in known:
            raise UsageError(
                f"{each!r} names no column",
                where="--columns",
                mend=f"write FIELD=COLUMN; {did_you_mean(field, [*known, *_ALSO])}",
            )
        given[field] = column
    return Columns(**given)


async def open_evaluator(
    name: str, settings: tuple[str, ...]
) -> tuple[Evaluator, EvaluatorPin, tuple[Target, ...]]:
    """The evaluator as a plan would open it, its pin, and judge models to close.

    Raises:
        UnknownNameError: no such evaluator.
        ConfigError: settings are wrong.
        TargetError: its judge model cannot be asked.
    """
    import yaml

    from modelassay.audit.parts import open_evaluators, pin_of
    from modelassay.config import EvaluatorReference
    from modelassay.protocols import Preparable

    given: dict[str, Any] = {}
    for each in settings:
        key, equals, value = each.partition("=")
        if not equals:
            raise ConfigError(f"{each!r} is no setting", where="--setting", mend="write KEY=VALUE")
        given[key] = yaml.safe_load(value)
    reference = EvaluatorReference(use=name, settings=given)
    (evaluator,), judges = open_evaluators([reference], Path())
    if isinstance(evaluator, Preparable):
        await evaluator.prepare()
    return evaluator, pin_of(evaluator, reference), judges


def labelled_data(given: Path | None) -> Path:
    """The folder with labelled sets."""
    from modelassay.evaluators.trained.sets import data_folder

    return data_folder(given)


def in_words(found: Agreement) -> str:
    """Agreement in one line."""
    kappa = found.kappa
    return (
        f"κ {kappa.value:.2f} [{kappa.low:.2f}–{kappa.high:.2f}], sensitivity {found.sensitivity.value:.2f}, "
        f"specificity {found.specificity.value:.2f}, F1 {found.f1.value:.2f}; {found.rows:,} answers"
        + (f", {found.unread:,} unread" if found.unread else "")
    )


def show_calibration(each: Calibration, *, parts: bool = False) -> None:
    """One calibration on stdout, on request by language and category too."""
    click.echo(f"  {each.set} ({', '.join(each.measures)}): {in_words(each.overall)}")
    if each.seen:
        click.echo(f"    {each.seen}")
    if not each.overall.tells:
        told = each.overall.informedness
        click.echo(
            "    not shown to tell good answers from bad: sensitivity + specificity − 1 is "
            f"{told.value:.2f} [{told.low:.2f}–{told.high:.2f}], where 0 is chance; by this set alone it "
            "is uncalibrated"
        )
    for kind, by_name in (("language", each.languages), ("category", each.categories)) if parts else ():
        for name, found in by_name.items() if len(by_name) > 1 else ():
            click.echo(f"    {kind} {name}: {in_words(found)}")


def tell_rows(done: int, total: int) -> None:
    """Progress on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} answers", err=True, nl=done >= total)
