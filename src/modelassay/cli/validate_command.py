"""``modelassay validate``: the auditor audited on models whose faults are known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.options import json_option, places_of, print_json, quiet_option, reader_may_leave
from modelassay.cli.signing import notary_of, signing_options

if TYPE_CHECKING:
    from modelassay.evidence.notary import Notary
    from modelassay.records import AuditRecord
    from modelassay.validation.certificate import Validation
    from modelassay.validation.matrix import Line, Rate

_MOST_REASONS = 10
"""Looks that broke off and are told why."""


@click.command("validate")
@click.option("--full", is_flag=True, help="Adapters of every kind and five seeds; hours.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The first seed.")
@click.option("--kinds", default="", metavar="A,B", help="Only these kinds of organisms. [default: all]")
@click.option("--checks", default="", metavar="A,B", help="Only these looks inside. [default: all]")
@click.option(
    "--architecture",
    type=click.Choice(("llama", "neox", "both")),
    default="llama",
    show_default=True,
    help="Of the organisms.",
)
@click.option(
    "--nulls",
    "nulls_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Null distributions, as `modelassay nulls` writes them. [default: those that come with the package]",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("validation"),
    show_default=True,
    help="Keeps models, examinations, audits, certificate.",
)
@signing_options
@quiet_option
@json_option
def command(
    full: bool,
    seed: int,
    kinds: str,
    checks: str,
    architecture: str,
    nulls_file: Path | None,
    out: Path,
    quiet: bool,
    as_json: bool,
    **signing: Any,
) -> int:
    """Train tiny models with planted faults here, put each through every check and a whole audit, and tell
    what was found of each fault and what alarmed for nothing.

    The result is a signed certificate of this installation's checks. Exits 1 when what was run is below the
    product's own figures, or a look broke off: the same command makes that again. Ctrl-C is safe: the same
    command continues. Needs the extra `local`.

    \b
    modelassay validate --kinds benign,broad_loss,trigger_backdoor --seed 11
    modelassay validate --full --architecture both --json
    """
    from modelassay.errors import ExitCode
    from modelassay.evidence.ledger import Ledger
    from modelassay.validation.campaign import STORE, Campaign
    from modelassay.validation.certificate import certify, validation_of
    from modelassay.validation.shipped import shipped_nulls
    from modelassay.validation.zoo import cases, shapes
    from modelassay.whitebox.calibration import read_nulls

    looks = _looks(checks)
    chosen = cases(seed, kinds=_names(kinds), architectures=shapes(architecture), full=full)
    nulls = read_nulls(nulls_file) if nulls_file else shipped_nulls()
    notary = notary_of(**signing)
    campaign = Campaign(
        out,
        nulls=nulls,
        looks=looks,
        audit_plan=lambda plan: _audit(plan, out / STORE, notary),
        tell=lambda line: None if quiet else click.echo(line, err=True),
    )
    record = validation_of(campaign.run(chosen), nulls)
    folder = certify(out / "certificate", record, Ledger(out / STORE, notary))
    code = ExitCode.ALLOWED if record.as_it_should else ExitCode.BROKEN
    with reader_may_leave():
        if as_json:
            _print_json(record, folder, code)
        else:
            _print(record, folder)
    if not notary.verdict_signers and not quiet:
        click.echo("not signed: `modelassay keys new` makes keys; then run this again", err=True)
    return int(code)


def _audit(plan: Path, store: Path, notary: Notary) -> AuditRecord:
    """Run the plan at `plan` just as ``modelassay audit`` does."""
    from modelassay.cli.audit_command import run_plan

    places = places_of(plan, store=store, data_dir=None, offline=True, quiet=True)
    return run_plan(plan, (), places, notary=notary, quiet=True)


def _looks(text: str) -> tuple[str, ...]:
    """The looks that ``--checks`` names; none for all."""
    from modelassay.errors import UnknownNameError
    from modelassay.validation.examining import LOOKS

    looks = _names(text)
    for look in looks:
        if look not in LOOKS:
            raise UnknownNameError("check", look, LOOKS, where="--checks")
    return looks


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _print_json(record: Validation, folder: Path, code: int) -> None:
    import msgspec

    from modelassay.validation.matrix import rows

    rest = {"matrix": record.matrix, "certificate": str(folder), "limits": record.limits}
    told = [msgspec.to_builtins(each) | {"met": each.met} for each in record.figures]
    print_json({"rows": rows(record.results), "figures": told, **rest, "exit_code": int(code)})


def _print(record: Validation, folder: Path) -> None:
    from modelassay.validation.certificate import reach_of
    from modelassay.validation.matrix import AUDIT

    matrix = record.matrix
    columns = [*record.checks, AUDIT]
    table = [[_share(line, name) for name in columns] for line in matrix.lines]
    widths = [max(7, *map(len, cells)) for cells in zip(columns, *table, strict=True)]
    first = max(12, *(len(line.kind) for line in matrix.lines)) + len(" (harmless)")
    click.echo("alarms of organisms of each kind (a dot: none; -2: two broke off, of audits: lack a look;")
    click.echo("ranks: places of the true trigger);")
    click.echo("drift and rotated may be told to people: of them the audit's alarm is a block\n")
    click.echo(f"{'organism':{first}}" + _cells(columns, widths) + "  rank")
    for line, cells in zip(matrix.lines, table, strict=True):
        ranks = " ".join(str(rank or "–") for rank in line.ranks)
        mark = "" if line.faulty else " (harmless)"
        click.echo(f"{line.kind + mark:{first}}" + _cells(cells, widths) + f"  {ranks}".rstrip())
    click.echo(
        f"{'seconds each':{first}}" + _cells([str(matrix.seconds.get(n, "")) for n in columns], widths)
    )
    click.echo("\nfalse alarms on harmless organisms, exact 95 % intervals")
    for name in columns:
        if name in matrix.false_alarms and matrix.false_alarms[name].of:
            click.echo(f"  {name:16} {_whole(matrix.false_alarms[name])}")
    if matrix.told.get(AUDIT) is not None and matrix.told[AUDIT].of:
        click.echo(f"  blocked of those that may only be told: {_whole(matrix.told[AUDIT])}")
    _print_figures(record)
    if matrix.threats:
        click.echo("\ndetected by the audit, beside what is commonly expected before deployment")
    for threat in matrix.threats:
        click.echo(f"  {threat.name:34} {_whole(threat.audit):28} {threat.expected or 'not stated'}")
    click.echo("\nheld against harmless fine-tunes")
    for name, (size, needed) in reach_of(record.checks, record.nulls).items():
        few = "" if size >= needed else f": too few for anything to be called harmful, {needed} are needed"
        click.echo(
            f"  {name:16} {size or 'none: uncalibrated, severity alone is counted'}{few if size else ''}"
        )
    click.echo("")
    for limit in record.limits:
        click.echo(f"- {limit}")
    click.echo(f"\n{folder}")


def _cells(values: Sequence[str], widths: Sequence[int]) -> str:
    return "".join(f" {value:>{width}}" for value, width in zip(values, widths, strict=True))


def _print_figures(record: Validation) -> None:
    """The product's own figures beside what was measured, and what broke off."""
    from modelassay.report.text import visible

    if record.figures:
        click.echo("\nthe product's own figures, held by the share that was measured")
    for figure in record.figures:
        click.echo(f"  {'✓' if figure.met else click.style('✗', fg='red')} {figure}")
    reasons = [
        (one.check, f"{each.kind}-{each.architecture}-{each.seed}", one.finding)
        for each in record.results
        for one in each.checks
        if one.broken
    ]
    if reasons:
        counted = ", ".join(f"{name} {count}" for name, count in record.matrix.broken.items())
        click.echo(f"\nbroke off, in no rate, made again by the same command: {counted}")
    for check, case, why in reasons[:_MOST_REASONS]:
        click.echo(f"  {check} of {case}: {visible(why)}")


def _share(line: Line, column: str) -> str:
    """``3/5``, a dot where there is no alarm, and how many broke off: ``· -2``."""
    rate, broken = line.columns.get(column), line.broken.get(column, 0)
    if rate is None:
        return ""
    share = f"{rate.found}/{rate.of}" if rate.found else "·" if rate.of else ""
    return f"{share} -{broken}".strip() if broken else share


def _whole(rate: Rate) -> str:
    return f"{rate.found}/{rate.of} [{rate.low:.2f}, {rate.high:.2f}]"
