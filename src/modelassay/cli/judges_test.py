"""``modelassay judges test``: whether a judge reads as it did, or how it reads a file of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.judges_options import labelled_options, setting_option
from modelassay.cli.options import chosen_store, data_dir_option, json_option, print_json, store_option

if TYPE_CHECKING:
    from modelassay.judges import Calibration, Drift

MOST_SHOWN = 20


@click.command("test")
@click.argument("evaluator")
@click.argument("labelled", required=False, type=click.Path(path_type=Path))
@setting_option
@labelled_options
@data_dir_option
@store_option
@json_option
def command(
    evaluator: str,
    labelled: Path | None,
    settings: tuple[str, ...],
    data_dir: Path | None,
    store: Path | None,
    as_json: bool,
    **labels: Any,
) -> int:
    """Have EVALUATOR read again what it was calibrated on: 0 when it reads the same, 12 when it drifted.

    LABELLED is a file of your own (.csv or .jsonl). One that the evaluator was calibrated on must be read as
    it was then; on any other its agreement with the labels is shown, and not kept.

    \b
    modelassay judges test refusal
    modelassay judges test toxicity answers.csv --columns input=question,output=reply,label=toxic
    """
    import asyncio

    from modelassay.errors import ExitCode

    where = chosen_store(store)
    if labelled is None:
        found, measured = asyncio.run(_drifts(evaluator, settings, data_dir, where)), None
    else:
        found, measured = asyncio.run(_own(evaluator, labelled, settings, where, labels))
    drifted = any(each.drifted for each in found)
    if as_json:
        own = {} if measured is None else {"measured": measured}
        print_json({"drifted": drifted, "sets": found, **own})
    else:
        _show(found, measured)
    return int(ExitCode.INCONCLUSIVE if drifted else ExitCode.ALLOWED)


def _show(found: list[Drift], measured: Calibration | None) -> None:
    from modelassay.cli.judges_options import in_words, show_calibration

    for each in found:
        state = "DRIFTED" if each.drifted else "as calibrated"
        click.echo(f"{each.set} ({', '.join(each.measures)}): {state}; {len(each.changed)} of {each.rows:,}")
        for line in each.changed[:MOST_SHOWN]:
            click.echo(f"  {line}")
        if each.changed:
            click.echo(f"  McNemar mid-p {each.p_value}; now {in_words(each.now)}")
    if measured is not None:
        click.echo(f"{measured.evaluator}@{measured.version}")
        show_calibration(measured, parts=True)
        click.echo(
            f"not kept; `modelassay judges calibrate {measured.evaluator}` with this file and these options "
            "lets audits tell it",
            err=True,
        )


async def _drifts(name: str, settings: tuple[str, ...], data_dir: Path | None, store: Path) -> list[Drift]:
    """The sets of the data folder, read again."""
    from modelassay.cli.judges_options import labelled_data, open_evaluator, tell_rows
    from modelassay.errors import UsageError
    from modelassay.judges import Task, calibrations_of, drift_of, fits_of, read_all

    evaluator, pin, judges = await open_evaluator(name, settings)
    kept = [each for each in calibrations_of(pin.name, pin.version, pin.settings, store) if each.path]
    if not kept:
        raise UsageError(
            f"{pin.name}@{pin.version} with these settings was never calibrated on a set of the data folder",
            mend=f"`modelassay judges calibrate {name}`, or give a labelled file"
            if fits_of(pin.name)
            else "no set there fits it: give a labelled file of your own",
        )
    found = []
    try:
        for each in kept:
            fit = next(f for f in fits_of(pin.name) if (f.path, f.measures) == (each.path, each.measures))
            answers = fit.answers(labelled_data(data_dir))
            task = Task(measures=each.measures, positive=each.positive)
            found.append(drift_of(each, answers, await read_all(evaluator, answers, task, tell_rows)))
    finally:
        for judge in judges:
            await judge.close()
    return found


async def _own(
    name: str, labelled: Path, settings: tuple[str, ...], store: Path, labels: dict[str, Any]
) -> tuple[list[Drift], Calibration | None]:
    """A file of the user's: held against its calibrations, or measured where there are none of it."""
    from datetime import UTC, datetime

    from modelassay.cli.judges_options import open_evaluator, read_own, tell_rows
    from modelassay.judges import Task, calibration_of, calibrations_of, drift_of, read_all

    evaluator, pin, judges = await open_evaluator(name, settings)
    try:
        answers, task = read_own(labelled, evaluator, labels)
        kept = [
            each
            for each in calibrations_of(pin.name, pin.version, pin.settings, store)
            if each.digest == answers.digest
        ]
        found = []
        for each in kept:
            task = Task(measures=each.measures, positive=each.positive)
            found.append(drift_of(each, answers, await read_all(evaluator, answers, task, tell_rows)))
        if found:
            return found, None
        readings = await read_all(evaluator, answers, task, tell_rows)
        day = datetime.now(UTC).date().isoformat()
        return [], calibration_of(evaluator, answers, task, readings, settings=pin.settings, day=day)
    finally:
        for judge in judges:
            await judge.close()
