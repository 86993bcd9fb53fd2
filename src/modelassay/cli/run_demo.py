"""``modelassay run demo``: a training run that was patched over, and an assessor who tells."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, quiet_option


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-run"),
    show_default=True,
    help="Where the developer's and the assessor's files go; replaced when they exist.",
)
@quiet_option
@json_option
def command(folder: Path, quiet: bool, as_json: bool) -> int:
    """Train a tiny model that learns to cheat, patch the symptom, fix the cause; let an assessor tell.

    The run is recorded live with the developer's keys. The assessor, with other keys and a copy of the
    record, challenges, checks and assesses it. Needs the extras `local` and `train` and about a minute. Exits
    0 when the report names what was done, 1 otherwise.
    """
    from modelassay.report.text import visible
    from modelassay.training_demo import BEHAVIOUR, HACKED, PATCHED, run_training_demo

    record, story, sealed = run_training_demo(
        folder, lambda line: None if quiet else click.echo(line, err=True)
    )
    good = story.as_planted
    if as_json:
        print_json({"story": story, "as_planted": good, "headline": record.headline, "folder": str(sealed)})
        return 0 if good else 1
    click.echo()
    click.echo(visible(record.headline))
    click.echo(f"  the flawed grader reinforced {BEHAVIOUR!r}: {'yes' if story.reinforced else 'NOT TOLD'}")
    click.echo(f"  the symptom patch of step {HACKED}: {story.patched_over}")
    click.echo(f"  the first alarm: {'answered at the symptom' if story.answered_at_symptom else 'NOT TOLD'}")
    click.echo(f"  the fix of the cause of step {PATCHED}: {story.resolved}")
    click.echo("as planted" if good else "NOT AS PLANTED")
    click.echo(f"\nreport: {sealed / 'report.html'}")
    click.echo(f"check it: modelassay run verify {' '.join(map(str, check_words(folder, sealed)))}")
    return 0 if good else 1


def check_words(folder: Path, sealed: Path) -> list[Path | str]:
    """What to give to ``run verify``, so that everything is checked and found again."""
    theirs = folder / "assessor"
    return [
        sealed,
        "--key",
        theirs / "keys" / "demo.verdict.pub.pem",
        "--trust",
        theirs / "trust.txt",
        "--run",
        theirs / "grpo",
        "--challenge",
        theirs / "challenge.json",
        "--opening",
        theirs / "opening.jsonl",
        "--run-trust",
        theirs / "developer-trust.txt",
    ]
