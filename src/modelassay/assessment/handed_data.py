"""Whether files that are handed over as a run's training data are the data that the run recorded.

A file is recognised by the SHA-256 of its bytes, or of its rows as the recorder digests a trainer's data set
(JSON lines with sorted keys). Where the run recorded a digest of a file and this is not it, the file is other
data: nothing recorded is taken over for it, and what is fine in it says nothing about the run. A digest of a
trainer's rows can differ from that of the file they were made from; then the link is the developer's word,
and recorded licences are not taken over for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from modelassay.assessment.inputs import file_digest
from modelassay.canonical import Digest
from modelassay.records import RunDataset, RunFinding
from modelassay.training.data.conclusions import CHECK
from modelassay.training.data.review import review_data
from modelassay.training.data.rows import DataSource, Quarantine, read_objects
from modelassay.training.findings import called_fine_no_longer, run_finding
from modelassay.training.importers.rows import json_text

_TAUGHT: Final = frozenset({"train", "sft", "preference"})
_OTHER: Final = "it was handed over as this run's data, and is other data than was recorded"


@dataclass(frozen=True)
class Given:
    """A file that was handed over, and what ties it to the record."""

    path: Path
    rows: int
    digest: Digest
    tie: Literal["file", "rows", "word", "other"]
    """Equal to a recorded digest of a file or of rows; only said to be the data; other than recorded."""
    recorded: RunDataset | None = None
    """Data of this digest, or else of this name."""


def handed_over(
    paths: Sequence[Path], recorded: Sequence[RunDataset], beside: Sequence[RunFinding] = ()
) -> tuple[RunFinding, ...]:
    """The review of the files at `paths`, whether they are the data sets that the run `recorded`, and which
    of these are missing.

    Args:
        beside: what else was found in these files.

    Raises:
        DatasetError: a path is no file of a kind that is read.
        UsageError: a file cannot be read.
    """
    if not paths:
        return tuple(_missing((), recorded))
    given = [tied(path, recorded) for path in paths]
    reviewed = (*review_data(paths, sources=_sources(given, recorded)), *beside)
    if any(each.tie == "other" for each in given):
        reviewed = tuple(called_fine_no_longer(each, _OTHER) for each in reviewed)
    return (*map(_finding, given), *_missing(given, recorded), *reviewed)


def tied(path: Path, recorded: Sequence[RunDataset]) -> Given:
    """What ties the file at `path` to the data sets of a run."""
    digest, (rows, of_rows) = file_digest(path), _rows_of(path)
    for each in recorded:
        if each.digest in (digest, of_rows):
            return Given(path, rows, digest, "file" if each.digest == digest else "rows", each)
    named = next((each for each in reversed(recorded) if each.name in (path.name, path.stem)), None)
    if named is not None:
        differs = named.digest is not None or named.rows not in (None, rows)
        return Given(path, rows, digest, "other" if differs and not _as_trained(named) else "word", named)
    told_apart = bool(recorded) and all(each.digest and not _as_trained(each) for each in recorded)
    return Given(path, rows, digest, "other" if told_apart else "word")


def _as_trained(each: RunDataset) -> bool:
    """Whether a trainer's own data set was recorded: its rows may have been made from those of a file."""
    return each.order.startswith("seed ")  # only the recorder of a trainer writes this


def _rows_of(path: Path) -> tuple[int, Digest]:
    """Number of rows, also of those that cannot be read, and the digest of all as JSON lines."""
    quarantine, rows, digest = Quarantine(), 0, hashlib.sha256()
    for _, raw in read_objects(path, quarantine):
        rows += 1
        digest.update(json_text(raw).encode() + b"\n")
    return rows + quarantine.count, Digest(f"sha256:{digest.hexdigest()}")


def _sources(given: Sequence[Given], recorded: Sequence[RunDataset]) -> dict[str, DataSource]:
    """What was recorded of files and sources, where every file is shown to be one that was recorded."""
    sure = [each for each in given if each.tie in ("file", "rows")]
    known = {}
    if len(sure) == len(given):
        known = {each.name: DataSource(name=each.name, licence=each.licence) for each in recorded}
    for each in given:
        known.pop(each.path.name, None)
    for each in sure:
        if each.recorded is not None:
            known[each.path.name] = DataSource(name=each.path.name, licence=each.recorded.licence)
    return known


def _finding(each: Given) -> RunFinding:
    name, about = each.path.name, {"aspect": "recorded data", "file": each.path.name}
    if each.tie in ("file", "rows") and each.recorded is not None:
        what = "the file" if each.tie == "file" else "its rows"
        return run_finding(
            CHECK,
            "as recorded",
            f"{name!r} is the {each.recorded.role} data {each.recorded.name!r} that was recorded: the digest "
            f"of {what} is the same ({each.rows:,} rows).",
            about=about,
            state="shown_fine",
        )
    if each.tie == "other":
        return run_finding(
            CHECK,
            "other data than recorded",
            f"{name!r} is not {_recorded(each)}: it has {each.rows:,} rows and {each.digest}. Neither its "
            "licence nor what is fine in it is taken over for the run.",
            about=about,
            state="not_shown",
            severity="high",
            question=f"Of what is the recorded digest, and where is the data that it is of, if not {name!r}?",
        )
    fewer_or_more = _counted_otherwise(each)
    return run_finding(
        CHECK,
        "on the developer's word",
        f"That {name!r} ({each.rows:,} rows) is the data of this run is the developer's word: "
        f"{_untold(each)}{fewer_or_more}. No licence that was recorded is taken over for it.",
        about=about,
        state="not_shown",
        severity="medium" if fewer_or_more else "low",
        question=f"Which record made during training shows that {name!r} is what was trained on?",
    )


def _recorded(each: Given) -> str:
    found = each.recorded
    if found is None:
        return "any data that was recorded: each of it has another name and digest"
    told = [f"{found.rows:,} rows"] * (found.rows is not None) + [str(found.digest)] * bool(found.digest)
    return f"what was recorded as {found.name!r} ({', '.join(told)})"


def _counted_otherwise(each: Given) -> str:
    """Both numbers of rows where the recorded one is another."""
    rows = each.recorded.rows if each.recorded is not None else None
    return "" if rows in (None, each.rows) else f", and it has {rows:,} rows where the file has {each.rows:,}"


def _untold(each: Given) -> str:
    if each.recorded is None:
        return "no data was recorded by a digest that could tell"
    if each.recorded.digest is None:
        return f"of {each.recorded.name!r} no digest was recorded"
    return f"what was recorded of {each.recorded.name!r} is the digest of rows as the trainer had them"


def _missing(given: Sequence[Given], recorded: Sequence[RunDataset]) -> Iterator[RunFinding]:
    """Data that taught the model and was not handed over."""
    here = {each.recorded.name for each in given if each.recorded is not None and each.tie != "other"}
    sets = [each for each in recorded if each.role in _TAUGHT and each.name not in here]
    loose = [each.rows for each in given if each.recorded is None and each.tie == "word"]
    may_be = [each for each in sets if each.digest is None or _as_trained(each)] if loose else []
    known = [each.rows for each in {each.name: each for each in may_be}.values() if each.rows is not None]
    short = sum(known) > sum(loose)
    missing = [each for each in sets if short or each not in may_be]
    if missing:
        listed = ", ".join(map(repr, dict.fromkeys(each.name for each in missing)))
        too_few = (
            f" The files that may be it on the developer's word have {sum(loose):,} rows, and {sum(known):,} "
            "were recorded."
        )
        yield run_finding(
            CHECK,
            "not handed over",
            f"Recorded as taught, and not handed over: {listed}.{too_few if short and loose else ''}",
            about={"aspect": "recorded data", "file": "missing"},
            state="not_shown",
            severity="medium",
            question=f"Where is {listed}, which the run recorded?",
        )
