"""Licences of everything that a candidate is made from, held against what it is for.

Each licence's terms come from a table (`spdx`); the rules here are few and literal: a licence that forbids
commercial use against a commercial candidate; one that forbids adaptations; one that asks for the same
licence against a release under another; restrictions that must be passed on and are not; and two licences
that no release can satisfy. Whether a model is an adaptation of its training data is open in law, so
conflicts of data weigh less than those of models. All of it is evidence for a person who decides, not legal
advice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import msgspec

from modelassay.artifacts.claims import claim
from modelassay.artifacts.spdx import (
    NOT_STATED,
    Choice,
    Expression,
    Licence,
    accepts,
    condition_of,
    licences_in,
    parse_expression,
    terms_of,
)
from modelassay.errors import UsageError
from modelassay.records import Declaration, Finding, FindingState, Severity

METHOD = "terms of licences against the intended use; evidence for a person, not legal advice"
SHARES_ALIKE = frozenset({"copyleft", "share-alike"})
_PASSED_ON = {"non-commercial": "forbids commercial use", "behavioural-use": "restricts what it is used for"}


@dataclass(frozen=True)
class _Part:
    """Something with a licence that the candidate is made from."""

    kind: str
    name: str
    licence: str

    @property
    def title(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def weight(self) -> Severity:
        """Of a conflict: a trained model is an adaptation of its base; of its data, that is open."""
        return "medium" if self.kind == "training data" else "high"


@dataclass(frozen=True)
class _Problem:
    """Why a licence does not fit, and the mend."""

    kind: str
    state: FindingState
    severity: Severity
    reason: str
    mend: str


@dataclass(frozen=True)
class _Case:
    """What licences are held against."""

    declared: Declaration
    release: Expression | None
    """Licence of the candidate, where it can be read."""

    def terms(self, licence: Licence) -> frozenset[str] | None:
        own = {name.lower(): asked for name, asked in self.declared.terms.items()}
        return frozenset(own[licence.id.lower()]) if licence.id.lower() in own else terms_of(licence)


_Problems = tuple[_Problem, ...]


def licence_findings(declared: Declaration) -> tuple[Finding, ...]:
    """Every licence that is unknown or in conflict; one finding that all is well when none is."""
    parts = _parts(declared)
    found: list[Finding] = []
    readable: list[tuple[_Part, Expression]] = []
    for part in parts:
        expression, finding = _read(part)
        if finding:
            found.append(finding)
        elif expression is not None:
            readable.append((part, expression))
    release, finding = _read(_Part("the", "candidate", declared.licence))
    if finding and (declared.use != "internal" or declared.licence):
        found.append(finding)
    case = _Case(declared, release)
    for part, expression in readable:
        problems = _fold(expression, lambda licence, part=part: _of_licence(case, part, licence))  # type: ignore[misc]
        found += [_finding(part, *group) for group in _by_kind(problems)]
    found += _clashes(case, readable)
    if not any(finding.severity != "low" for finding in found):
        known = f"The licences of all {len(parts)} parts" if parts else "The licence"
        use = f" its {declared.use} use" if declared.use else " the intended use"
        text = f"{known} are known, and none speaks against{use}." if parts else "No part needs a licence."
        found.append(
            _with_method(claim("licences", "shown_fine", "none", text, values={"parts": len(parts)}))
        )
    return tuple(found)


def _parts(declared: Declaration) -> tuple[_Part, ...]:
    models = [("base model", declared.base)] if declared.base else []
    models += [("adapter", adapter) for adapter in declared.adapters]
    return tuple(_Part(kind, model.name, model.licence) for kind, model in models if model) + tuple(
        _Part("training data", data.name, data.licence) for data in declared.training_data
    )


def _read(part: _Part) -> tuple[Expression | None, Finding | None]:
    """The licence of `part`, or why there is none."""
    if part.licence.strip().lower() in NOT_STATED | {""}:
        reason = f"The licence of {part.title} is not stated, so nobody can tell what it permits"
        mend = "state it as an SPDX expression"
        return None, _finding(part, _Problem("unknown", "not_assessable", part.weight, reason, mend))
    try:
        return parse_expression(part.licence), None
    except UsageError as error:
        reason = f"The licence of {part.title} cannot be read: {error.what}"
        return None, _finding(
            part, _Problem("unknown", "not_assessable", part.weight, reason, error.mend or "mend it")
        )


def _fold(expression: Expression, problems_of: Callable[[Licence], _Problems]) -> _Problems:
    """All problems of what applies together; of alternatives, those of the one with the least."""
    if isinstance(expression, Licence):
        return problems_of(expression)
    each = [_fold(part, problems_of) for part in expression.parts]
    if isinstance(expression, Choice):
        return min(each, key=_weight)
    return tuple(dict.fromkeys(problem for problems in each for problem in problems))


def _weight(problems: _Problems) -> tuple[int, int]:
    ranks = ("shown_fine", "not_shown", "not_assessable", "shown_harmful")
    return max((ranks.index(problem.state) for problem in problems), default=0), len(problems)


def _of_licence(case: _Case, part: _Part, licence: Licence) -> _Problems:
    terms = case.terms(licence)
    if terms is None:
        reason = f"What {licence} of {part.title} asks is not known here"
        mend = f"read it, and state under `terms: {{{licence.id}: […]}}` what it asks"
        return (_Problem("unknown", "not_assessable", "medium", reason, mend),)
    found = [*_against_use(case, part, licence, terms), *_against_release(case, part, licence, terms)]
    return tuple(found) + tuple(_conditions(part, licence, terms))


def _against_use(case: _Case, part: _Part, licence: Licence, terms: frozenset[str]) -> Iterator[_Problem]:
    """Terms that forbid a use, whatever the release."""
    use = case.declared.use
    opening = f"{_capital(part.title)} is under {licence}, which"
    if "non-commercial" in terms:
        forbids = f"{opening} forbids commercial use"
        replace = "replace it, or obtain a licence for it"
        if use == "commercial":
            reason = f"{forbids}, and the candidate is meant for commercial use"
            yield _Problem("non-commercial", "shown_harmful", "high", reason, replace)
        elif use == "internal":
            reason = (
                f"{forbids}; whether use inside an organisation is commercial is not settled by its words"
            )
            yield _Problem("non-commercial", "not_shown", "medium", reason, "have that decided")
        elif not use:
            reason = f"{forbids}, and the intended use is not declared"
            yield _Problem("non-commercial", "not_assessable", "medium", reason, "declare `use:`")
    if "no-derivatives" in terms and use != "internal":
        reason = f"{opening} forbids handing on adaptations, and a trained model may be one"
        mend = "replace it, keep the candidate internal, or obtain a licence for it"
        yield _Problem("no-derivatives", "shown_harmful", part.weight, reason, mend)


def _against_release(case: _Case, part: _Part, licence: Licence, terms: frozenset[str]) -> Iterator[_Problem]:
    """Terms that the candidate's own licence must carry on; nothing is handed on in internal use."""
    if case.declared.use == "internal" or case.release is None:
        return
    released = list(licences_in(case.release))
    opening = f"{_capital(part.title)} is under {licence}, which"
    if terms & SHARES_ALIKE and not all(accepts(licence, other) for other in released):
        reason = (
            f"{opening} asks adaptations to carry the same terms, and the candidate is under {case.release}"
        )
        mend = "release it under the same licence, or replace the part"
        yield _Problem("share-alike", "shown_harmful", part.weight, reason, mend)
    carried = _carried(case, case.release)
    for term, meaning in _PASSED_ON.items():
        same = all(other.id == licence.id for other in released)
        if term not in terms or same or (term == "non-commercial" and case.declared.use != "research"):
            continue
        mend = "pass its terms on in the candidate's licence"
        if carried is None:
            reason = (
                f"{opening} {meaning}; whether {case.release} of the candidate does too is not known here"
            )
            mend = f"state under `terms: {{{released[0].id}: […]}}` what it asks"
            yield _Problem(term, "not_assessable", "medium", reason, mend)
        elif term not in carried:
            reason = f"{opening} {meaning}, and {case.release} of the candidate does not pass that on"
            yield _Problem(term, "shown_harmful", part.weight, reason, mend)


def _conditions(part: _Part, licence: Licence, terms: frozenset[str]) -> Iterator[_Problem]:
    """Notes: restrictions that only a person can hold against the use."""
    condition = condition_of(licence)
    if not condition and "behavioural-use" not in terms:
        return
    reason = f"{_capital(part.title)} is under {licence}, which restricts what it is used for"
    reason += f": {condition}" if condition else ""
    yield _Problem("conditions", "not_shown", "low", reason, "hold its list of uses against the intended use")


def _carried(case: _Case, release: Expression) -> frozenset[str] | None:
    """Terms that bind whoever receives the candidate, whichever alternative they choose."""
    if isinstance(release, Licence):
        return case.terms(release)
    each = [_carried(case, part) for part in release.parts]
    known = [terms for terms in each if terms is not None]
    if len(known) < len(each):
        return None
    first, *rest = known
    return first.intersection(*rest) if isinstance(release, Choice) else first.union(*rest)


def _clashes(case: _Case, parts: Sequence[tuple[_Part, Expression]]) -> Iterator[Finding]:
    """Two licences that no release can satisfy, each pair of licences once."""
    if case.declared.use == "internal":
        return
    seen: set[tuple[str, str]] = set()
    for (part, mine), (other, theirs) in combinations(parts, 2):
        pair = (str(mine), str(theirs)) if str(mine) < str(theirs) else (str(theirs), str(mine))
        if pair in seen:
            continue
        weight: Severity = "medium" if "training data" in (part.kind, other.kind) else "high"
        problems = _fold(mine, lambda a: _fold(theirs, lambda b: _clash(case, a, b, weight)))  # noqa: B023
        if problems:
            seen.add(pair)
            reason = (
                f"{_capital(part.title)} is under {mine} and {other.title} under {theirs}: "
                f"{problems[0].reason}, so no licence satisfies both"
            )
            both = f"{part.title} and {other.title}"
            problem = _Problem("clash", "shown_harmful", weight, reason, "replace one of them")
            yield _with_method(_claim_of(both, problem))


def _clash(case: _Case, one: Licence, other: Licence, weight: Severity) -> _Problems:
    mine, theirs = case.terms(one) or frozenset(), case.terms(other) or frozenset()
    if mine & SHARES_ALIKE and theirs & SHARES_ALIKE:
        if not (accepts(one, other) or accepts(other, one)):
            reason = "each asks adaptations to carry its own terms"
            return (_Problem("clash", "shown_harmful", weight, reason, ""),)
        return ()
    for alike, strict, asked in ((mine, theirs, other), (theirs, mine, one)):
        added = (strict & _PASSED_ON.keys()) - alike
        if alike & SHARES_ALIKE and added:
            reason = f"{asked} adds a restriction ({', '.join(sorted(added))}) that the other does not allow"
            return (_Problem("clash", "shown_harmful", weight, reason, ""),)
    return ()


def _by_kind(problems: _Problems) -> Iterator[_Problems]:
    """Problems of one kind together, the weightiest first: one finding each."""
    for kind in dict.fromkeys(problem.kind for problem in problems):
        group = [problem for problem in problems if problem.kind == kind]
        yield tuple(sorted(group, key=lambda problem: -_weight((problem,))[0]))


def _finding(part: _Part, *problems: _Problem) -> Finding:
    return _with_method(_claim_of(part.title, *problems))


def _claim_of(part: str, *problems: _Problem) -> Finding:
    worst = problems[0]
    statement = " ".join(f"{problem.reason}: {problem.mend}." for problem in problems)
    return claim("licences", worst.state, worst.severity, statement, part=part, aspect=worst.kind)


def _with_method(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, method=METHOD)


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
