"""``modelassay verify``: check evidence with nothing but public keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import json_option, print_json, reader_may_leave
from modelassay.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from modelassay.evidence.verification import Trust, Verification
    from modelassay.log.note import TreeHead
    from modelassay.log.trust import TrustPolicy

_MARKS = {"passed": "ok", "failed": "WRONG", "not done": "-"}
_UNANCHORED = (
    "nothing is wrong in itself, but whose word this is was not checked: give --key and --log-key, or "
    "--integrity-only to do without"
)
_SAID = {
    "looser": "looser than the default policy",
    "otherwise": "otherwise than in the default policy",
}
"""Names of what a verdict rests on, for people, where they say too little."""
_FILE = click.Path(path_type=Path)


@click.command("verify")
@click.argument("bundle", type=_FILE)
@click.option(
    "--key", "keys", multiple=True, metavar="FILE", help="Public key whose verdicts count (PEM); repeatable."
)
@click.option(
    "--threshold", type=click.IntRange(1), default=1, show_default=True, help="How many must have signed."
)
@click.option("--log-key", "logs", multiple=True, metavar="VKEY|FILE", help="The log's key; repeatable.")
@click.option(
    "--witness-key",
    "witnesses",
    multiple=True,
    metavar="VKEY|FILE",
    help="Key of a witness; one of those given must have cosigned. Repeatable.",
)
@click.option("--no-witness", is_flag=True, help="Ask for no witness; the output says what is lost.")
@click.option(
    "--trust", "policy", type=_FILE, help="File with logs, witnesses and quorum (C2SP tlog-policy)."
)
@click.option("--log", "folder", type=_FILE, help="Copy of the log: withdrawals, revoked keys, attempts.")
@click.option(
    "--head",
    "heads",
    multiple=True,
    type=_FILE,
    help="Tree head had from elsewhere, which must be of the same history; repeatable.",
)
@click.option("--remember", type=_FILE, help="File of tree heads seen, kept for the next time.")
@click.option(
    "--integrity-only", is_flag=True, help="Exit 0 when nothing is wrong in itself, whosever word it is."
)
@json_option
def command(
    bundle: Path,
    keys: tuple[str, ...],
    threshold: int,
    logs: tuple[str, ...],
    witnesses: tuple[str, ...],
    no_witness: bool,
    policy: Path | None,
    folder: Path | None,
    heads: tuple[Path, ...],
    remember: Path | None,
    integrity_only: bool,
    as_json: bool,
) -> int:
    """Check BUNDLE: the folder of an audit, a zip or tar of it, a file from `modelassay records disclose`, or
    the certificate that `modelassay validate` leaves.

    Nothing else is needed: no store, no model, no network. Findings and verdict are computed again from the
    sealed scores. Exits 0 when verified, 13 when not, 14 when verified and expired; what the verdict says is
    printed, and does not change the exit code.

    \b
    modelassay verify ./bundle --key ci.verdict.pub.pem --log-key acme.log.vkey --witness-key w.witness.vkey
    modelassay verify ./bundle --key ci.verdict.pub.pem --trust trust.txt --log ./log --remember seen.json
    """
    from modelassay.evidence.memory import remember as keep
    from modelassay.evidence.verification import Trust
    from modelassay.log.keys import load_public
    from modelassay.validation.verifying import is_certificate

    log = _policy(logs, witnesses, policy, no_witness=no_witness)
    trust = Trust(
        keys=tuple(load_public(key) for key in keys),
        threshold=threshold,
        log=log,
        folder=folder,
        remembered=_remembered(heads, remember, log),
    )
    if is_certificate(bundle):
        if folder is not None or remember is not None or heads:
            raise UsageError(
                "a certificate of validation is checked by its keys and proof alone",
                where=str(bundle),
                mend="leave out --log, --head and --remember",
            )
        return _certificate(bundle, trust, integrity_only=integrity_only, as_json=as_json)
    found, rests_on = _verify(bundle, trust)
    if remember is not None and found.state != "not verified" and found.heads:
        keep(remember, found.heads)
    code = found.exit_code
    if integrity_only and found.intact:
        code = ExitCode.ALLOWED
    with reader_may_leave():
        if as_json:
            print_json({**_plain(found, code), "rests_on": rests_on})
        else:
            _print(found, rests_on)
            if code == ExitCode.UNVERIFIED and found.intact and not (keys and log):
                click.echo(_UNANCHORED, err=True)
    return int(code)


def _certificate(folder: Path, trust: Trust, *, integrity_only: bool, as_json: bool) -> int:
    """Check the certificate of a validation in `folder`, and tell how it ended."""
    from modelassay.report.text import visible
    from modelassay.validation.verifying import verify_certificate

    found = verify_certificate(folder, keys=trust.keys, threshold=trust.threshold, log=trust.log)
    whole = found.state == "verified" or (integrity_only and found.state == "incomplete")
    code = ExitCode.ALLOWED if whole else ExitCode.UNVERIFIED
    with reader_may_leave():
        if as_json:
            said = {"certificate": str(folder), "state": found.state, "checks": found.checks}
            print_json({**said, "exit_code": int(code)})
            return int(code)
        click.echo(found.state)
        for check in sorted(found.checks, key=lambda each: each.state != "failed"):
            where = f" ({visible(check.where)})" if check.where else ""
            click.echo(f"  {_MARKS[check.state]:<5} {check.name}: {visible(check.statement)}{where}")
        for figure in found.record.figures if found.record else ():
            click.echo(f"  {'met' if figure.met else 'MISSED'}: {visible(str(figure))}")
        if found.state == "incomplete":
            click.echo(_UNANCHORED, err=True)
    return int(code)


def _verify(path: Path, trust: Trust) -> tuple[Verification, dict[str, object]]:
    """The bundle or disclosure at `path`, checked; and of a bundle what its verdict rests on."""
    from modelassay.cli.verify_report import said_of, with_report
    from modelassay.evidence.bundle import open_bundle
    from modelassay.evidence.disclosure import MOST_BYTES, verify_disclosure
    from modelassay.evidence.verification import verify_bundle
    from modelassay.log.reader import read_file

    if not path.exists():
        raise UsageError("there is nothing here", where=str(path), mend="name a bundle or a disclosed record")
    if path.is_file():
        with path.open("rb") as file:
            is_json = file.read(1) == b"{"
        if is_json:
            return verify_disclosure(read_file(path, MOST_BYTES), trust, place=str(path)), {}
    bundle = open_bundle(path)
    return with_report(verify_bundle(bundle, trust), bundle), said_of(bundle)


def _policy(
    logs: tuple[str, ...], witnesses: tuple[str, ...], policy: Path | None, *, no_witness: bool
) -> TrustPolicy | None:
    """Which logs and witnesses are believed; None when no log is named.

    Raises:
        UsageError: said twice, or no witness is named though none was not asked for in so many words.
    """
    from modelassay.log.keys import load_vkey
    from modelassay.log.trust import load_trust, trust_in

    if policy is not None:
        if logs or witnesses or no_witness:
            raise UsageError("--trust names logs and witnesses already", mend="give one or the other")
        return load_trust(policy)
    if not logs:
        if witnesses or no_witness:
            raise UsageError("no log is named", mend="give its key with --log-key")
        return None
    if bool(witnesses) == no_witness:
        raise UsageError(
            "no witness is named" if no_witness is False else "a witness, and no witness",
            mend="give --witness-key, or --no-witness to do without: then a log that shows different people "
            "different histories is not found out",
        )
    return trust_in(map(load_vkey, logs), map(load_vkey, witnesses), unwitnessed=no_witness)


def _remembered(
    heads: tuple[Path, ...], remember: Path | None, policy: TrustPolicy | None
) -> tuple[TreeHead, ...]:
    """Tree heads given, each signed by a log that is believed, and those kept."""
    from modelassay.evidence.memory import recall
    from modelassay.log.note import TreeHead as Head
    from modelassay.log.note import open_note
    from modelassay.log.reader import read_file

    if heads and policy is None:
        raise UsageError("whose tree head this is cannot be told", mend="give the log's key with --log-key")
    given = (
        [] if policy is None else [Head.parse(open_note(read_file(h), policy.verifiers).text) for h in heads]
    )
    origins = {log.vkey.name for log in policy.logs} if policy else set()
    kept = recall(remember) if remember is not None else ()
    return (*given, *(head for head in kept if head.origin in origins))


def _plain(found: Verification, code: ExitCode) -> dict[str, object]:
    return {
        "bundle": found.place,
        "audit": found.audit,
        "state": found.state,
        "intact": found.intact,
        "expired": found.expired,
        "outcome": found.outcome,
        "expires": found.expires,
        "withheld": found.withheld,
        "people": found.said,
        "clearance": found.clearance,
        "checks": found.checks,
        "heads": [
            {"origin": head.origin, "size": head.size, "root": f"sha256:{head.root.hex()}"}
            for head in found.heads
        ],
        "exit_code": int(code),
    }


def _print(found: Verification, rests_on: dict[str, object]) -> None:
    """What was found, for people; what is wrong first."""
    from modelassay.report.text import visible

    expired = f", expired on {found.expires}" if found.expired else ""
    click.echo(f"{found.state}{expired}: {visible(found.audit or found.place)}")
    if found.outcome:
        click.echo(f"verdict: {found.outcome}, until {visible(found.expires)}")
    for said in found.said:
        what = "signed off" if said.assessment else "risk accepted"
        role = f" as {said.role}" if said.role else ""
        line = f"{what} by {said.holder}{role} on {said.granted[:10]}, until {said.expires}: {said.reason}"
        counts = found.clearance and any(word.waiver == said for word in found.clearance.words)
        click.echo(visible(line if counts else f"{line} (not shown to count)"))
    for file, count in found.withheld.items():
        click.echo(f"withheld: {count:,} {file}")
    order = list(_MARKS)
    for check in sorted(found.checks, key=lambda check: check.state != "failed"):
        place = f"{check.where}: " if check.where else ""
        mark = _MARKS[check.state]
        click.echo(f"  {mark:<{len(_MARKS[order[1]])}}  {check.name:<12} {visible(place + check.statement)}")
    for name, value in rests_on.items():
        text = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
        if text:
            click.echo(f"{_SAID.get(name, name)}: {visible(text)}")
