"""What an audit would ask, take and be able to show, before anything is spent.

Every figure rests on assumptions that the forecast states; none is measured.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from modelassay.audit.parts import Questions, slices_of
from modelassay.config import ModelReference, Plan
from modelassay.drops import enough_pairs
from modelassay.records import DatasetPin, Finding, Policy, Sample
from modelassay.statistics import smallest_detectable_drop

BYTES_PER_TOKEN = 4
CORRELATION_IN_CLUSTER = 0.2
"""Assumed correlation of outcomes in one cluster; the audit measures it."""
CORRELATION_OF_MODELS = 0.4
"""Assumed correlation of the two models' outcomes on one prompt."""


class Assumptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the forecast takes for granted."""

    baseline_rate: float = 0.95
    """Wanted rate of the baseline."""
    seconds_per_request: float = 2.0
    output_tokens: int = 200
    """Tokens of a typical answer."""
    power: float = 0.8


class SideForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One model's part."""

    reference: str
    requests: int
    input_tokens: int
    output_tokens: int
    most_output_tokens: int
    """If every answer is as long as the limit."""
    cost: str = ""
    """Decimal string, empty when no price is given."""
    most_cost: str = ""
    minutes: float = 0.0


class SliceForecast(msgspec.Struct, frozen=True, kw_only=True):
    """What one slice could show."""

    kind: str
    slice: dict[str, str]
    pairs: int
    clusters: int
    smallest_drop: float
    """In shares: a true drop of this much would be shown with the assumed power. 1 means none would."""
    assessable: bool


class Forecast(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of it."""

    name: str
    samples: dict[str, int]
    """By kind."""
    repeats: int
    datasets: tuple[DatasetPin, ...]
    sides: tuple[SideForecast, ...]
    judged_answers: int
    """Answers that each language-model judge of the plan would be asked about; 0 without one."""
    slices: tuple[SliceForecast, ...]
    assumptions: Assumptions
    warnings: tuple[str, ...]
    lineage: tuple[Finding, ...] = ()
    """What the declared lineage shows, leaves open and leaves out."""


def forecast(plan: Plan, policy: Policy, questions: Questions, assumptions: Assumptions) -> Forecast:
    """The forecast for `plan` over the given questions."""
    requests = len(questions.samples) * plan.repeats
    judges = any({"model", "judge", "panel"} & reference.settings.keys() for reference in plan.evaluators)
    return Forecast(
        name=plan.name,
        samples=dict(sorted(Counter(sample.kind for sample in questions.samples).items())),
        repeats=plan.repeats,
        datasets=questions.pins,
        sides=tuple(
            _side(getattr(plan, side), plan, questions.samples, assumptions)
            for side in ("baseline", "candidate")
        ),
        judged_answers=2 * requests if judges else 0,
        slices=tuple(_slices(plan, policy, questions.samples, assumptions)),
        assumptions=assumptions,
        warnings=questions.warnings,
    )


def _side(
    reference: ModelReference, plan: Plan, samples: Sequence[Sample], assumptions: Assumptions
) -> SideForecast:
    requests = len(samples) * plan.repeats
    prompt = sum(_bytes(sample) for sample in samples) + len(reference.system_prompt) * len(samples)
    input_tokens = prompt * plan.repeats // BYTES_PER_TOKEN
    most = requests * plan.decoding.max_tokens
    typical = min(requests * assumptions.output_tokens, most)
    cost = most_cost = ""
    if reference.price:
        cost, most_cost = (
            str(reference.price.of(input_tokens, output).quantize(Decimal("0.01")))
            for output in (typical, most)
        )
    seconds = requests * assumptions.seconds_per_request / reference.concurrency
    return SideForecast(
        reference=reference.model,
        requests=requests,
        input_tokens=input_tokens,
        output_tokens=typical,
        most_output_tokens=most,
        cost=cost,
        most_cost=most_cost,
        minutes=round(seconds / 60, 1),
    )


def _bytes(sample: Sample) -> int:
    texts = [message.content for message in sample.messages]
    texts += [tool.name + tool.description for tool in sample.tools]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _slices(
    plan: Plan, policy: Policy, samples: Sequence[Sample], assumptions: Assumptions
) -> Iterable[SliceForecast]:
    """Overall and each slice, for harmful and for benign prompts."""
    for kind in ("harmful", "benign"):
        chosen = [sample for sample in samples if sample.kind == kind]
        if not chosen:
            continue
        yield _slice(kind, {}, chosen, plan, policy, assumptions)
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
                yield _slice(kind, dict(zip(tags, values, strict=True)), members, plan, policy, assumptions)


def _slice(
    kind: str,
    slice_: dict[str, str],
    samples: Sequence[Sample],
    plan: Plan,
    policy: Policy,
    assumptions: Assumptions,
) -> SliceForecast:
    clusters = Counter(sample.cluster or sample.id for sample in samples)
    pairs = len(samples) * plan.repeats
    mean_size = sum(count * count for count in clusters.values()) * plan.repeats / len(samples)
    smallest = smallest_detectable_drop(
        pairs,
        assumptions.baseline_rate,
        correlation=CORRELATION_OF_MODELS,
        alpha=1 - policy.confidence.basis_points / 10_000,
        power=assumptions.power,
        design_effect=1 + (mean_size - 1) * CORRELATION_IN_CLUSTER,
    )
    return SliceForecast(
        kind=kind,
        slice=slice_,
        pairs=pairs,
        clusters=len(clusters),
        smallest_drop=round(smallest, 4),
        assessable=enough_pairs(pairs, len(clusters), policy),
    )
