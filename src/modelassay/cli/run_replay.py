"""``modelassay run replay``: a segment that was trained again, held against the record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable
from modelassay.cli.replay_start import Start, start_of
from modelassay.cli.run_options import open_run
from modelassay.errors import ExitCode, TargetError, UsageError

if TYPE_CHECKING:
    from modelassay.records import RunCheckpoint, RunFinding
    from modelassay.training.protocol.replay import Replayed
    from modelassay.training.run import Run

_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("replay")
@click.argument("run")
@click.argument("replayed", required=False, default="")
@click.option(
    "--from",
    "start",
    callback=start_of,
    required=True,
    metavar="DIR|hf:BASE+DIR",
    help="Checkpoint that was replayed from; an adapter's with its base, where tokens are scored.",
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
    "--own-run",
    "own_runs",
    multiple=True,
    metavar="RUN",
    help="Their record of such a replay; repeatable. Says how many rollouts may differ.",
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
    start: Start,
    claimed: Path | None,
    reached: Path | None,
    own: tuple[Path, ...],
    own_runs: tuple[str, ...],
    output: Path | None,
    store: Path | None,
    as_json: bool,
) -> int:
    """Hold REPLAYED (a run recorded while training was resumed from --from) against RUN.

    Rollouts are compared token by token, and weights where --to and --reached are given. Where --own allows
    rollouts to differ, those of the first step are scored under the checkpoint, and those after it are held
    against --own-run. Without REPLAYED the tokens that RUN sampled next are scored (needs torch). A replay
    with other settings, code or libraries than the record accuses nobody, and such an --own-run is left out.
    Exits 13 when the record is not reproduced. `run assess --finding` takes what `-o` writes.

    \b
    modelassay run replay grpo ./again --from out/checkpoint-20
    modelassay run replay grpo ./again --from out/checkpoint-20 --to out/checkpoint-22 \\
        --reached again/checkpoint-22 --own theirs/checkpoint-22 --own-run ./theirs
    modelassay run replay grpo --from out/checkpoint-20
    modelassay run replay lora --from hf:org/base+out/checkpoint-20
    """
    import msgspec

    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol.replay import recorded_checkpoint, replay_finding

    place = chosen_store(store)
    recorded = open_run(run, place)
    checkpoint = recorded_checkpoint(recorded, start.folder)
    if not replayed:
        finding = _scored(recorded, checkpoint, start)
    else:
        folders = _Folders(start, claimed, reached, own)
        _refuse_itself(folders, own_runs)
        again, others = open_run(replayed, place), [open_run(each, place) for each in own_runs]
        found = _replayed(recorded, again, others, checkpoint, folders)
        finding = replay_finding(checkpoint, found, run=recorded.manifest.id)
    if output is not None:
        write_atomic(output, msgspec.json.encode(finding))
    if as_json:
        print_json(finding)
    else:
        click.echo(f"{finding.outcome}: {finding.statement}")
    return int(ExitCode.UNVERIFIED if finding.state == "shown_harmful" else ExitCode.ALLOWED)


@dataclass(frozen=True)
class _Folders:
    """Checkpoints that are compared."""

    start: Start
    claimed: Path | None
    reached: Path | None
    own: tuple[Path, ...]


def _replayed(
    recorded: Run, again: Run, own_runs: Sequence[Run], checkpoint: RunCheckpoint, folders: _Folders
) -> Replayed:
    """The replay `again`, held against the record and the developer's own."""
    from modelassay.training.protocol.replay import Replayed, recorded_checkpoint
    from modelassay.training.protocol.rollout_comparison import compare_rollouts, lacking_parts
    from modelassay.training.protocol.set_up import other_adapter, other_set_up
    from modelassay.training.protocol.weight_distance import weight_deviation

    claimed, reached = folders.claimed, folders.reached
    end = recorded_checkpoint(recorded, claimed) if claimed else None
    _refuse_no_segment(recorded, again, checkpoint, end)
    _refuse_another_end(again, reached)
    last = end.step if end else max((each.step for each in again.metrics()), default=checkpoint.step)
    _refuse_copy(recorded, again, checkpoint.step + 1, last)
    alike, otherwise = _by_set_up(recorded, own_runs, checkpoint.step, last)
    rollouts = compare_rollouts(recorded, again, checkpoint.step + 1, last)
    found = Replayed(
        rollouts=rollouts,
        weights=weight_deviation(reached, claimed, folders.start.folder) if claimed and reached else None,
        own=tuple(weight_deviation(each, claimed, folders.start.folder) for each in folders.own if claimed),
        own_rollouts=tuple(compare_rollouts(again, each, checkpoint.step + 1, last) for each in alike),
        set_up=tuple(
            dict.fromkeys(
                [
                    *other_set_up(recorded, again, checkpoint.step, last),
                    *(other_adapter(claimed, reached) if claimed and reached else ()),
                ]
            )
        ),
        own_set_up=otherwise,
        lacks=lacking_parts(recorded, checkpoint.step + 1, last),
    )
    if found.tolerance and checkpoint.step + 1 in rollouts.differing_steps:
        return replace(found, scored=_scored_if_possible(recorded, checkpoint, folders.start))
    return found


def _refuse_itself(folders: _Folders, own_runs: tuple[str, ...]) -> None:
    """Weights are compared with others than themselves."""
    claimed, others = folders.claimed, (folders.reached, *folders.own)
    if (claimed is None) != (folders.reached is None) or (folders.own and claimed is None):
        raise UsageError("weights are compared where both --to and --reached are given")
    if own_runs and not folders.own:
        raise UsageError(
            "what was recorded of the developer's own replays says nothing without where their weights ended",
            where="--own-run",
            mend="give --own as well",
        )
    if claimed is not None and claimed.resolve() in {each.resolve() for each in others if each}:
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


def _refuse_copy(recorded: Run, again: Run, first: int, last: int) -> None:
    """What is a copy of the record, or goes on in one, was not trained again."""
    from modelassay.training.protocol.rollout_comparison import why_a_copy

    if why := why_a_copy(recorded, again, first, last):
        raise UsageError(
            f"this is no replay of the record but a copy of it: {why}",
            where=str(again.folder),
            mend="train again from the checkpoint, and record that as a run of its own",
        )


def _refuse_another_end(again: Run, reached: Path | None) -> None:
    """The checkpoint that a replay reached is one that it recorded, where it recorded any."""
    from modelassay.artifacts.fingerprint import fingerprint_folder

    known = {each.digest for each in again.checkpoints() if each.digest}
    if reached is not None and known and fingerprint_folder(reached).digest not in known:
        raise UsageError(
            f"the replay {again.manifest.id} has recorded no such checkpoint",
            where=str(reached),
            mend="give the one that this replay reached",
        )


def _by_set_up(
    recorded: Run, own_runs: Sequence[Run], after: int, last: int
) -> tuple[list[Run], tuple[str, ...]]:
    """The developer's own replays that were set up like the record, and what the others had otherwise.

    How much replays differ by themselves is told by the former alone.
    """
    from modelassay.training.protocol.set_up import other_set_up

    found = [(each, other_set_up(recorded, each, after, last)) for each in own_runs]
    otherwise = (f"own replay {each.manifest.id} ({'; '.join(other)})" for each, other in found if other)
    return [each for each, other in found if not other], tuple(otherwise)


def _scored_if_possible(recorded: Run, checkpoint: RunCheckpoint, start: Start) -> RunFinding:
    """Like `_scored`, of all rollouts; not assessable where they cannot be, as of an adapter."""
    from modelassay.training.findings import not_assessable
    from modelassay.training.protocol.rollout_comparison import count_of_step, logged_rollouts
    from modelassay.training.protocol.sampling import CHECK

    step = checkpoint.step + 1
    count = count_of_step(recorded, step)
    lacking = count - len(logged_rollouts(recorded, step, count))
    if lacking:
        return not_assessable(CHECK, f"the record has no tokens of {lacking:,} of its {count:,} rollouts")
    try:
        return _scored(recorded, checkpoint, start, count)
    except (UsageError, TargetError) as error:
        return not_assessable(CHECK, f"its tokens cannot be scored: {error.what}")


def _scored(recorded: Run, checkpoint: RunCheckpoint, start: Start, most: int = 256) -> RunFinding:
    """Scores of the rollouts that the checkpoint must have sampled: `most` of those of the step after it."""
    from modelassay.training.protocol import sampling
    from modelassay.training.protocol.rollout_comparison import logged_rollouts
    from modelassay.training.protocol.scoring import score_tokens

    step = checkpoint.step + 1
    logged = logged_rollouts(recorded, step, most)
    temperature, why_not = sampling.sampling_of(recorded)
    scores = score_tokens(start.folder, logged, temperature or 1.0, base=start.base)
    return sampling.scores_finding(
        checkpoint, step, logged, scores, why_not, temperature=temperature, run=recorded.manifest.id
    )
