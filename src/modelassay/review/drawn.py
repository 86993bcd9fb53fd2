"""The draw of one audit, kept beside its labels: which pairs could be drawn, of which strata, which were."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from modelassay.canonical import digest_bytes
from modelassay.errors import StoreError, UsageError
from modelassay.evidence.bundle import SUMS
from modelassay.evidence.contents import Contents
from modelassay.log.durable import write_atomic
from modelassay.records import Measure, PairKey, Reading, Sample, Score, Transcript
from modelassay.review.sampling import JudgedPair, sample_pairs


class DrawnPair(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A pair of the population."""

    measure: str
    key: PairKey
    stratum: str
    weight: str
    """Inverse of its chance to be drawn, a decimal string."""
    drawn: bool


class Draw(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Fixed before anything is labelled; it follows from the sealed audit, `size` and `seed`."""

    format: str = "modelassay.draw/1"
    audit: str
    sums: str
    """Digest of the audit's ``SHA256SUMS``."""
    size: int
    """Pairs asked for, of each measure."""
    seed: int
    pairs: tuple[DrawnPair, ...]


def draw_of(
    store: Path,
    contents: Contents,
    *,
    size: int | None = None,
    seed: int = 1,
    measures: Sequence[str] = (),
    keep: bool = True,
) -> Draw:
    """The draw of an audit; made now if there is none.

    Args:
        size: pairs of each measure; the policy's ``judges.labels`` when None.
        measures: to be labelled; all that are banded and not exact if none is named.
        keep: whether a draw that is made now is kept, and so settled.

    Raises:
        UsageError: another audit's draw lies there, or nothing can be labelled.
        StoreError: it cannot be written, or is damaged.
    """
    path = draw_path(store, contents.record.id)
    sums = digest_bytes(contents.bundle.read(SUMS))
    if path.is_file():
        known = _read(path)
        if known.sums != sums:
            raise UsageError(
                "the draw belongs to another seal of this audit", where=str(path), mend="move it away"
            )
        return known
    size = contents.record.policy.judges.labels if size is None else size
    pairs = tuple(_drawn(contents, size, seed, measures))
    if not pairs:
        raise UsageError("no measure of this audit can be labelled: none is banded and judged")
    draw = Draw(audit=contents.record.id, sums=sums, size=size, seed=seed, pairs=pairs)
    if not keep:
        return draw
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, msgspec.json.encode(draw, order="sorted") + b"\n")
    except OSError as error:
        raise StoreError(f"the draw cannot be written: {error.strerror}", where=str(path)) from error
    return draw


def draw_path(store: Path, audit: str) -> Path:
    """Where the draw of an audit is kept."""
    return store / "labels" / f"{audit}.draw.json"


def judged_pairs(contents: Contents, measure: Measure) -> list[JudgedPair]:
    """The pairs of one measure of which both answers are scored."""
    record = contents.record
    texts = {(t.target, t.key): t for t in contents.transcripts.known}
    samples = {sample.id: sample for sample in contents.samples.known}
    sides = [
        {s.key: s.outcome for s in _of(contents.scores, measure, target) if isinstance(s.outcome, Reading)}
        for target in (record.baseline.fingerprint, record.candidate.fingerprint)
    ]
    return [
        JudgedPair(
            key=key,
            baseline=before.value,
            candidate=after.value,
            doubt=max(doubt_of(before), doubt_of(after)),
            category=_category(samples[key.sample]),
            same=_same(texts[record.baseline.fingerprint, key], texts[record.candidate.fingerprint, key]),
        )
        for key, before in sides[0].items()
        if (after := sides[1].get(key)) is not None
    ]


def doubt_of(reading: Reading) -> float:
    """How unsure a reading is: 1 halfway between its ends, 0 at either; from the raw value of a yes or no."""
    value = reading.value
    if value in (0.0, 1.0):
        try:
            value = float(reading.raw)
        except ValueError:
            return 0.0
        if not 0.0 <= value <= 1.0:
            return 0.0
    return 1.0 - abs(2.0 * value - 1.0)


def _drawn(contents: Contents, size: int, seed: int, measures: Sequence[str]) -> Iterable[DrawnPair]:
    known = {m.name: m for pin in contents.record.evaluators for m in pin.measures}
    for name in measures:
        if name not in known:
            raise UsageError(f"the audit has no measure {name!r}", mend="known: " + ", ".join(known))
    chosen = measures or [m.name for m in known.values() if m.role == "banded" and not m.exact]
    for name in chosen:
        for pair in sample_pairs(judged_pairs(contents, known[name]), size=size, seed=seed):
            yield DrawnPair(
                measure=name,
                key=pair.key,
                stratum=pair.stratum,
                weight=f"{pair.weight:.6f}",
                drawn=pair.drawn,
            )


def _of(scores: Iterable[Score], measure: Measure, target: str) -> Iterable[Score]:
    return (score for score in scores if score.measure == measure.name and score.target == target)


def _category(sample: Sample) -> str:
    return sample.tags.get("category", "")


def _same(one: Transcript, other: Transcript) -> bool:
    return (one.asked, one.answer) == (other.asked, other.answer)


def _read(path: Path) -> Draw:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Draw)
    except (OSError, msgspec.DecodeError) as error:
        raise StoreError(
            f"the draw cannot be read: {error}", where=str(path), mend="restore it from a copy"
        ) from error
