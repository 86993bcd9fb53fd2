"""``modelassay run replay``: a segment that was trained again, held against the record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable
from modelassay.cli.run_options import open_run
from modelassay.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from modelassay.records import RunCheckpoint, RunFinding
    from modelassay.training.run import Run

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("replay")
@click.argument("run")
@click.argument("replayed", required=False, default="")
@click.option(
    "--from", "start", type=_FOLDER, required=True, metavar="DIR", help="Checkpoint that was replayed from."
)
@click.option("--to", "claimed", type=_FOLDER, metavar="DIR", help="Checkpoint at the end, as claimed.")
@click.option("--reached", type=_FOLDER, metavar="DIR", help="Checkpoint at the end, as replayed.")
@click.option(
    "--own",
    type=_FOLDER,
    multiple=True,
    metavar="DIR",
    help="The same, as the developer replayed it; repeatable. Gives the tolerance. [default: exact]",
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
    run: str,
    replayed: str,
    start: Path,
    claimed: Path | None,
    reached: Path | None,
    own: tuple[Path, ...],
    output: Path | None,
    store: Path | None,
    as_json: bool,
) -> int:
    """Hold REPLAYED (a run recorded while training was resumed from --from) against RUN.

    Rollouts are compared token by token, and weights where --to and --reached are given. Without REPLAYED the
    tokens that RUN sampled next are scored under the checkpoint (needs torch). Exits 13 when the record is
    not reproduced. `run assess --finding` takes what `-o` writes.

    \b
    modelassay run replay grpo ./again --from out/checkpoint-20
    modelassay run replay grpo --from out/checkpoint-20
    """
    import msgspec

    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol import replay
    from modelassay.training.protocol.weight_distance import weight_deviation

    place = chosen_store(store)
    recorded = open_run(run, place)
    checkpoint = replay.recorded_checkpoint(recorded, start)
    if not replayed:
        finding = _scored(recorded, checkpoint, start)
    else:
        _refuse_itself(claimed, reached, own)
        again = open_run(replayed, place)
        end = replay.recorded_checkpoint(recorded, claimed) if claimed else None
        _refuse_no_segment(recorded, again, checkpoint, end)
        last = end.step if end else max((each.step for each in again.metrics()), default=checkpoint.step)
        rollouts = replay.compare_rollouts(recorded, again, checkpoint.step + 1, last)
        weights = weight_deviation(reached, claimed, start) if claimed and reached else None
        others = [weight_deviation(each, claimed, start) for each in own] if claimed else []
        finding = replay.replay_finding(checkpoint, rollouts, weights, others, run=recorded.manifest.id)
    if output is not None:
        write_atomic(output, msgspec.json.encode(finding))
    if as_json:
        print_json(finding)
    else:
        click.echo(f"{finding.outcome}: {finding.statement}")
    return int(ExitCode.UNVERIFIED if finding.state == "shown_harmful" else ExitCode.ALLOWED)


def _refuse_itself(claimed: Path | None, reached: Path | None, own: tuple[Path, ...]) -> None:
    """Weights are compared with others than themselves."""
    if (claimed is None) != (reached is None) or (own and claimed is None):
        raise UsageError("weights are compared where both --to and --reached are given")
    if claimed is not None and claimed.resolve() in {each.resolve() for each in (reached, *own) if each}:
        raise UsageError(
            "the checkpoint that is claimed is compared with itself",
            where=str(claimed),
            mend="give the one that the replay reached",
        )


def _refuse_no_segment(
    recorded: Run, again: Run, checkpoint: RunCheckpoint, end: RunCheckpoint | None
) -> None:
    """A replay is another run than the record, of a segment in which something was trained."""
    if again.folder.resolve() == recorded.folder.resolve():
        raise UsageError("the run is compared with itself", where=str(again.folder), mend="name the replay")
    if end is not None and end.step <= checkpoint.step:
        raise UsageError(
            f"{end.name} is of step {end.step}, no later than {checkpoint.name} of step {checkpoint.step}: "
            "nothing was trained in between",
            where="--to",
            mend="name a later checkpoint",
        )


def _scored(recorded: Run, checkpoint: RunCheckpoint, folder: Path) -> RunFinding:
    """Scores of the rollouts that the checkpoint must have sampled: those of the step after it."""
    from modelassay.training.protocol import replay, sampling
    from modelassay.training.protocol.scoring import score_tokens

    step = checkpoint.step + 1
    logged = replay.logged_rollouts(recorded, step)
    temperature, why_not = sampling.sampling_of(recorded)
    scores = score_tokens(folder, logged, temperature or 1.0)
    return sampling.scores_finding(checkpoint.name, step, logged, scores, why_not, temperature=temperature)
