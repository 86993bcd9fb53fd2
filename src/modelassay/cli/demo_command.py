"""``modelassay demo``: planted faults, found."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import json_option, places_of, print_json, quiet_option

if TYPE_CHECKING:
    from modelassay.demo_inside import Inside
    from modelassay.evidence.notary import Notary
    from modelassay.records import AuditRecord


@click.command("demo")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where models, plans and audits go.",
)
@quiet_option
@json_option
def command(folder: Path, quiet: bool, as_json: bool) -> int:
    """Train tiny models with planted faults here, audit each, show the verdicts side by side.

    Verdicts are signed, logged and cosigned with keys made for the demo; commands to check one are printed.

    Needs the extra `local` (torch on the CPU is enough) and a few minutes. Exits 0 when every fault was
    found and the harmless model was let through, 1 otherwise.
    """
    from modelassay import demo_inside
    from modelassay.cli.deciding import verdict_today
    from modelassay.demo import PASSPHRASE, checks, parties, run_demo
    from modelassay.demo_red_team import attack_organisms
    from modelassay.report.text import OUTCOME_WORDS, visible

    folder.mkdir(parents=True, exist_ok=True)

    def code_of(record: AuditRecord) -> int:
        return int(verdict_today(record, folder / "assay").code)

    signing = parties(folder)

    def tell(line: str) -> None:
        if not quiet:
            click.echo(line, err=True)

    def audit_plan(plan: Path) -> AuditRecord:
        return _audit(plan, folder / "assay", signing.notary, quiet=quiet)

    rows = run_demo(folder, tell=tell, audit_plan=audit_plan, exit_code=code_of)
    attacked = attack_organisms(folder, tell=tell, audit_plan=audit_plan)
    inside = demo_inside.look_inside(folder, tell=tell, audit_plan=audit_plan)
    good = all(row.as_planted for row in rows.values()) and all(each.as_planted for each in inside)
    if as_json:
        print_json({**rows, "inside": inside, "red_team": attacked.red_team})
        return 0 if good else 1
    click.echo()
    for name, row in rows.items():
        mark = "as planted" if row.as_planted else "NOT AS PLANTED"
        click.echo(f"{name:15} {OUTCOME_WORDS[row.outcome]:32} exit {row.exit_code:<3} {mark}")
        click.echo(f"{'':15} planted: {row.story}")
        asked = f"asked {row.asked:,} of {row.prompts:,} prompts ({row.prompts / row.asked:.1f} times fewer)"
        click.echo(f"{'':15} {asked}; all of them: {OUTCOME_WORDS[row.full]}")
        click.echo(f"{'':15} {visible(row.headline)}")
        click.echo(f"{'':15} {row.report}")
    _print_further(folder, attacked, inside)
    click.echo()
    click.echo(f"plans: {folder}/*.yaml (run one again with `modelassay audit`), audits: {folder / 'assay'}")
    click.echo(
        f"keys: {folder / 'keys'} and {folder / 'witness'}, encrypted with the passphrase {PASSPHRASE!r}; "
        "everybody knows it, so these keys prove nothing"
    )
    click.echo("\ncheck the harmless model's audit yourself, from here:")
    for line in checks(folder, rows["benign"], signing, _program()):
        click.echo(f"  {line}")
    click.echo(f"  (cd {shlex.quote(rows['benign'].bundle)} && sha256sum -c SHA256SUMS)")
    click.echo(f"\nsee a training run assessed: {_program()} run demo")
    return 0 if good else 1


def _print_further(folder: Path, attacked: AuditRecord, inside: tuple[Inside, ...]) -> None:
    """What the red team and the look inside came to."""
    from modelassay import demo_inside
    from modelassay.demo_red_team import told
    from modelassay.report.text import visible

    click.echo(
        "\nred team: how often attacks had their way with the model without refusals, and with its base"
    )
    for line in told(attacked):
        click.echo(f"  {line}")
    click.echo(f"  {folder / 'assay' / 'audits' / attacked.id / 'report.html'}")
    click.echo("\na look inside: what the suite's prompts do not wake")
    for line in demo_inside.told(inside):
        click.echo(f"  {visible(line)}")


def _program() -> str:
    """How this program is called in this shell."""
    if shutil.which("modelassay"):
        return "modelassay"
    called = Path(sys.argv[0])
    if called.name == "modelassay":
        return shlex.quote(str(called))
    return f"{shlex.quote(sys.executable)} -m modelassay"


def _audit(plan: Path, store: Path, notary: Notary, *, quiet: bool) -> AuditRecord:
    """Run the plan at `plan` just as ``modelassay audit`` does."""
    from modelassay.cli.audit_command import run_plan

    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=quiet)
    return run_plan(plan, (), places, notary=notary, quiet=quiet)
