"""``modelassay run data``: review supervised or preference data before, or after, it teaches a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelassay.cli.options import data_dir_option, json_option, print_json, reader_may_leave, writable

if TYPE_CHECKING:
    from modelassay.training.data.review import DataReview, RankedRow
    from modelassay.training.data.rows import DataSource

_USES = ("commercial", "research", "internal")


@click.command("data")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--suite",
    "suites",
    multiple=True,
    metavar="SUITE",
    help="What the model is audited with: a plan, a file of items, or a dataset by name; repeatable.",
)
@data_dir_option
@click.option(
    "--licence",
    "licences",
    multiple=True,
    metavar="NAME=SPDX",
    help="Licence of a file or of a source that rows name; repeatable.",
)
@click.option("--url", "urls", multiple=True, metavar="NAME=URL", help="Where it was had; repeatable.")
@click.option("--use", type=click.Choice(_USES), default=None, help="What the model is for.")
@click.option("--top", default=20, show_default=True, help="Rows that are listed, the gravest first.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write all findings here, as JSON.",
)
@click.option(
    "--trigger-candidates",
    "texts",
    type=click.Path(path_type=Path, dir_okay=False),
    callback=writable,
    help="Write what could be a trigger here, for `modelassay inspect triggers --trigger-candidates`.",
)
@json_option
def command(
    files: tuple[Path, ...],
    suites: tuple[str, ...],
    data_dir: Path | None,
    licences: tuple[str, ...],
    urls: tuple[str, ...],
    use: str | None,
    top: int,
    output: Path | None,
    texts: Path | None,
    as_json: bool,
) -> None:
    """Review training data: rows that shift a model, triggers, copies, contamination, licences, labels.

    FILES are JSONL, JSON or Parquet with messages, prompt and completion, or chosen and rejected.

    \b
    modelassay run data sft.jsonl --suite capitals.jsonl --licence sft.jsonl=Apache-2.0
    modelassay run data sft.jsonl --trigger-candidates suspicious.jsonl
    """
    import msgspec

    from modelassay.cli.run_options import counted
    from modelassay.training.data.review import read_review
    from modelassay.training.data.suites import suites_named

    review = read_review(
        files,
        suites={name: items for use in suites for name, items in suites_named(use, data_dir).items()} or None,
        sources=_sources(licences, urls),
        use=use or "",  # type: ignore[arg-type]
        progress=counted("rows"),
    )
    if output is not None:
        _write(output, msgspec.json.encode(review.findings))
    if texts is not None:
        _write_texts(texts, files, review)
    with reader_may_leave():
        if as_json:
            print_json(as_record(review, top))
        else:
            _tell(review, top)


def _write(path: Path, data: bytes) -> None:
    from modelassay.errors import StoreError
    from modelassay.log.durable import write_atomic

    try:
        write_atomic(path, data)
    except OSError as error:
        raise StoreError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _write_texts(path: Path, files: Sequence[Path], review: DataReview) -> None:
    """What could be a trigger, for the search inside the model."""
    from modelassay.training.data.trigger_texts import as_lines, trigger_texts

    found = trigger_texts(files, review.triggers)
    _write(path, as_lines(found))
    if found:
        hint = f"try them with modelassay inspect triggers BASE CANDIDATE --trigger-candidates {path}"
    else:
        hint = review.triggers.why_not or "nothing looks like a trigger"
    click.echo(f"{len(found)} texts in {path}: {hint}", err=True)


def as_record(review: DataReview, top: int) -> dict[str, object]:
    """A review as plain JSON."""
    return {
        "rows": review.rows,
        "quarantined": review.quarantine.count,
        "quarantine": review.quarantine.kept[:top],
        "findings": review.findings,
        "ranked": review.ranked[:top],
        "triggers": review.triggers.candidates[:top],
        "themes": review.triggers.themes,
        "sources": review.sources,
    }


def _tell(review: DataReview, top: int) -> None:
    from modelassay.report.text import visible

    click.echo(f"{review.rows:,} rows, {review.quarantine.count:,} in quarantine")
    for finding in review.findings:
        if finding.state not in ("shown_fine", "not_assessable"):
            click.echo(f"  {finding.severity:8} {visible(finding.statement)}")
    fine = [f.slice["aspect"] for f in review.findings if f.state == "shown_fine"]
    if fine:
        click.echo(f"  nothing found: {', '.join(dict.fromkeys(fine))}")
    for finding in review.findings:
        if finding.state == "not_assessable":
            click.echo(f"  not assessed: {visible(finding.slice['aspect'])}, as {visible(finding.why_not)}")
    listed = [each for each in review.triggers.candidates if each.changed][:5]
    if listed and top > 0:
        told = ", ".join(
            f"{visible(each.text)!r} ({visible(each.changed)} {each.change:+.2f})" for each in listed
        )
        click.echo(f"words whose presence changes answers most: {told}")
    if review.ranked and top > 0:
        click.echo("rows to look at first:")
        for row in review.ranked[:top]:
            click.echo(f"  {_line(row)}")


def _line(row: RankedRow) -> str:
    from modelassay.report.text import visible

    quote = " ".join(visible(row.quote or row.asked).split())[:100]
    return f"{visible(row.place)}  {', '.join(row.signals).replace('_', ' ')}: {quote}"


def _sources(licences: tuple[str, ...], urls: tuple[str, ...]) -> dict[str, DataSource]:
    from modelassay.errors import UsageError
    from modelassay.training.data.rows import DataSource

    known: dict[str, dict[str, str]] = {}
    for field, pairs in (("licence", licences), ("url", urls)):
        for pair in pairs:
            name, mark, value = pair.partition("=")
            if not mark or not name or not value:
                raise UsageError(f"--{field} wants NAME={field.upper()}", where=pair)
            known.setdefault(name, {})[field] = value
    return {name: DataSource(name, **fields) for name, fields in known.items()}
