"""``modelassay run canaries``: tasks that the assessor planted, counted in the record."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.cli.run_options import open_run, read_file
from modelassay.errors import ExitCode


@click.command("canaries")
@click.argument("run")
@click.argument("planted", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--share", type=float, required=True, help="Of planted tasks among all that training draws from."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Write the finding here."
)
@store_option
@json_option
def command(
    run: str, planted: Path, share: float, output: Path | None, store: Path | None, as_json: bool
) -> int:
    """Count the tasks of PLANTED (a line each: words that stand in their prompts alone) in the record of RUN.

    Exits 13 when there are too few or too many of them. `run assess --finding` takes what `-o` writes.

    \b
    modelassay run canaries ./grpo planted.txt --share 0.02 -o canaries.json
    """
    import msgspec

    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol.canaries import check_canaries

    texts = [line for line in read_file(planted).decode("utf-8", "replace").splitlines() if line.strip()]
    finding = check_canaries(open_run(run, chosen_store(store)), texts, share)
    if output is not None:
        write_atomic(output, msgspec.json.encode(finding))
    if as_json:
        print_json(finding)
    else:
        click.echo(f"{finding.outcome}: {finding.statement}")
    return int(ExitCode.UNVERIFIED if finding.state == "shown_harmful" else ExitCode.ALLOWED)
