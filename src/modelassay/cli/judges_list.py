"""``modelassay judges list``: what is known of the error of every evaluator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option


@click.command("list")
@store_option
@json_option
def command(store: Path | None, as_json: bool) -> None:
    """List evaluators: what each measures, and what is known of its error."""
    import asyncio

    from modelassay import plugins
    from modelassay.cli.judges_options import open_evaluator, show_calibration
    from modelassay.errors import ConfigError
    from modelassay.judges import calibrations_of, with_errors

    place = chosen_store(store)
    listed: list[dict[str, Any]] = []
    seen: set[str] = set()
    for name in plugins.names("evaluators"):
        try:
            _, pin, _ = asyncio.run(open_evaluator(name, ()))
        except ConfigError as error:  # one that has no default judge
            listed.append({"evaluator": name, "needs": error.what})
            if not as_json:
                click.echo(f"{name}: {error.what}")
            continue
        if pin.name in seen:
            continue
        seen.add(pin.name)
        found = calibrations_of(pin.name, pin.version, pin.settings, place)
        standing = with_errors(pin, place)
        exact = [measure.name for measure in pin.measures if measure.exact]
        listed.append(
            {
                "evaluator": pin.name,
                "version": pin.version,
                "exact": exact,
                "uncalibrated": standing.uncalibrated,
                "calibrations": found,
            }
        )
        if as_json:
            continue
        click.echo(f"{pin.name}@{pin.version}")
        for each in found:
            show_calibration(each)
        for title, names in (("exact", exact), ("uncalibrated", standing.uncalibrated)):
            if names:
                click.echo(f"  {title}: {', '.join(names)}")
    if as_json:
        print_json({"evaluators": listed})
