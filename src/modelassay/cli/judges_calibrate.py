"""``modelassay judges calibrate``: agreement with people on labelled answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.judges_options import labelled_options, setting_option
from modelassay.cli.options import chosen_store, data_dir_option, json_option, print_json, store_option


@click.command("calibrate")
@click.argument("evaluator")
@click.argument("labelled", required=False, type=click.Path(path_type=Path))
@setting_option
@labelled_options
@click.option("--shipped", is_flag=True, help="Write into the package, not into the store.")
@data_dir_option
@store_option
@json_option
def command(
    evaluator: str,
    labelled: Path | None,
    settings: tuple[str, ...],
    data_dir: Path | None,
    store: Path | None,
    shipped: bool,
    as_json: bool,
    **labels: Any,
) -> None:
    """Measure EVALUATOR on LABELLED (.csv or .jsonl); by default on all fitting sets of the data folder."""
    import asyncio

    from modelassay.cli.judges_options import show_calibration
    from modelassay.judges import PACKAGED, keep

    found = asyncio.run(_calibrated(evaluator, labelled, settings, data_dir, **labels))
    files = keep(found, PACKAGED if shipped else chosen_store(store) / "judges")
    if as_json:
        print_json({"calibrations": found, "files": [str(path) for path in files]})
        return
    click.echo(f"{found[0].evaluator}@{found[0].version}")
    for each in found:
        show_calibration(each, parts=True)
    for path in files:
        click.echo(f"kept in {path}", err=True)


async def _calibrated(
    name: str, labelled: Path | None, settings: tuple[str, ...], data_dir: Path | None, **labels: Any
) -> Any:
    from datetime import UTC, datetime

    from modelassay.cli.judges_options import labelled_data, open_evaluator, read_own, tell_rows
    from modelassay.errors import UsageError
    from modelassay.judges import calibrate_on, calibration_of, fits_of, read_all

    evaluator, pin, judges = await open_evaluator(name, settings)
    day = datetime.now(UTC).date().isoformat()
    try:
        if labelled is None:
            fits = fits_of(pin.name)
            if not fits:
                raise UsageError(
                    f"no set of the data folder tells the error of {pin.name}", mend="give a labelled file"
                )
            data = labelled_data(data_dir)
            return await calibrate_on(
                evaluator, fits, data, settings=pin.settings, day=day, progress=tell_rows
            )
        answers, task = read_own(labelled, evaluator, labels)
        readings = await read_all(evaluator, answers, task, tell_rows)
        return (calibration_of(evaluator, answers, task, readings, settings=pin.settings, day=day),)
    finally:
        for judge in judges:
            await judge.close()
