"""``modelassay gate robustness``: how firm a sealed verdict is, and what turns it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from modelassay.cli.gate_options import policy_option, policy_said
from modelassay.cli.options import chosen_store, json_option, print_json, reader_may_leave, store_option
from modelassay.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from modelassay.audit.given import GivenAnswers
    from modelassay.audit.robustness import Beside, NoiseFloor, Replay


@click.command("robustness")
@click.argument("audit")
@policy_option
@click.option(
    "--noise",
    metavar="AUDIT",
    help="Put its differences beside this noise floor: an audit made with `audit --aa`.",
)
@click.option(
    "--halves",
    default=10,
    show_default=True,
    type=click.IntRange(0, 1000),
    help="Random splits of the suite into halves.",
)
@click.option(
    "--swaps",
    default=100,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Of a noise floor: random exchanges of its two decodings, for the gate's false alarms.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Also write all of it as Markdown here, folded.",
)
@click.option("--all", "everything", is_flag=True, help="Also what comes to the same outcome.")
@store_option
@json_option
def command(
    audit: str,
    said: str | None,
    noise: str | None,
    halves: int,
    swaps: int,
    output: Path | None,
    everything: bool,
    store: Path | None,
    as_json: bool,
) -> None:
    """How the decision on AUDIT changes with one thing otherwise: is it firm, and which change turns it?

    Decided again, from the sealed scores alone: without each dataset and category; with every limit of the
    policy moved; at other confidence levels and by other policies; with a judge that errs otherwise on the
    candidate than on the baseline; on the scores of other judges (`modelassay rejudge`); on each epoch alone;
    on random halves. Of an audit made with `audit --aa` it says besides how much differs by chance, and how
    often the gate cries out for nothing. No model is asked and nothing is sealed. Always exits 0.

    \b
    modelassay gate robustness assistant-v6
    modelassay gate robustness assistant-v6 --noise assistant-v6-noise-floor -o robustness.md
    """
    from modelassay.audit.robustness import Replay, analyse, beside_noise, noise_floor
    from modelassay.audit.robustness.readers import other_readers
    from modelassay.report.robustness import robustness_lines, robustness_markdown

    place = chosen_store(store)
    given = _given(place, audit)
    replay = Replay(given, policy_said(given, said))
    floor = Replay(_given(place, noise), replay.policy) if noise else None
    beside = tuple(beside_noise(replay, floor)) if floor else ()
    others = (Replay(other, replay.policy) for other in other_readers(place, given))
    found = analyse(replay, others, splits=halves)
    chance = noise_floor(replay, swaps) if replay.record.noise_floor else None
    more = [*_more(chance, beside if floor else None, everything=everything or output is not None)]
    if output is not None:
        _write(output, robustness_markdown(_title(replay), found, more))
    with reader_may_leave():
        if as_json:
            print_json(
                {
                    **msgspec.to_builtins(found),
                    "noise_floor": chance,
                    "noise": {"audit": floor.record.id, "differences": beside} if floor else None,
                }
            )
            return
        for line in (_title(replay), *robustness_lines(found, everything=everything), *more):
            click.echo(line)


def _more(chance: NoiseFloor | None, beside: Sequence[Beside] | None, *, everything: bool) -> Iterator[str]:
    """What a noise floor adds."""
    from modelassay.report.robustness import beside_lines, noise_floor_lines

    if chance is not None:
        yield ""
        yield from noise_floor_lines(chance)
    if beside is not None:
        yield from beside_lines(beside, everything=everything)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise StoreError(f"it cannot be written: {error.strerror}", where=str(path)) from error


def _title(replay: Replay) -> str:
    from modelassay.report.text import visible

    record = replay.record
    return visible(f"{record.name}  ({record.id}), policy {replay.policy.name}")


def _given(store: Path, audit: str) -> GivenAnswers:
    from modelassay.audit.redeciding import open_decided
    from modelassay.audit.released import folder_of

    return open_decided(folder_of(store, audit), store / "log")
