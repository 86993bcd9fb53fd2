"""``modelassay run open``: the developer discloses the rollouts that an assessor drew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import chosen_store, json_option, print_json, store_option, writable
from modelassay.cli.run_options import kept_run, read_file
from modelassay.cli.signing import log_signing_options, notary_of

if TYPE_CHECKING:
    from modelassay.training.protocol.parts import StepKey


@click.command("open")
@click.argument("run")
@click.argument("challenge", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    required=True,
    metavar="FILE",
)
@click.option(
    "--withhold",
    multiple=True,
    type=click.Choice(["prompt", "completion", "grader"]),
    help="Keep a part back, where the challenge does not ask for it; repeatable.",
)
@click.option(
    "--partly", is_flag=True, help="Leave out steps that are no longer what they were committed to."
)
@log_signing_options
@store_option
@json_option
def command(
    run: str,
    challenge: Path,
    output: Path,
    withhold: tuple[str, ...],
    partly: bool,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Open the rollouts of RUN that CHALLENGE asks for, with salts and proofs, and log that it was done.

    A text that is withheld must not stand in a part that is opened, as tokens or once more as text: such an
    opening is refused. Of parts that were erased (`run erase`) the leaves are given.

    \b
    modelassay run open grpo challenge.json --withhold prompt -o opening.jsonl
    """
    import msgspec

    from modelassay.assessment.committing import read_commitments, run_secret
    from modelassay.canonical import digest_bytes
    from modelassay.errors import UsageError
    from modelassay.evidence.ledger import Ledger
    from modelassay.evidence.notary import utc_now
    from modelassay.evidence.run_events import RunOpenedToAssessor
    from modelassay.log.durable import write_atomic
    from modelassay.training.protocol.challenge import decode_challenge
    from modelassay.training.protocol.checking import check_challenge
    from modelassay.training.protocol.disclosure import OpeningHead, challenge_digest, open_rollouts

    place = chosen_store(store)
    found = kept_run(run, place)
    asked = decode_challenge(read_file(challenge), str(challenge))
    if refused := sorted(set(withhold) & set(asked.parts)):
        raise UsageError(
            f"the challenge asks for {refused[0]}", where="--withhold", mend="agree on its parts first"
        )
    made = read_commitments(found.folder)
    check_challenge(asked, made.committed, made.records, default_strata=True)
    notary = notary_of(verdict_key=None, **signing)
    head = OpeningHead(run=asked.run, challenge=challenge_digest(asked), opened=utc_now())
    damaged: list[StepKey] | None = [] if partly else None
    secret = run_secret(place, asked.run)
    opened = list(open_rollouts(found, secret, asked, made.records, withhold, damaged))
    data = b"".join(msgspec.json.encode(each) + b"\n" for each in (head, *opened))
    write_atomic(output, data)
    ledger = Ledger(place, notary)
    ledger.append(RunOpenedToAssessor(run=asked.run, challenge=head.challenge, opening=digest_bytes(data)))
    ledger.sign()
    told = {
        "run": asked.run,
        "opened": len(opened),
        "withheld": list(withhold),
        "opening": str(output),
        "unopened": len(asked.drawn) - len(opened),
    }
    _say(told, damaged or (), as_json=as_json)


def _say(told: dict[str, Any], damaged: Sequence[StepKey], *, as_json: bool) -> None:
    """Say what was opened, and on stderr which steps could not be."""
    if as_json:
        print_json(told)
    else:
        kept = f", {' and '.join(told['withheld'])} withheld" if told["withheld"] else ""
        click.echo(f"{told['opening']}: {told['opened']:,} rollouts opened{kept}")
    for key in damaged:
        click.echo(
            f"{key.phase} step {key.step} rank {key.rank} is not what it was committed to: its rollouts are "
            "not opened",
            err=True,
        )
