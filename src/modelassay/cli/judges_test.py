"""``modelassay judges test``: whether a judge still reads what it read when it was calibrated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.judges_options import setting_option
from modelassay.cli.options import chosen_store, data_dir_option, json_option, print_json, store_option

MOST_SHOWN = 20


@click.command("test")
@click.argument("evaluator")
@click.argument("labelled", required=False, type=click.Path(path_type=Path))
@setting_option
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
) -> int:
    """Have EVALUATOR read again what it was calibrated on: 0 when it reads the same, 12 when it drifted.

    LABELLED is the file of a calibration of your own, which must be read as it was (columns by their names).
    """
    import asyncio

    from modelassay.cli.judges_options import in_words
    from modelassay.errors import ExitCode

    found = asyncio.run(_drifts(evaluator, labelled, settings, data_dir, chosen_store(store)))
    drifted = any(each.drifted for each in found)
    if as_json:
        print_json({"drifted": drifted, "sets": found})
    for each in () if as_json else found:
        state = "DRIFTED" if each.drifted else "as calibrated"
        click.echo(f"{each.set} ({', '.join(each.measures)}): {state}; {len(each.changed)} of {each.rows:,}")
        for line in each.changed[:MOST_SHOWN]:
            click.echo(f"  {line}")
        if each.changed:
            click.echo(f"  McNemar mid-p {each.p_value}; now {in_words(each.now)}")
    return int(ExitCode.INCONCLUSIVE if drifted else ExitCode.ALLOWED)


async def _drifts(
    name: str, labelled: Path | None, settings: tuple[str, ...], data_dir: Path | None, store: Path
) -> list[Any]:
    from modelassay.cli.judges_options import labelled_data, open_evaluator, tell_rows
    from modelassay.errors import UsageError
    from modelassay.judges import Task, calibrations_of, drift_of, fits_of, read_all, read_labelled

    evaluator, pin, judges = await open_evaluator(name, settings)
    kept = calibrations_of(pin.name, pin.version, pin.settings, store)
    kept = tuple(each for each in kept if bool(each.path) is (labelled is None))
    if not kept:
        raise UsageError(
            f"{pin.name}@{pin.version} with these settings was never calibrated",
            mend=f"`modelassay judges calibrate {name}`",
        )
    found = []
    try:
        for each in kept:
            if labelled is not None:
                answers = read_labelled(labelled, name=each.set)
            else:
                fit = next(f for f in fits_of(pin.name) if (f.path, f.measures) == (each.path, each.measures))
                answers = fit.answers(labelled_data(data_dir))
            task = Task(measures=each.measures, positive=each.positive)
            found.append(drift_of(each, answers, await read_all(evaluator, answers, task, tell_rows)))
    finally:
        for judge in judges:
            await judge.close()
    return found
