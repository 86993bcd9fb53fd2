"""``modelassay gate accept-risk``: a person answers, for a time, for deploying with enhanced monitoring."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import click

from modelassay.cli.deciding import decider_on, last_day, person_options, require_outcome
from modelassay.cli.options import chosen_store, json_option, print_json, store_option


@click.command("accept-risk")
@click.argument("audit")
@click.option(
    "--owner", default="", metavar="NAME", help="Who owns the risk. [default: the holder of the key]"
)
@click.option("--reason", required=True, help="Why the risk is accepted, for whoever reads the log.")
@click.option(
    "--expires",
    required=True,
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="First day on which it is no longer accepted, as 2026-12-31; at most when the verdict expires.",
)
@person_options
@store_option
@json_option
def command(
    audit: str, owner: str, reason: str, expires: datetime, store: Path | None, as_json: bool, **signing: Any
) -> None:
    """Accept in writing the risk of the `deploy-monitored` verdict of AUDIT, as its owner, until --expires.

    Without it such a verdict exits 10 and is not admitted; with it, it exits 0, and is admitted where the
    admission policy names the owner's key under `people`. It is signed, put into the bundle and logged.
    `modelassay review withdraw` takes it back.

    \b
    modelassay gate accept-risk assistant-v6 --key jane --reason "pilot, 200 users" --expires 2026-12-31
    """
    from modelassay.errors import UsageError
    from modelassay.evidence.notary import utc_now
    from modelassay.evidence.waivers import Waiver

    if not reason.strip():
        raise UsageError("is empty", where="--reason", mend="say why the risk is accepted")
    decider = decider_on(chosen_store(store), audit, person=owner, **signing)
    require_outcome(
        decider,
        "deploy-monitored",
        {
            "deploy": "it asks for no risk acceptance",
            "review": "people sign off a written risk assessment: `modelassay review sign`",
        },
    )
    waiver = Waiver(
        audit=decider.verdict.audit,
        verdict=decider.verdict.payload,
        holder=decider.holder,
        reason=reason.strip(),
        granted=utc_now(),
        expires=last_day(decider, expires),
    )
    for said in decider.standing():
        if (said.reason, said.expires) == (waiver.reason, waiver.expires):
            raise UsageError(
                f"{said.holder} accepted this risk already, for the same reason, until {said.expires}",
                where=waiver.audit,
                mend="nothing is left to do; another reason or day is accepted beside it",
            )
    path = decider.say(waiver)
    if as_json:
        print_json({"audit": waiver.audit, "acceptance": waiver, "key": decider.key, "file": str(path)})
        return
    click.echo(f"risk accepted by {waiver.holder} until {waiver.expires}: {waiver.audit}")
    click.echo(str(path))
