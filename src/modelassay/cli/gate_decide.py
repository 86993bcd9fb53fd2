"""``modelassay gate AUDIT``: a sealed audit held against a policy again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.gate_options import decided, policy_option
from modelassay.cli.options import (
    chosen_store,
    json_option,
    places_of,
    print_json,
    quiet_option,
    reader_may_leave,
    store_option,
)
from modelassay.cli.signing import notary_of, signing_options, unsigned_hint

if TYPE_CHECKING:
    from modelassay.audit.given import GivenAnswers
    from modelassay.audit.redeciding import Redecision
    from modelassay.errors import ExitCode
    from modelassay.evidence.clearance import Clearance
    from modelassay.records import AuditRecord


@click.command("decide")
@click.argument("audit")
@policy_option
@click.option("--seal", is_flag=True, help="Seal, log and sign the decision as an audit of its own.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever the verdict; errors still fail.")
@store_option
@signing_options
@quiet_option
@json_option
def command(
    audit: str,
    said: str | None,
    seal: bool,
    exit_zero: bool,
    store: Path | None,
    quiet: bool,
    as_json: bool,
    **signing: Any,
) -> int:
    """Decide on AUDIT again: an id, the start of one, or the folder or archive of a sealed audit.

    No model is asked and nothing is judged again: figures are computed from the sealed scores, and held
    against the policy. The sealed verdict stays as it is. The exit code is that of the new decision, whose
    time runs from when the answers were given; what people decided on the sealed verdict counts, and is
    printed, where the decision is the same. With --seal it becomes an audit of its own in the store, which
    names the one that it rests on; the log tells that the policy changed.

    \b
    modelassay gate assistant-v6
    modelassay gate assistant-v6 --policy high-stakes
    modelassay gate assistant-v6 --policy stricter.yaml --seal
    """
    from modelassay.audit.released import folder_of
    from modelassay.gate import exit_code

    place = chosen_store(store)
    notary = notary_of(**signing) if seal else None
    given, found = decided(place, audit, said)
    clearance = _clearance(found, folder_of(place, audit), place)
    code = exit_code(found.verdict, found.today, cleared=clearance.cleared)
    record = _sealed(given, found, place, said, notary, quiet=quiet) if notary else None
    with reader_may_leave():
        if as_json:
            print_json(plain(found, code, clearance, place, record))
        else:
            _print(found, clearance, place, record)
    if notary and not quiet and (hint := unsigned_hint(notary)):
        click.echo(hint, err=True)
    return 0 if exit_zero else int(code)


def _clearance(found: Redecision, folder: Path, place: Path) -> Clearance:
    """What people decided on the new decision: where it is the sealed verdict; else nobody was asked yet."""
    from modelassay.evidence.clearance import unheard
    from modelassay.evidence.clearance_files import clearance_at

    verdict = found.verdict
    if found.changes or verdict.outcome != found.sealed.verdict.outcome:
        return unheard(verdict.outcome, verdict.expires, verdict)
    return clearance_at(folder, place, found.sealed.verdict)


def _sealed(
    given: GivenAnswers, found: Redecision, place: Path, said: str | None, notary: Any, *, quiet: bool
) -> AuditRecord:
    from modelassay.audit.redeciding import seal_redecision
    from modelassay.report import renderer_for

    policy = given.contents.plan.policy if said is None else Path(said).name
    named = "" if said is None else f" --policy {policy}"
    return seal_redecision(
        given,
        found,
        places_of(Path("plan.yaml"), store=place, data_dir=None, offline=True, quiet=quiet),
        said=policy,
        notary=notary,
        renderers=[renderer_for("report.html")],
        reproduce=(f"modelassay gate {given.record.id}{named} --seal", "sha256sum -c SHA256SUMS"),
    )


def plain(
    found: Redecision, code: ExitCode, clearance: Clearance, place: Path, record: AuditRecord | None
) -> dict[str, Any]:
    """One JSON-ready object."""
    from modelassay.audit.seal import policy_bytes
    from modelassay.canonical import digest_bytes
    from modelassay.cli.summary import clearance_in_json
    from modelassay.evidence.clearance import lacking

    sealed = found.sealed
    return {
        "format": "modelassay.gate/1",
        "audit": sealed.id,
        "policy": {"name": found.policy.name, "digest": digest_bytes(policy_bytes(found.policy))},
        "sealed": {
            "policy": {"name": sealed.policy.name, "digest": digest_bytes(policy_bytes(sealed.policy))},
            "outcome": sealed.verdict.outcome,
            "issued": sealed.verdict.issued,
            "expires": sealed.verdict.expires,
            "expired": found.expired,
        },
        "outcome": found.verdict.outcome,
        "exit_code": int(code),
        "looser": found.looser,
        "milder": found.milder,
        "changes": found.changes,
        "notes": [*found.notes, *found.standing],
        "missing": lacking(found.verdict),
        "clearance": clearance_in_json(clearance),
        "verdict": found.verdict,
        "sealed_as": record.id if record else "",
        "folder": str(place / "audits" / record.id) if record else "",
    }


def _print(found: Redecision, clearance: Clearance, place: Path, record: AuditRecord | None) -> None:
    """The decision first, then why, and how it stands to the sealed one."""
    from modelassay.cli.summary import COLOURS
    from modelassay.gate import CLEARABLE
    from modelassay.report.text import OUTCOME_WORDS, visible

    verdict = found.verdict
    word = OUTCOME_WORDS[verdict.outcome].upper()
    click.echo(click.style(word, fg=COLOURS[verdict.outcome], bold=True) + f"  {found.sealed.name}")
    click.echo(visible(verdict.headline))
    for note in (*found.notes, *found.standing):
        click.echo(f"note: {visible(note)}")
    headline = verdict.headline.lower()
    for title, sentences in (
        ("why", [h.statement for h in verdict.decided_by if h.statement.lower() not in headline][:8]),
        ("what would settle it", list(verdict.inconclusive)[:6]),
        ("for a person to look at", [item.statement for item in verdict.review_items][:8]),
        ("how the risk context tightened it", list(verdict.tightened)),
    ):
        if sentences:
            click.echo(f"{title}:")
            for sentence in sentences:
                click.echo(f"  - {visible(sentence)}")
    if verdict.outcome in CLEARABLE:
        click.echo(f"people's decision: {visible(clearance.sentence)}")
    click.echo(f"\naudit   {found.sealed.id}  sealed {found.sealed.verdict.outcome}")
    if record is not None:
        click.echo(f"sealed  {record.id}  holds until {record.verdict.expires}")
        click.echo(f"folder  {place / 'audits' / record.id}")
