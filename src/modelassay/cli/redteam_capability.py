"""``modelassay redteam capability``: what the candidate can do that the baseline could not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import (
    data_dir_option,
    json_option,
    offline_option,
    print_json,
    quiet_option,
    reader_may_leave,
)
from modelassay.cli.plan_models import models_of, plan_models_option

if TYPE_CHECKING:
    from modelassay.records import Examination


@click.command("capability")
@click.option("--candidate", help="Model that should not have learned it, as in a plan.")
@click.option("--baseline", help="Model that it came from.")
@plan_models_option
@click.option("--dataset", required=True, help="Questions with a reference answer.")
@click.option("--capability", default="", help="Its name, for rows without the tag `capability`.")
@click.option("--limit", type=click.IntRange(0), default=0, help="At most so many rows.")
@click.option("--max-tokens", type=click.IntRange(1), help="Of one answer; as the plan says, else 256.")
@click.option("--seed", type=int, default=1, show_default=True, help="What a limit keeps.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder of the probes: journal, examination, transcripts. The same command goes on in it.",
)
@data_dir_option
@offline_option
@quiet_option
@json_option
def command(out: Path, **given: Any) -> int:
    """Put questions with a right answer to both models, and count what only the candidate knows.

    Every answer is kept at once: killed or stopped, the same command goes on without asking for it again. The
    result is an examination (OUT/examination.json), which an audit takes in. Exits 10 when a gain is shown.

    \b
    modelassay redteam capability --candidate hf:./tuned --baseline hf:./base --dataset codes.jsonl \\
        --out probes
    modelassay redteam capability --plan plan.yaml --dataset codes.jsonl --out probes
    """
    from modelassay.cli.inspect_options import print_examination
    from modelassay.cli.redteam_options import exit_code, to_the_end

    made = to_the_end(lambda stop: _probed(out, given, stop))
    code = exit_code(made)
    with reader_may_leave():
        if given["as_json"]:
            print_json(made)
        else:
            print_examination(made)
            click.echo(f"\nexamination: {out / 'examination.json'}")
    return int(code)


async def _probed(out: Path, given: dict[str, Any], stop: asyncio.Event) -> Examination:
    from modelassay.config import DatasetReference
    from modelassay.redteam.capability import probe_capabilities, write_probes
    from modelassay.suites import default_cache_dir, open_suite

    models = models_of(given["plan"], given["candidate"], given["baseline"], with_baseline=True)
    suite = open_suite(
        DatasetReference(use=given["dataset"], limit=given["limit"], kind="borderline"),
        folder=Path(),
        data_dir=given["data_dir"],
        cache_dir=default_cache_dir(),
        seed=given["seed"],
        offline=given["offline"],
    )
    candidate, baseline = models.opened()
    try:
        examination, transcripts = await probe_capabilities(
            candidate,
            baseline,
            suite.samples,
            out,
            pins=[suite.pin],
            decoding=models.decoded(given["max_tokens"], otherwise=256),
            capability=given["capability"],
            stop=stop,
            tell=(lambda *_: None) if given["quiet"] else _tell,
        )
    finally:
        await candidate.close()
        await baseline.close()
    return write_probes(examination, transcripts, out)


def _tell(side: str, done: int, total: int) -> None:
    click.echo(f"{side}: {done:,} of {total:,} questions", err=True)
