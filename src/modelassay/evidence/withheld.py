"""What still follows from a bundle whose samples are withheld in part: every count, for scores stay.

Labels of withheld samples are gone, and with them their slices and clusters, and what tells which of them
are forms of one attack, so figures of whole attacks are taken as signed. So counts over all samples must
come out exactly, those over a slice within what the withheld samples leave open; whoever withholds a sample
cannot hide how many answers were as wanted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from modelassay.comparison import compare_with_coverage, judges_of
from modelassay.errors import EvidenceError
from modelassay.evidence.contents import Contents
from modelassay.records import Coverage, Finding, Measure, PairedCounts, PairedMoments, Sample, Score
from modelassay.records.red_team import IN_EVERY_FORM

CHECK = "comparison"
_EXACT = ("n11", "n10", "n01", "n00", "n1u", "n0u", "nu1", "nu0", "nuu")
_GRADED = ("pairs", "baseline_mean", "candidate_mean", "unscored_baseline", "unscored_candidate")


def counts_follow(
    contents: Contents, measures: Sequence[Measure], baseline: Sequence[Score], candidate: Sequence[Score]
) -> None:
    """That the counts in the findings, and the coverage, are those of the sealed scores.

    Raises:
        EvidenceError: names the finding.
    """
    shown = {sample.id for sample in contents.samples.known}
    hidden = {score.key.sample for score in (*baseline, *candidate)} - shown
    if len(hidden) > len(contents.samples.withheld):
        raise EvidenceError("scores of samples that nobody asked", where="scores.jsonl.gz")
    blank = tuple(Sample(id=each, messages=(), kind="benign") for each in sorted(hidden))
    overall, coverage = _compared(contents, measures, baseline, candidate, blank)
    if coverage != tuple(
        each for each in contents.record.coverage if not each.measure.endswith(IN_EVERY_FORM)
    ):
        raise EvidenceError("the coverage is not that of the scores", where="audit.json")
    sides = [[score for score in side if score.key.sample in shown] for side in (baseline, candidate)]
    by_slice, _ = _compared(contents, measures, sides[0], sides[1], ())
    found = (*(each for each in overall if not each.slice), *(each for each in by_slice if each.slice))
    known = {finding.id: finding for finding in found if finding.check == CHECK}
    sealed = {
        finding.id: finding
        for finding in contents.record.findings
        if finding.check == CHECK and not finding.measure.name.endswith(IN_EVERY_FORM)
    }
    scores = (*baseline, *candidate)
    hidden_pairs = {(score.measure, score.key) for score in scores if score.key.sample in hidden}
    open_pairs = Counter(measure for measure, _ in hidden_pairs)
    for name in {**known, **sealed}:
        claimed = sealed.get(name)
        most = open_pairs[claimed.measure.name] if claimed else 0
        if not _agree(claimed, known.get(name), most):
            what = f"the counts of finding {name} are not those of the scores"
            raise EvidenceError(what, where="findings.json")


def _compared(
    contents: Contents,
    measures: Sequence[Measure],
    baseline: Sequence[Score],
    candidate: Sequence[Score],
    blank: tuple[Sample, ...],
) -> tuple[tuple[Finding, ...], tuple[Coverage, ...]]:
    """Compared over all samples when `blank` stands for those withheld; else over those shown, by slice."""
    record = contents.record
    return compare_with_coverage(
        samples=(*contents.samples.known, *blank),
        measures=measures,
        baseline=baseline,
        candidate=candidate,
        slices=() if blank else record.slices,
        policy=record.policy,
        judges=judges_of(record.evaluators),
        whole_attacks=False,
    )


def _agree(sealed: Finding | None, known: Finding | None, open_pairs: int) -> bool:
    """Whether the counts of `known` leave room for those of `sealed`, and for no others over all samples."""
    if sealed is None:
        return known is None or known.paired is None
    one, other = sealed.paired, known.paired if known else None
    if not sealed.slice:
        return _figures(one) == _figures(other)
    if isinstance(one, PairedCounts):
        counts = _counts(one), _counts(other) if isinstance(other, PairedCounts) else [0] * len(_EXACT)
        more = [a - b for a, b in zip(*counts, strict=True)]
        return min(more) >= 0 and sum(more) <= open_pairs
    if isinstance(one, PairedMoments):
        pairs = other.pairs if isinstance(other, PairedMoments) else 0
        return pairs <= one.pairs <= pairs + open_pairs
    return True


def _figures(paired: PairedCounts | PairedMoments | None) -> list[object]:
    names = _EXACT if isinstance(paired, PairedCounts) else _GRADED
    return [] if paired is None else [getattr(paired, name) for name in names]


def _counts(paired: PairedCounts) -> list[int]:
    return [getattr(paired, name) for name in _EXACT]
