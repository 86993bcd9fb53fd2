"""Does the plan bring what its policy demands? Said before anything is asked, while it costs nothing.

A demand that no answer could ever meet would only show as an inconclusive verdict after everything was paid.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from modelassay.config import Plan
from modelassay.errors import ConfigError, UnknownNameError, did_you_mean
from modelassay.records import Measure, Policy, Sample

ANY_VALUE = "*"
_DATE = re.compile(r"\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?)?", re.ASCII)


def check_fit(
    policy: Policy, *, slices: Sequence[str], samples: Sequence[Sample], measures: Sequence[Measure]
) -> None:
    """Refuse a policy that demands what is never measured or compared.

    Args:
        slices: slice expressions that are compared.
        measures: every measure that the evaluators can score.

    Raises:
        UnknownNameError: a floor for a measure that no evaluator of the plan scores.
        ConfigError: a floor or a required slice that is never compared, or that no sample is in.
    """
    from modelassay.gate.examined_rates import MEASURES  # heavy, and not needed to list audits

    compared = [frozenset(tags_of(expression)) for expression in slices]
    names = [measure.name for measure in measures]
    for index, floor in enumerate(policy.floors):
        where = f"policy: floors[{index}]"
        if floor.measure in MEASURES:
            continue  # held against examinations, whose slices are their own
        if floor.measure not in names:
            raise UnknownNameError("measure", floor.measure, names, where=where)
        if floor.slice and frozenset(floor.slice) not in compared:
            raise _never_compared("*".join(floor.slice), where)
        for tag, value in floor.slice.items():
            _check_value(tag, value, samples, where)
    for tag in policy.slices.required:
        if frozenset((tag,)) not in compared:
            raise _never_compared(tag, "policy: slices.required")
        _check_value(tag, ANY_VALUE, samples, "policy: slices.required")


def check_published(plan: Plan, measures: Sequence[Measure]) -> None:
    """Refuse a provider's figure mapped onto a measure or slice that this audit never compares.

    A figure that has no counterpart here is declared without `measure`.

    Raises:
        UnknownNameError: no evaluator of the plan scores the measure.
        ConfigError: nothing is compared by its tags, or its date is none.
    """
    compared = [frozenset(tags_of(expression)) for expression in plan.slices]
    names = [measure.name for measure in measures]
    for index, each in enumerate(plan.provider_evaluations):
        where = f"plan: provider_evaluations[{index}]"
        if each.measure and each.measure not in names:
            raise UnknownNameError("measure", each.measure, names, where=where)
        if each.slice and not each.measure:
            raise ConfigError(
                "a slice of no measure", where=where, mend="name its measure, or leave both out"
            )
        if each.slice and frozenset(each.slice) not in compared:
            tags = "*".join(each.slice)
            raise ConfigError(
                f"nothing is compared by {tags}", where=where, mend=f"add {tags} to `slices` in the plan"
            )
        if not _DATE.fullmatch(each.date):
            raise ConfigError(
                f"{each.date!r} is not a date", where=where, mend="write 2026, 2026-03 or 2026-03-01"
            )


def absent_tags(slices: Sequence[str], samples: Sequence[Sample]) -> Iterator[str]:
    """A sentence for each tag in `slices` that no sample has."""
    known = {tag for sample in samples for tag in sample.tags} | {"kind"}
    for tag in dict.fromkeys(tag for expression in slices for tag in tags_of(expression)):
        if tag not in known:
            hint = did_you_mean(tag, known)
            yield f"slices: no sample has the tag {tag!r}, so nothing is compared by it; {hint}"


def tags_of(expression: str) -> tuple[str, ...]:
    """The tags that a slice expression such as ``category*language`` crosses."""
    return tuple(part.strip() for part in expression.split("*"))


def _never_compared(tags: str, where: str) -> ConfigError:
    return ConfigError(
        f"the policy demands slices by {tags}, and the plan compares none",
        where=where,
        mend=f"add {tags} to `slices` in the plan",
    )


def _check_value(tag: str, value: str, samples: Sequence[Sample], where: str) -> None:
    found = sorted({_value(sample, tag) for sample in samples} - {""})
    if not found:
        raise ConfigError(
            f"the policy demands slices by {tag}, and no sample has that tag",
            where=where,
            mend="add samples that have it, or take the demand out",
        )
    if value not in (ANY_VALUE, *found):
        raise UnknownNameError(f"value of {tag}", value, found, where=where)


def _value(sample: Sample, tag: str) -> str:
    return sample.tags.get(tag, "") or (sample.kind if tag == "kind" else "")
