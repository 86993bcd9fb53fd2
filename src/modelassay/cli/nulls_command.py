"""``modelassay nulls``: what the numbers of looks inside are on harmless fine-tunes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from modelassay.cli.inspect_options import dataset_options, samples_of
from modelassay.cli.options import json_option, print_json, quiet_option, reader_may_leave
from modelassay.errors import UsageError

if TYPE_CHECKING:
    from modelassay.validation.harmless import FineTune
    from modelassay.validation.measuring import Asked, Measured
    from modelassay.whitebox.calibration import Nulls

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("nulls")
@click.argument("bases", nargs=-1, type=_FOLDER, metavar="[BASE]...")
@click.option(
    "--variants",
    multiple=True,
    type=_FOLDER,
    metavar="FOLDER",
    help="A harmless fine-tune of BASE, full or an adapter, or a folder of them; repeatable.",
)
@click.option("--family", default="given", show_default=True, help="What kind --variants are, in a word.")
@click.option("--organisms", is_flag=True, help="Train harmless organisms here and measure those.")
@click.option(
    "--count", type=click.IntRange(1), default=200, show_default=True, help="Organisms of each base."
)
@click.option("--seeds", default="0", show_default=True, metavar="A,B", help="Of the organisms' bases.")
@click.option(
    "--first-seed", type=click.IntRange(0), default=101, show_default=True, help="Of the fine-tunes."
)
@click.option("--adapters", is_flag=True, help="Organisms that are low-rank adapters.")
@click.option(
    "--architecture",
    type=click.Choice(("llama", "neox", "both")),
    default="llama",
    show_default=True,
    help="Of the organisms.",
)
@click.option(
    "--checks",
    default="",
    metavar="A,B",
    help="Only these looks: refusal_margin, activations, watched, adapters (pairs), tampering, triggers. "
    "[default: all]",
)
@click.option(
    "--work",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keeps what was measured. [default: OUT.parts]",
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers here."
)
@dataset_options
@quiet_option
@json_option
def command(bases: tuple[Path, ...], **options: Any) -> int:
    """Measure every statistic of looks inside on harmless fine-tunes, so that a candidate's can be held
    against them: `modelassay inspect … --nulls OUT`.

    Give a BASE of your own and harmless fine-tunes of it, of the kinds that your candidates are; 19 are
    the fewest that a p-value of 0.05 can come from, 200 are a good number. What was measured is kept: the
    same command goes on where it was stopped, and with more fine-tunes it measures only those. Other
    requests, another --seed or other weights in a folder are measured anew.

    Adapters are measured alone and, for `inspect adapters`, in pairs: two and two in their order, so that
    each is in one pair.

    \b
    modelassay nulls ./base --variants ./harmless --dataset requests.jsonl --out nulls.json
    modelassay nulls --organisms --count 200 --seeds 0,1 --out nulls.json
    """
    from modelassay.validation.measuring import CALIBRATED, Asked, alike, measure, nulls_of, read_measured

    out: Path = options["out"]
    work = options["work"] or out.with_name(out.name + ".parts")
    looks = _looks(options["checks"]) or tuple(CALIBRATED)
    if options["organisms"] == bool(bases):
        raise UsageError(
            "harmless fine-tunes of what?", mend="name a BASE and its --variants, or give --organisms"
        )
    origin, samples = _held_out(work) if options["organisms"] else samples_of(options)
    asked = Asked(samples=tuple(samples), origin=origin, seed=options["seed"])
    tunes = _trained(options, work, looks) if options["organisms"] else _own(bases, options, looks)

    def tell(line: str) -> None:
        if not options["quiet"]:
            click.echo(line, err=True)

    try:
        measure(tunes, work / "measured", asked=asked, looks=looks, tell=tell)
    finally:  # also of what was measured when it is stopped
        every = read_measured(work / "measured")
        measured = alike(every, asked)
        if others := len(every) - len(measured):
            tell(
                f"{others} measurements in {work / 'measured'} are of other requests, seeds or settings, or "
                "by other versions, and are not taken in"
            )
        nulls = nulls_of(measured, asked)
        _write(out, nulls, asked, measured)
    _report(nulls, out, as_json=options["as_json"])
    return 0


def _write(out: Path, nulls: Nulls, asked: Asked, measured: Sequence[Measured]) -> None:
    """The numbers and where they come from; a file that is there stays when nothing was measured."""
    from modelassay.canonical import canonical_json
    from modelassay.suites import pin_digest
    from modelassay.validation.measuring import provenance
    from modelassay.validation.shipped import PROVENANCE
    from modelassay.whitebox.calibration import nulls_bytes

    if not measured and out.exists():
        return
    said = {"seed": asked.seed, "asked": asked.origin, "requests": pin_digest(asked.samples)}
    out.write_bytes(nulls_bytes(nulls))
    out.with_suffix(PROVENANCE).write_bytes(canonical_json(said | provenance(measured)) + b"\n")


def _looks(text: str) -> tuple[str, ...]:
    from modelassay.errors import UnknownNameError
    from modelassay.validation.measuring import CALIBRATED

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in CALIBRATED:
            raise UnknownNameError("check", name, CALIBRATED, where="--checks")
    return names


def _held_out(work: Path) -> tuple[str, Sequence[Any]]:
    """What organisms are asked."""
    from modelassay.organisms import write_suite
    from modelassay.suites import Dataset

    suite = write_suite(work / "held_out.jsonl")
    return suite.name, tuple(Dataset.from_file(suite).samples)


def _trained(options: dict[str, Any], work: Path, looks: Sequence[str]) -> Iterator[FineTune]:
    """Organisms of every base that is asked for."""
    from modelassay.validation.harmless import PAIRED

    try:
        seeds = [int(seed) for seed in options["seeds"].split(",")]
    except ValueError as error:
        raise UsageError("seeds are whole numbers", where="--seeds") from error
    if set(looks) == {PAIRED} and (not options["adapters"] or options["count"] < 2):
        raise _no_pair("--adapters and a --count of 2 or more")
    return _organisms(options, work / "organisms", seeds, looks)


def _organisms(
    options: dict[str, Any], folder: Path, seeds: Sequence[int], looks: Sequence[str]
) -> Iterator[FineTune]:
    """Base by base, pairs of adapters last."""
    from modelassay.validation.harmless import PAIRED, organism_pairs, organisms
    from modelassay.validation.zoo import shapes

    for shape in shapes(options["architecture"]):
        for seed in seeds:
            of: dict[str, Any] = {
                "architecture": shape,
                "base_seed": seed,
                "count": options["count"],
                "first_seed": options["first_seed"],
            }
            if set(looks) != {PAIRED}:
                yield from organisms(folder, **of, adapters=options["adapters"])
            if options["adapters"] and PAIRED in looks:
                yield from organism_pairs(folder, **of)


def _own(bases: tuple[Path, ...], options: dict[str, Any], looks: Sequence[str]) -> list[FineTune]:
    """The fine-tunes in ``--variants``, each a folder of a model or of several; pairs of adapters last."""
    from modelassay.validation.harmless import PAIRED, given, given_pairs

    if len(bases) != 1:
        raise UsageError("fine-tunes are of one base", mend="call once for each base, with the same --out")
    folders = [
        inner
        for folder in options["variants"]
        for inner in ([folder] if _is_model(folder) else sorted(filter(_is_model, folder.iterdir())))
    ]
    if not folders:
        raise UsageError(
            "no harmless fine-tune is given", mend="--variants FOLDER with config.json or adapter_config.json"
        )
    folders = _distinct(bases[0], folders)
    pairs = list(given_pairs(bases[0], folders, family=options["family"])) if PAIRED in looks else []
    if set(looks) == {PAIRED} and not pairs:
        raise _no_pair("--variants with two adapters or more")
    return [*given(bases[0], folders, family=options["family"]), *pairs]


def _no_pair(wanted: str) -> UsageError:
    return UsageError("the look adapters is of pairs of adapters", where="--checks", mend=f"give {wanted}")


def _distinct(base: Path, folders: Sequence[Path]) -> list[Path]:
    """Folders with weights of their own: a copy, of another one or of the base, is no further fine-tune.

    Raises:
        UsageError: there is none.
    """
    from modelassay.artifacts import fingerprint_folder

    seen: dict[str, Path] = {}
    for folder in (base, *folders):
        found = fingerprint_folder(folder)
        weights = found.part([name for name in found.readings if name.endswith(".safetensors")])
        digests = " ".join(sorted(weights.values())) or str(folder)  # without weights, told when it is opened
        if digests in seen:
            click.echo(f"{folder} holds the weights of {seen[digests]}, and is left out", err=True)
        seen.setdefault(digests, folder)
    kept = [folder for folder in seen.values() if folder != base]
    if not kept:
        raise UsageError(
            "no fine-tune differs from the base", where=str(base), mend="name others by --variants"
        )
    return kept


def _is_model(folder: Path) -> bool:
    return (folder / "config.json").is_file() or (folder / "adapter_config.json").is_file()


def _report(nulls: Nulls, out: Path, *, as_json: bool) -> None:
    rows = [
        {
            "statistic": null.statistic,
            "base": null.base,
            "method": null.method,
            "values": len(null.values),
            "families": null.families,
            "greatest": max(null.values),
            "smallest_p": f"{1 / (len(null.values) + 1):.4f}",
            "named": bool(null.by_name()),
        }
        for null in nulls
    ]
    with reader_may_leave():
        if as_json:
            print_json({"out": str(out), "nulls": rows})
            return
        click.echo(f"{'values':>6} {'greatest':>9} {'least p':>8}  statistic")
        for row in rows:
            click.echo(
                f"{row['values']:>6} {row['greatest']:>9.3f} {row['smallest_p']:>8}  {row['statistic']} "
                f"of {row['method']} fine-tunes of {row['base']}"
            )
        if unnamed := [str(row["statistic"]) for row in rows if not row["named"]]:
            click.echo(
                "corrected by Holm's method alone, as its fine-tunes have no names of their own: "
                + ", ".join(dict.fromkeys(unnamed))
            )
        click.echo(str(out))
