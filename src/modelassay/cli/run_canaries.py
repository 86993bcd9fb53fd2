"""``modelassay run canaries``: tasks that the assessor planted, counted in the record."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable
from modelassay.cli.run_options import open_run, read_file
from modelassay.errors import ExitCode, UsageError


@click.command("canaries")
@click.argument("run")
@click.argument("planted", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--share", type=float, required=True, help="Of planted tasks among all that training draws from."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write the finding here.",
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

    texts = _planted(planted)
    finding = check_canaries(open_run(run, chosen_store(store)), texts, share)
    if output is not None:
        write_atomic(output, msgspec.json.encode(finding))
    if as_json:
        print_json(finding)
    else:
        click.echo(f"{finding.outcome}: {finding.statement}")
    return int(ExitCode.UNVERIFIED if finding.state == "shown_harmful" else ExitCode.ALLOWED)


def _planted(path: Path) -> list[str]:
    """What tells each planted task; words that cannot be read would be missed in an honest record."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("not text in UTF-8", where=str(path), mend="save it as UTF-8") from error
    return [line.strip() for line in text.split("\n") if line.strip()]
