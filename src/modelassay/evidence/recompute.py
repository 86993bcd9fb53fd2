"""Compute again what a bundle claims: findings and coverage from scores, the verdict from findings.

Through comparison and gate only, never through evaluators or models. Each function says what it found in one
sentence, or raises with the first things that differ, by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from typing import Any

import msgspec

from modelassay.artifacts import CHECKS as LINEAGE_CHECKS
from modelassay.artifacts import lineage_findings
from modelassay.comparison import as_drawn, assured, compare_with_coverage, judges_of
from modelassay.errors import EvidenceError
from modelassay.evidence.bundle import SCORES, TRANSCRIPTS
from modelassay.evidence.checks import NotDoneError
from modelassay.evidence.contents import Contents
from modelassay.evidence.earlier import counts_whole_attacks, earlier_rules, labels_by_slice
from modelassay.evidence.examined import KINDS, examined_findings
from modelassay.evidence.withheld import counts_follow
from modelassay.gate import decide
from modelassay.records import (
    Coverage,
    Finding,
    Ground,
    Measure,
    PairKey,
    Policy,
    ReviewedPair,
    Score,
    Transcript,
)
from modelassay.version import __version__

_BY_COMPARISON = "comparison cohort_gap cohort_loss consistency edge_cases quality worst_slice"
FOLLOWING = frozenset((*_BY_COMPARISON.split(), *LINEAGE_CHECKS, *KINDS))
"""Checks whose findings follow from what a bundle holds."""
WORDS = frozenset(("statement", "method", "headline", "settle", "inconclusive", "tightened"))
"""Fields in words, which another version of modelassay may put differently; their figures stand beside."""
MOST_NAMED = 3
"""Differences that one message names."""

_sorted = msgspec.json.Encoder(order="sorted")


def files_agree(contents: Contents) -> str:
    """That ``audit.json`` says of plan, policy, findings and verdict what their own files say.

    Raises:
        EvidenceError: names file and field.
    """
    record, plan = contents.record, contents.plan
    _same(contents.policy, record.policy, "policy.json")
    _same(contents.findings, record.findings, "findings.json")
    _same(contents.verdict, record.verdict, "verdict.json")
    planned = {
        "name": plan.name,
        "baseline": plan.baseline.model,
        "candidate": plan.candidate.model,
        "decoding": plan.decoding,
        "epochs": plan.repeats,
        "seed": plan.seed,
        "slices": plan.slices,
        "evaluators": len(plan.evaluators),
    }
    audited = {
        "name": record.name,
        "baseline": record.baseline.reference,
        "candidate": record.candidate.reference,
        "decoding": record.decoding,
        "epochs": record.epochs,
        "seed": record.seed,
        # An audit of several datasets adds one slice to the plan's.
        "slices": record.slices[: len(plan.slices)],
        "evaluators": len(record.evaluators),
    }
    _same(planned, audited, "plan.json")
    _same(plan.provider_evaluations, record.published, "plan.json")
    return "plan, policy, findings and verdict are those of the audit's record"


def findings_follow(contents: Contents, reviewed: Iterable[ReviewedPair] = ()) -> str:
    """That findings and coverage are what comparison makes of the sealed scores.

    Args:
        contents: the bundle's.
        reviewed: the sealed pairs of which a sample was put to people.

    Raises:
        EvidenceError: names finding and field.
        NotDoneError: samples are withheld, and all that does not need their labels was checked; or the
            record does not say what its evaluators measure.
    """
    record = contents.record
    if contents.samples.withheld:
        counts_follow(contents, measures_of(contents), *sides_of(contents))
        raise NotDoneError(
            f"{len(contents.samples.withheld):,} samples are withheld; counts and coverage follow from the "
            "scores, but slices and clusters need the samples' labels, so states and intervals are taken as "
            "signed",
            required=False,
        )
    findings, coverage = findings_again(
        contents,
        record.policy,
        reviewed,
        whole_attacks=counts_whole_attacks(record),
        by_slice=labels_by_slice(record),
    )
    exact = record.tool_version == __version__
    _same_findings([f for f in record.findings if f.check in FOLLOWING], findings, exact=exact)
    _same(record.coverage, coverage, "audit.json", "coverage")
    others = sorted({f.check for f in record.findings if f.check not in FOLLOWING})
    signed = f"; findings of {', '.join(others)} are taken as signed" if others else ""
    return f"{len(findings):,} findings follow from {len(contents.scores):,} scores{signed}"


def findings_again(
    contents: Contents,
    policy: Policy,
    reviewed: Iterable[ReviewedPair] = (),
    *,
    whole_attacks: bool = True,
    by_slice: bool = True,
) -> tuple[tuple[Finding, ...], tuple[Coverage, ...]]:
    """What comparison makes of the sealed scores under `policy`, and what follows from the lineage and from
    examinations.

    Args:
        contents: of a bundle whose samples are all there.
        policy: as it is written.
        reviewed: the sealed pairs of which a sample was put to people.
        whole_attacks: whether attacks of several forms are also counted as one each.
        by_slice: whether people's labels decide by the slice; see `comparison.Judges`.

    Raises:
        EvidenceError: a score of neither model, or by an evaluator that is not pinned.
        NotDoneError: the record does not say what its evaluators measure.
    """
    record = contents.record
    baseline, candidate = sides_of(contents)
    findings, coverage = compare_with_coverage(
        samples=contents.samples.known,
        measures=measures_of(contents),
        baseline=baseline,
        candidate=candidate,
        slices=record.slices,
        policy=policy,
        judges=judges_of(record.evaluators, reviewed, by_slice=by_slice),
        whole_attacks=whole_attacks,
    )
    findings = as_drawn(findings, record.sequential, policy)
    findings = assured(findings, imported=bool(record.imported))
    audited = (*record.baseline.artifacts, *record.candidate.artifacts)
    examined = examined_findings(record.examinations)
    return (*findings, *lineage_findings(record.lineage, audited), *examined), coverage


def verdict_follows(contents: Contents, ground: Callable[[], Ground]) -> str:
    """That the verdict is what the gate makes of findings, coverage and policy on the day of issue.

    Args:
        contents: the bundle's.
        ground: what the claims of the verdict rest on, if it carries any.

    Raises:
        EvidenceError: names the field, or the record says that it was judged by rules that its version did
            not have.
        NotDoneError: what the claims rest on is withheld.
    """
    record, sealed = contents.record, contents.record.verdict
    rules = earlier_rules(record)
    try:
        issued = date.fromisoformat(sealed.issued)
    except ValueError as error:
        raise EvidenceError(f"no date of issue: {error}", where="verdict.json") from error
    if sealed.issued != record.closed[:10]:
        raise EvidenceError("the verdict was not issued on the day the audit closed", where="verdict.json")
    again = decide(
        record.policy,
        record.findings,
        record.coverage,
        today=issued,
        answered=_answered(contents, issued),
        drawn=record.sequential,
        ground=ground() if sealed.ground else None,
        noise_floor=record.noise_floor,
        datasets=record.datasets,
        red_team=record.red_team,
        by_measure=sealed.by_measure,
        prompted=tuple(record.system_prompts),
    )
    _same(sealed, again, "verdict.json", exact=record.tool_version == __version__)
    asked = sum(len(claim.tests) for claim in sealed.claims)
    claims = f"; its {len(sealed.claims):,} claims of {asked:,} tests come out again" if asked else ""
    rest = f"{len(record.findings):,} findings and the policy{claims}"
    told = f"; {rules}" if rules else ""
    return f"the verdict, {sealed.outcome}, follows from {rest}{told}"


def _answered(contents: Contents, issued: date) -> date | None:
    """The day from which the verdict's time runs, when it is not the day of issue.

    Raises:
        EvidenceError: said of answers that were not judged again, no time, or later than the issue.
    """
    record = contents.record
    if not record.answered and not record.judged_again:
        return None  # of the day of issue; also where an imported file does not tell
    try:
        answered = date.fromisoformat(record.answered[:10])
    except ValueError as error:
        raise EvidenceError(f"no date of the answers: {error}", where="audit.json") from error
    if not (record.judged_again or record.imported) or answered > issued:
        raise EvidenceError("the answers cannot be from that time", where="audit.json")
    return answered


def answers_are_complete(contents: Contents) -> str:
    """That both models answered every sample once an epoch, in one order, and that scores are of that.

    Raises:
        EvidenceError: names the line.
    """
    record = contents.record
    samples, transcripts = contents.samples, contents.transcripts
    planned = len(samples.lines) * record.epochs
    # Of a sequential audit fewer; `redrawn` looks which.
    questions = planned if record.sequential is None else min(record.sequential.asked, planned)
    if len(transcripts.lines) != 2 * questions:
        raise EvidenceError(
            f"{len(transcripts.lines):,} transcripts, where {questions:,} questions ({len(samples.lines):,} "
            f"samples, {record.epochs} epochs) and two models make {2 * questions:,}",
            where=TRANSCRIPTS,
        )
    order = order_of(contents)
    asked = [key for key in order if key is not None]
    ids = {sample.id for sample in samples.known}
    for key in asked:
        known = key.sample in ids or samples.withheld
        if not known or key.attack or key.seed != record.seed or not 0 <= key.epoch < record.epochs:
            raise EvidenceError(
                f"an answer to sample {key.sample}, epoch {key.epoch}: not planned", where=TRANSCRIPTS
            )
    once = set(asked)
    if len(once) != len(asked):
        raise EvidenceError("a question was asked twice", where=TRANSCRIPTS)
    scored = {score.key for score in contents.scores}
    unanswered = scored - once
    if len(unanswered) > len(order) - len(asked):
        key = min(unanswered)
        raise EvidenceError(f"a score of sample {key.sample}, epoch {key.epoch}: not asked", where=SCORES)
    unread = len(once - scored)
    bare = f"; {unread:,} questions have no score on either side" if unread else ""
    return f"{questions:,} planned questions, each answered once by both models{bare}"


def order_of(contents: Contents) -> list[PairKey | None]:
    """The questions in the order in which they stand, None where both answers are withheld.

    Raises:
        EvidenceError: an answer of the wrong model, or the two models' answers do not pair up.
    """
    record, transcripts = contents.record, contents.transcripts
    questions = len(transcripts.lines) // 2
    order: list[PairKey | None] = [None] * questions
    fingerprints = (record.baseline.fingerprint, record.candidate.fingerprint)
    shown = iter(transcripts.known)
    for index in range(len(transcripts.lines)):
        if index in transcripts.withheld:
            continue
        transcript = next(shown)
        side, place = divmod(index, questions)
        if transcript.target != fingerprints[side] or order[place] not in (None, transcript.key):
            raise EvidenceError(
                "not the answer that stands in this place", where=f"{TRANSCRIPTS}: line {index + 1}"
            )
        order[place] = transcript.key
    return order


def examples_are_real(contents: Contents) -> str:
    """That every example of the report shows the sealed answers.

    Raises:
        EvidenceError: names the example.
        NotDoneError: they are withheld.
    """
    examples = contents.examples
    if examples is None:
        raise NotDoneError("the examples are withheld", required=False)
    record = contents.record
    wanted = {example.key for example in examples}
    shown = {(t.target, t.key): t for t in contents.transcripts.known if t.key in wanted}
    for example in examples:
        for name in ("baseline", "candidate"):
            transcript = shown.get((getattr(record, name).fingerprint, example.key))
            if transcript is None or not _shows(getattr(example, name).answer, transcript):
                raise EvidenceError(
                    f"the {name}'s answer to {example.key.sample} is not the sealed one",
                    where="examples.json",
                )
    return f"{len(examples):,} examples show sealed answers"


def measures_of(contents: Contents) -> tuple[Measure, ...]:
    """Every measure that the audit's evaluators can score, in their order.

    Raises:
        NotDoneError: the record does not say.
    """
    measures = tuple(measure for pin in contents.record.evaluators for measure in pin.measures)
    if not measures:
        raise NotDoneError("the audit's record does not say what its evaluators measure")
    return measures


def sides_of(contents: Contents) -> tuple[list[Score], list[Score]]:
    """The scores of baseline and candidate.

    Raises:
        EvidenceError: a score of neither, or by an evaluator that is not pinned for its measure.
    """
    record = contents.record
    by_target: dict[str, list[Score]] = {record.baseline.fingerprint: [], record.candidate.fingerprint: []}
    allowed = {(f"{pin.name}@{pin.version}", m.name) for pin in record.evaluators for m in pin.measures}
    if len(by_target) < 2:
        raise EvidenceError("baseline and candidate are the same model", where="audit.json")
    for line, score in enumerate(contents.scores, 1):
        side = by_target.get(score.target)
        if side is None or (score.evaluator, score.measure) not in allowed:
            what = "of a model" if side is None else f"of {score.measure} by {score.evaluator}, which is"
            raise EvidenceError(f"a score {what} not in this audit", where=f"{SCORES}: line {line}")
        side.append(score)
    before, after = by_target.values()
    return before, after


def differences(sealed: Any, again: Any, path: str = "") -> Iterator[str]:
    """Where plain data differs: ``path: sealed …, recomputed …``, in the order of the sealed data."""
    if isinstance(sealed, dict) and isinstance(again, dict):
        for key in {**sealed, **again}:
            inner = f"{path}.{key}" if path else str(key)
            yield from differences(sealed.get(key), again.get(key), inner)
    elif isinstance(sealed, list | tuple) and isinstance(again, list | tuple) and len(sealed) == len(again):
        for index, (one, other) in enumerate(zip(sealed, again, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")
    elif sealed != again:
        yield f"{path}: sealed {_short(sealed)}, recomputed {_short(again)}"


def _shows(answer: str, transcript: Transcript) -> bool:
    """Whether `answer` is the transcript's, or its beginning with a true count of what was cut."""
    text = transcript.answer or (transcript.failure.message if transcript.failure else "")
    start = answer[: max(answer.rfind(" … ("), 0)]
    rest = len(text) - len(start)
    return answer == text or (text.startswith(start) and answer == f"{start} … ({rest} more characters)")


def _same_findings(sealed: Sequence[Finding], again: Sequence[Finding], *, exact: bool) -> None:
    """Findings are compared by name, so that a message says which one is wrong."""
    if [finding.id for finding in sealed] != [finding.id for finding in again]:
        odd = sorted({finding.id for finding in sealed} ^ {finding.id for finding in again})
        what = f"findings {', '.join(odd[:MOST_NAMED])}" if odd else "the order of the findings"
        raise EvidenceError(f"{what} do not follow from the scores", where="findings.json")
    for one, other in zip(sealed, again, strict=True):
        if one != other:
            _same(one, other, "findings.json", one.id, exact=exact)


def _same(sealed: Any, again: Any, file: str, path: str = "", *, exact: bool = True) -> None:
    """Refuse differences; those in words only when `exact`."""
    if sealed == again:
        return
    one, other = msgspec.to_builtins(sealed), msgspec.to_builtins(again)
    found = differences(one, other, path) if exact else differences(_wordless(one), _wordless(other), path)
    named = list(islice(found, MOST_NAMED + 1))
    if exact or named:
        more = ", and more" if len(named) > MOST_NAMED else ""
        raise EvidenceError("; ".join(named[:MOST_NAMED]) + more, where=file)


def _wordless(value: Any) -> Any:
    """Plain data without the fields that are words."""
    if isinstance(value, dict):
        return {key: _wordless(inner) for key, inner in value.items() if key not in WORDS}
    return [_wordless(inner) for inner in value] if isinstance(value, list | tuple) else value


def _short(value: Any) -> str:
    text = _sorted.encode(value).decode()
    return text if len(text) <= 80 else text[:79] + "…"
