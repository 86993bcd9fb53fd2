"""``modelassay inspect-weights``: a candidate's weights beside its base's, without running either."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.inspect_options import concluded, device_option, out_option, written
from modelassay.cli.options import error_body, json_option, print_json, quiet_option, reader_may_leave

if TYPE_CHECKING:
    from modelassay.records import Examination
    from modelassay.whitebox.weights.check import Inspection

_PLACE = click.Path(path_type=Path)
_SHOWN = 20
"""Changed tensors listed; ``--json`` has them all."""


@click.command("inspect-weights")
@click.argument("base", type=_PLACE)
@click.argument("candidate", type=_PLACE)
@click.option(
    "--other",
    "others",
    type=_PLACE,
    multiple=True,
    help="Further model of the same base: how alike they learned, whether CANDIDATE is a merge; repeatable.",
)
@click.option(
    "--lora-rank", type=click.IntRange(1, 4096), help="Declared rank of the adapter that was merged."
)
@click.option(
    "--trained", multiple=True, metavar="PATTERN", help="Tensors declared as trained (*, ?); repeatable."
)
@click.option("--no-spectra", is_flag=True, help="Leave singular values out: one pass over the files.")
@click.option("--seed", type=int, default=1, show_default=True, help="Of the randomised range finder.")
@out_option
@device_option
@quiet_option
@json_option
def command(base: Path, candidate: Path, **options: Any) -> int:
    """Compare the weights of CANDIDATE with those of BASE, tensor by tensor, and hash both in the same pass.

    Each is a folder or a safetensors file; tensors are matched by name, however they are spread over files.
    Nothing is loaded or run, and memory stays small; with --out both are loaded once (--device), so that the
    examination names them as audits do. Exits 10 when a finding asks for a look, 12 when one that may
    could not be assessed, 13 when weights are damaged.

    \b
    modelassay inspect-weights ./base ./tuned
    modelassay inspect weights ./base ./tuned --out weights.json
    modelassay inspect-weights ./base ./merged --lora-rank 16 --trained '*_proj.weight'
    modelassay inspect-weights ./base ./merged --other ./chat --other ./code
    """
    from modelassay.artifacts.listing import EXCLUDED
    from modelassay.cli.hash_progress import hash_progress
    from modelassay.whitebox.weights import Declared

    folders = [path for path in (base, candidate) if path.is_dir()]
    with hash_progress(folders, exclude=EXCLUDED, quiet=options["quiet"]) as advance:
        found, examination = _looked(
            base,
            candidate,
            options,
            declared=Declared(rank=options["lora_rank"], trained=options["trained"]),
            others=options["others"],
            spectra=not options["no_spectra"],
            seed=options["seed"],
            advance=advance,
        )
    failure = written(examination, options["out"]) if examination is not None else None
    code = failure.exit_code if failure is not None else concluded(found)
    with reader_may_leave():
        if options["as_json"]:
            error = {"error": error_body(failure)} if failure is not None else {}
            print_json(_plain(found) | error | {"exit_code": int(code)})
        else:
            _print(found)
    if failure is not None and not options["as_json"]:
        raise failure
    return int(code)


def _looked(
    base: Path, candidate: Path, options: dict[str, Any], **how: Any
) -> tuple[Inspection, Examination | None]:
    """What was found; and the examination, where one is wanted: only for that models are loaded."""
    if options["out"] is None:
        from modelassay.whitebox.weights.check import inspect_weights

        return inspect_weights(base, candidate, **how), None
    from modelassay.whitebox.weights.examining import examine_weights

    return examine_weights(base, candidate, options={"device": options["device"]}, **how)


def _plain(found: Inspection) -> dict[str, Any]:
    """Everything as plain data; a tensor that is the same is named by its digest alone."""
    of = found.comparison
    base, candidate = of.identities
    changed = []
    for delta in of.changed:
        row: dict[str, Any] = _fields(delta) | {"relative": delta.relative}
        spectrum = (found.spectra or {}).get(delta.name)
        if spectrum is not None:
            row["spectrum"] = _fields(spectrum) | {
                "stable_rank": spectrum.stable_rank,
                "effective_rank": spectrum.effective_rank,
                "outlier_ratio": spectrum.outlier_ratio,
            }
        changed.append(row)
    return {
        "base": {"identity": base, "tensors": {n: t.sha256 for n, t in sorted(of.base.items())}},
        "candidate": {
            "identity": candidate,
            "tensors": {n: t.sha256 for n, t in sorted(of.candidate.items())},
        },
        "relative_norm": of.relative,
        "changed": changed,
        "missing": of.missing,
        "unexpected": of.unexpected,
        "reshaped": of.reshaped,
        "renamed": of.renaming.names if of.renaming is not None else {},
        "packed": of.packed,
        "tied": of.tied,
        "quantisation": of.quantisation,
        "kinship": _fields(found.kinship) if found.kinship is not None else None,
        "findings": found.findings,
    }


def _fields(record: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain


def _print(found: Inspection) -> None:
    from modelassay.report.text import visible

    of = found.comparison
    for label, identity, table in zip(
        ("base", "candidate"), of.identities, (of.base, of.candidate), strict=True
    ):
        click.echo(f"{label:9} {identity}  {len(table)} tensors")
    changed = sorted(of.changed, key=lambda delta: -(delta.relative or 0.0))
    if changed:
        click.echo(f"\n{'relative':>9} {'changed':>8} {'rank':>6} {'eff.':>6} {'outlier':>7}  tensor")
    for delta in changed[:_SHOWN]:
        spectrum = (found.spectra or {}).get(delta.name)
        relative = "–" if delta.relative is None else f"{delta.relative:.3%}"
        share = (
            "–" if delta.changed is None or not delta.elements else f"{delta.changed / delta.elements:.1%}"
        )
        rank = effective = ratio = "–"
        if spectrum is not None:
            rank = f"{'≥ ' if spectrum.rank_is_lower_bound else ''}{spectrum.rank}"
            effective, ratio = f"{spectrum.effective_rank:.0f}", f"{spectrum.outlier_ratio:.1f}"
        click.echo(f"{relative:>9} {share:>8} {rank:>6} {effective:>6} {ratio:>7}  {visible(delta.name)}")
    if len(changed) > _SHOWN:
        click.echo(f"{'…':>9} {len(changed) - _SHOWN} more; --json lists all")
    click.echo("")
    for each in found.findings:
        concern = each.state == "shown_harmful"
        mark = click.style("✗", fg="red") if concern else "✓" if each.state == "shown_fine" else "·"
        severity = f" [{each.severity}]" if concern else ""
        click.echo(f"{mark}{severity} {visible(each.statement)}")
