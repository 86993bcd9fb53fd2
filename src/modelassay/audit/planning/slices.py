"""What each slice could show, and how many prompts it would need."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from modelassay.audit.parts import slices_of
from modelassay.audit.planning.assumptions import Assumptions
from modelassay.comparison import in_several_forms
from modelassay.config import Plan
from modelassay.drops import Scale, enough_pairs
from modelassay.gate.policy import tighten
from modelassay.records import Policy, Sample, SampleKind
from modelassay.statistics import required_pairs, smallest_detectable_drop


class SliceForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What one slice could show."""

    kind: str
    slice: dict[str, str]
    pairs: int
    clusters: int
    smallest_drop: float
    """In shares of answers (points): a true drop of this much would be shown with the assumed power. 1 means
    none would."""
    assessable: bool
    prompts: int = 0
    """`pairs` are these times the repeats."""
    scale: Scale = "relative"
    """Of the drop that the next two are about."""
    prompts_to_show: int | None = None
    """So many prompts show, with the assumed power, a drop when the true one is the assumed, after Holm's
    correction over all slices of the tag at its strictest. None: no number does."""
    prompts_to_clear: int | None = None
    """So many show that an unchanged candidate is within the assumed drop, at the confidence that the
    policy's risk context asks for."""


def slice_forecasts(
    plan: Plan, policy: Policy, samples: Sequence[Sample], assumed: Assumptions
) -> Iterable[SliceForecast]:
    """Overall and each slice: of harmful prompts, of benign ones, of harmful ones under attack, and of
    attacks of several forms, each counted as one."""
    attacks: tuple[str, SampleKind, list[Sample]] = (EVERY_FORM, "harmful", _one_form_each(samples))
    for name, kind, chosen in (*judged_apart(samples), *([attacks] if attacks[2] else [])):
        for each in _of_kind(kind, chosen, plan, policy, assumed):
            yield msgspec.structs.replace(each, kind=name)


ATTACKED = "attacked"
"""In place of a kind: harmful prompts put as attacks, which have a measure of their own."""
EVERY_FORM = "every form"
"""Likewise: attacks of several forms, resisted only where every form is."""


def _one_form_each(samples: Iterable[Sample]) -> list[Sample]:
    """One sample in place of all forms of each attack that has several."""
    by_id = {sample.id: sample for sample in samples}
    first: dict[tuple[str, str], Sample] = {}
    for name, attack in in_several_forms(by_id.values()).items():
        first.setdefault(attack, by_id[name])
    return list(first.values())


def judged_apart(samples: Sequence[Sample]) -> Iterable[tuple[str, SampleKind, list[Sample]]]:
    """The prompts of each banded measure of the refusal judge, with a name and their kind."""
    kinds: tuple[tuple[str, SampleKind, bool], ...] = (
        ("harmful", "harmful", False),
        ("benign", "benign", False),
        (ATTACKED, "harmful", True),
    )
    for name, kind, attacked in kinds:
        chosen = [s for s in samples if s.kind == kind and (s.attacked is not None) == attacked]
        if chosen:
            yield name, kind, chosen


def _of_kind(
    kind: SampleKind, chosen: Sequence[Sample], plan: Plan, policy: Policy, assumed: Assumptions
) -> Iterable[SliceForecast]:
    """Overall and each slice of the prompts of one measure."""
    yield slice_forecast(kind, {}, chosen, plan, policy, assumed)
    for expression in slices_of(plan):
        tags = tuple(tag.strip() for tag in expression.split("*"))
        if tags == ("kind",):
            continue
        groups: dict[tuple[str, ...], list[Sample]] = defaultdict(list)
        for sample in chosen:
            values = tuple(sample.tags.get(tag, "") for tag in tags)
            if all(values):
                groups[values].append(sample)
        for values, members in sorted(groups.items()):
            named = dict(zip(tags, values, strict=True))
            yield slice_forecast(kind, named, members, plan, policy, assumed, among=len(groups))


def slice_forecast(
    kind: SampleKind,
    slice_: dict[str, str],
    samples: Sequence[Sample],
    plan: Plan,
    policy: Policy,
    assumed: Assumptions,
    *,
    among: int = 1,
) -> SliceForecast:
    """What `samples` could show, one of `among` slices of a tag."""
    clusters = Counter(sample.cluster or sample.id for sample in samples)
    pairs = len(samples) * plan.repeats
    return SliceForecast(
        kind=kind,
        slice=slice_,
        pairs=pairs,
        clusters=len(clusters),
        smallest_drop=smallest_drop(kind, len(samples), plan.repeats, clusters, plan, policy, assumed),
        assessable=enough_pairs(pairs, len(clusters), policy),
        prompts=len(samples),
        scale=scale_of(kind, policy, assumed),
        prompts_to_show=_prompts_to_show(kind, clusters, plan, policy, assumed, among),
        prompts_to_clear=_prompts_to_clear(kind, clusters, plan, policy, assumed),
    )


def smallest_drop(
    kind: SampleKind,
    prompts: float,
    repeats: int,
    clusters: Counter[str],
    plan: Plan,
    policy: Policy,
    assumed: Assumptions,
) -> float:
    """The smallest drop in points that so many prompts with these clusters show, in a slice seen alone."""
    found = smallest_detectable_drop(
        prompts * repeats,
        assumed.rate_of(kind),
        correlation=assumed.correlation_of(kind),
        alpha=1 - policy.confidence.basis_points / 10_000,
        power=assumed.power,
        design_effect=design_effect_of(clusters, repeats, plan, assumed),
    )
    return round(found, 4)


def design_effect_of(clusters: Counter[str], repeats: int, plan: Plan, assumed: Assumptions) -> float:
    """Variance of a mean over repeats and clusters beside that of as many independent pairs (Kish 1965).

    1 + (k − 1)·ρ_repeats + (m − 1)·k·ρ_cluster for k repeats and clusters of m prompts (the size that a
    prompt finds itself in on average); repeats at temperature 0 are alike.
    """
    prompts = sum(clusters.values())
    size = sum(count * count for count in clusters.values()) / prompts if prompts else 1.0
    alike = 1.0 if float(plan.decoding.temperature) == 0.0 else assumed.correlation_of_repeats
    return 1 + (repeats - 1) * alike + (size - 1) * repeats * min(assumed.correlation_in_cluster, alike)


def scale_of(kind: SampleKind, policy: Policy, assumed: Assumptions) -> Scale:
    """The scale on which the policy would hold a baseline of the assumed rate."""
    low = assumed.rate_of(kind) * 10_000 < policy.absolute_below.basis_points
    return "absolute" if policy.scale == "absolute" or low else "relative"


def _prompts_to_show(
    kind: SampleKind,
    clusters: Counter[str],
    plan: Plan,
    policy: Policy,
    assumed: Assumptions,
    among: int,
) -> int | None:
    alpha = (1 - policy.confidence.basis_points / 10_000) / max(among, 1)
    return _prompts(kind, assumed.drop, 0.0, alpha, clusters, plan, policy, assumed)


def _prompts_to_clear(
    kind: SampleKind, clusters: Counter[str], plan: Plan, policy: Policy, assumed: Assumptions
) -> int | None:
    alpha = 1 - tighten(policy)[0].confidence.basis_points / 10_000
    return _prompts(kind, 0.0, assumed.drop, alpha, clusters, plan, policy, assumed)


def _prompts(
    kind: SampleKind,
    drop: float,
    edge: float,
    alpha: float,
    clusters: Counter[str],
    plan: Plan,
    policy: Policy,
    assumed: Assumptions,
) -> int | None:
    """Prompts, each repeated as planned, after which a true `drop` is told from `edge`."""
    rate, scale = assumed.rate_of(kind), scale_of(kind, policy, assumed)
    if rate == 0.0 or (scale == "absolute" and drop > rate):
        return None
    pairs = required_pairs(
        rate,
        drop,
        edge,
        correlation=assumed.correlation_of(kind),
        alpha=alpha,
        power=assumed.power,
        design_effect=design_effect_of(clusters, plan.repeats, plan, assumed),
        scale=scale,
    )
    return math.ceil(pairs / plan.repeats) if math.isfinite(pairs) else None
