"""What the subcommands of ``modelassay judges`` share: opening an evaluator, figures in words."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.errors import ConfigError

if TYPE_CHECKING:
    from modelassay.judges import Agreement, Calibration
    from modelassay.protocols import Evaluator, Target
    from modelassay.records import EvaluatorPin

setting_option = click.option(
    "--setting",
    "settings",
    multiple=True,
    metavar="KEY=VALUE",
    help="Setting of the evaluator; repeatable.",
)


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
    for kind, by_name in (("language", each.languages), ("category", each.categories)) if parts else ():
        for name, found in by_name.items() if len(by_name) > 1 else ():
            click.echo(f"    {kind} {name}: {in_words(found)}")


def tell_rows(done: int, total: int) -> None:
    """Progress on a terminal."""
    if sys.stderr.isatty():
        click.echo(f"\r{done:,} of {total:,} answers", err=True, nl=done >= total)
