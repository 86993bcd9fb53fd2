"""``modelassay review sign``: people sign off a written risk assessment of a verdict that needs review."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.deciding import Decider, decider_on, last_day, person_options, require_outcome
from modelassay.cli.options import chosen_store, json_option, print_json, store_option
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.evidence.waivers import Waiver
    from modelassay.records import AuditRecord

_OTHERWISE = {
    "deploy": "it asks for no sign-off",
    "deploy-monitored": "somebody accepts its risk: `modelassay gate accept-risk`",
}
"""What other verdicts ask for."""


@click.command("sign")
@click.argument("audit")
@click.option("--template", is_flag=True, help="Print the questions to answer, and sign nothing.")
@click.option(
    "--assessment",
    type=click.Path(path_type=Path, allow_dash=True),
    metavar="FILE",
    help="The written risk assessment; `-` reads stdin. [default: the one signed off before]",
)
@click.option("--person", default="", metavar="NAME", help="Who signs. [default: the holder of the key]")
@click.option("--role", default="", metavar="ROLE", help="In which role, where the policy asks for some.")
@click.option("--reason", default="as assessed", show_default=True, help="A word for whoever reads the log.")
@click.option(
    "--expires",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="First day on which it no longer holds. [default: when the verdict expires]",
)
@person_options
@store_option
@json_option
def command(
    audit: str,
    template: bool,
    assessment: Path | None,
    person: str,
    role: str,
    reason: str,
    expires: datetime | None,
    store: Path | None,
    as_json: bool,
    **signing: Any,
) -> None:
    """Sign off a written risk assessment of the `review` verdict of AUDIT.

    The assessment answers everything that was flagged: `--template` asks, and what is left unanswered is
    refused by name. The verdict becomes deployable once as many persons have signed the same text, in the
    roles, as the policy's `review` asks for; each with a key of their own, none of which issued the verdict.
    A verdict for which evidence is missing besides is refused at once: only another audit makes up for that.

    \b
    modelassay review sign assistant-v6 --template > assessment.md
    modelassay review sign assistant-v6 --assessment assessment.md --key jane
    modelassay review sign assistant-v6 --key omar --role safety
    """
    from modelassay.audit import read_audit
    from modelassay.canonical import digest_bytes
    from modelassay.evidence.clearance_files import keep_assessment
    from modelassay.evidence.notary import utc_now
    from modelassay.evidence.waivers import Waiver

    place = chosen_store(store)
    record = read_audit(place, audit)
    _refuse_too_thin(record)
    if template:
        _print_questions(record, as_json)
        return
    decider = decider_on(place, record.id, person=person, **signing)
    require_outcome(decider, "review", _OTHERWISE)
    day = last_day(decider, expires)
    data = _assessment(decider, assessment, record)
    waiver = Waiver(
        audit=record.id,
        verdict=decider.verdict.payload,
        holder=decider.holder,
        reason=reason.strip() or "as assessed",
        granted=utc_now(),
        expires=day,
        role=_role(role, record.policy.review.roles),
        assessment=digest_bytes(data),
    )
    _refuse_again(place, decider, record, waiver)
    path = keep_assessment(decider.verdict.folder, data)  # what is refused leaves no text behind
    made = {"key": decider.key, "file": str(decider.say(waiver)), "assessment": str(path)}
    _print_signed(place, record, waiver, made, as_json)


def _refuse_too_thin(record: AuditRecord) -> None:
    """Before people do work that would count for nothing.

    Raises:
        UsageError: evidence is missing under the verdict.
    """
    from modelassay.evidence.clearance import lacking

    if missing := lacking(record.verdict):
        raise UsageError(
            missing,
            where=record.id,
            mend=f"audit again with what is missing; `modelassay show {record.id}` says what would settle it",
        )


def _print_questions(record: AuditRecord, as_json: bool) -> None:
    from modelassay.evidence.assessment import questions_of, template

    text = template(record)
    if as_json:
        print_json({"audit": record.id, "questions": questions_of(record.verdict), "template": text})
    else:
        click.echo(text, nl=False)


def _print_signed(
    place: Path, record: AuditRecord, waiver: Waiver, made: dict[str, str], as_json: bool
) -> None:
    from modelassay.cli.deciding import verdict_today

    clearance = verdict_today(record, place).clearance
    if as_json:
        standing = {"cleared": clearance.cleared, "missing": clearance.missing, "until": clearance.until}
        print_json({"audit": record.id, "signoff": waiver, **made, **standing})
        return
    click.echo(f"signed off by {waiver.holder} until {waiver.expires}: {record.id}")
    click.echo(made["assessment"])
    click.echo(
        f"may be deployed until {clearance.until}" if clearance.cleared else f"missing: {clearance.missing}"
    )


def _assessment(decider: Decider, given: Path | None, record: AuditRecord) -> bytes:
    """The text to be signed off, which answers everything.

    Raises:
        UsageError: there is none, it cannot be read, or is silent on something.
    """
    from modelassay.errors import EvidenceError
    from modelassay.evidence.assessment import read_assessment, unanswered

    place = given or _signed_before(decider)
    try:
        data = sys.stdin.buffer.read() if str(place) == "-" else place.read_bytes()
        text = read_assessment(data)
    except OSError as error:
        raise UsageError((error.strerror or "cannot be read").lower(), where=str(place)) from error
    except EvidenceError as error:
        raise UsageError(error.what, where=str(place), mend="write it as plain text in UTF-8") from error
    if left := unanswered(text, record.verdict):
        raise UsageError(
            f"does not answer {', '.join(map(repr, left))}",
            where=str(place),
            mend="write below each heading of `modelassay review sign … --template`",
        )
    return data


def _signed_before(decider: Decider) -> Path:
    """The one assessment that somebody signed off already."""
    found = sorted((decider.verdict.folder / "assessments").glob("*.md"))
    if len(found) != 1:
        raise UsageError(
            f"{len(found)} risk assessments are in the bundle"
            if found
            else "there is no risk assessment yet",
            where="--assessment",
            mend="name the file" if found else "`--template` prints what it must answer",
        )
    return found[0]


def _role(role: str, wanted: tuple[str, ...]) -> str:
    """`role` as the policy spells it.

    Raises:
        UsageError: the policy asks for roles, and this is none of them.
    """
    spelt = {each.casefold(): each for each in wanted}
    if role and wanted and role.strip().casefold() not in spelt:
        raise UsageError(
            f"the policy knows no role {role!r}", where="--role", mend=f"one of: {', '.join(wanted)}"
        )
    return spelt.get(role.strip().casefold(), role.strip())


def _refuse_again(store: Path, decider: Decider, record: AuditRecord, waiver: Waiver) -> None:
    """One person is one sign-off.

    Raises:
        UsageError: they signed off the same text before, and that still holds.
    """
    from modelassay.cli.deciding import verdict_today
    from modelassay.evidence.clearance import Word

    clearance = verdict_today(record, store).clearance
    new = Word(waiver=waiver, key=decider.key)
    for word in clearance.words:
        same = word.key == new.key or word.person == new.person
        if same and word.waiver.assessment == waiver.assessment:
            raise UsageError(
                f"{word.waiver.holder} signed off this assessment already, until {word.waiver.expires}",
                where=record.id,
                mend="another person must, with a key of their own",
            )
