"""People's labels as an audit takes them: every pair of the draw, with the mean of what people said."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

from modelassay.errors import UsageError
from modelassay.evidence.bundle import LABELS, gunzip
from modelassay.evidence.contents import Contents, read_lines
from modelassay.records import PairKey, ReviewedPair
from modelassay.review.drawn import draw_of, draw_path
from modelassay.review.items import by_id, items_of
from modelassay.review.labels import VALUES, LabelBook

_PLACES = Decimal("0.000001")


def reviewed_pairs(store: Path, contents: Contents) -> tuple[ReviewedPair, ...]:
    """What `store` has of people's labels on an audit, pairs that nobody labelled among them.

    Raises:
        UsageError: there are none, or they are about other texts than the audit's.
        StoreError: labels or draw are damaged.
    """
    audit = contents.record.id
    if not draw_path(store, audit).is_file():
        raise UsageError(
            "nobody labelled answers of this audit",
            where=str(store / "labels"),
            mend=f"`modelassay review next {audit}` puts them to a person",
        )
    draw = draw_of(store, contents)
    items = by_id(items_of(contents, draw, seed=0))
    said: dict[tuple[str, str, PairKey], list[Decimal]] = defaultdict(list)
    for label in LabelBook(store, audit).standing().values():
        item = items.get(label.item)
        if item is None or item.text != label.text:
            raise UsageError(
                f"a label of {label.annotator} is about another text than the audit's",
                where=f"{store / 'labels' / audit}.jsonl, item {label.item}",
                mend="labels belong to the audit whose answers people read",
            )
        if label.label in VALUES:
            for side, key in item.places:
                said[item.measure, side, key].append(VALUES[label.label])
    return tuple(
        ReviewedPair(
            measure=pair.measure,
            key=pair.key,
            stratum=pair.stratum,
            baseline=_mean(said, pair.measure, "baseline", pair.key) if pair.drawn else None,
            candidate=_mean(said, pair.measure, "candidate", pair.key) if pair.drawn else None,
        )
        for pair in draw.pairs
    )


def sealed_pairs(path: Path) -> tuple[ReviewedPair, ...]:
    """The pairs in the ``labels.jsonl.gz`` of a sealed audit.

    Raises:
        EvidenceError: not that, in its one spelling.
    """
    return tuple(read_lines(gunzip(path.read_bytes(), where=str(path)), ReviewedPair, LABELS))


def _mean(
    said: Mapping[tuple[str, str, PairKey], list[Decimal]], measure: str, side: str, key: PairKey
) -> Decimal | None:
    values = said.get((measure, side, key))
    return (sum(values, Decimal(0)) / len(values)).quantize(_PLACES) if values else None
