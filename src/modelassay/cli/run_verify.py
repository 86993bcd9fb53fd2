"""``modelassay run verify``: check a sealed assessment of a training run."""

from __future__ import annotations

from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json, reader_may_leave
from modelassay.errors import ExitCode

_FILE = click.Path(path_type=Path)
_MARKS = {"passed": "ok", "failed": "WRONG", "not done": "-"}


@click.command("verify")
@click.argument("folder", type=_FILE)
@click.option("--key", "keys", multiple=True, metavar="FILE", help="Assessor's public key (PEM); repeatable.")
@click.option("--threshold", type=click.IntRange(1), default=1, show_default=True, help="How many signed.")
@click.option("--trust", type=_FILE, help="The assessor's log and witnesses (C2SP tlog-policy).")
@click.option("--run", type=_FILE, help="The run's folder: assess it again, and compare everything.")
@click.option("--data", type=_FILE, multiple=True, help="With --run, data that was reviewed; repeatable.")
@click.option("--tasks", type=_FILE, multiple=True, help="With --run, task files; repeatable.")
@click.option("--challenge", type=_FILE, help="With --run, where the assessment rests on an opening.")
@click.option("--opening", type=_FILE, help="Likewise.")
@click.option("--run-trust", type=_FILE, help="Likewise: the developer's log and witnesses.")
@click.option("--integrity-only", is_flag=True, help="Exit 0 when nothing is wrong in itself.")
@json_option
def command(
    folder: Path,
    keys: tuple[str, ...],
    threshold: int,
    trust: Path | None,
    run: Path | None,
    data: tuple[Path, ...],
    tasks: tuple[Path, ...],
    challenge: Path | None,
    opening: Path | None,
    run_trust: Path | None,
    integrity_only: bool,
    as_json: bool,
) -> int:
    """Check the sealed assessment in FOLDER: files, report, log entry, signature, and findings with --run.

    Exits 0 when verified, 13 when not; what the assessment says does not change the exit code.

    \b
    modelassay run verify ASSESSMENT --key assessor.verdict.pub.pem --trust assessor.txt --run RUN_FOLDER
    """
    from modelassay.assessment.request import Proofs
    from modelassay.assessment.verifying import Trusted, verify_assessment
    from modelassay.log.keys import load_public
    from modelassay.log.trust import load_trust
    from modelassay.report.assessments import assessment_page
    from modelassay.report.text import visible

    proofs = Proofs(challenge=challenge, opening=opening, trust=load_trust(run_trust) if run_trust else None)
    trusted = Trusted(
        keys=tuple(load_public(key) for key in keys),
        threshold=threshold,
        log=load_trust(trust) if trust else None,
        run=run,
        data=data,
        tasks=tasks,
        proofs=proofs,
    )
    found = verify_assessment(folder, trusted, assessment_page)
    whole = found.state == "verified" or (integrity_only and found.state == "incomplete")
    code = ExitCode.ALLOWED if whole else ExitCode.UNVERIFIED
    with reader_may_leave():
        if as_json:
            print_json(
                {
                    "folder": str(folder),
                    "assessment": found.record.id if found.record else "",
                    "state": found.state,
                    "checks": found.checks,
                    "exit_code": int(code),
                }
            )
        else:
            click.echo(found.state)
            for check in sorted(found.checks, key=lambda each: each.state != "failed"):
                where = f" ({visible(check.where)})" if check.where else ""
                click.echo(f"  {_MARKS[check.state]:<5} {check.name}: {visible(check.statement)}{where}")
            if found.record:
                click.echo(visible(found.record.headline))
    return int(code)
