"""Requests, tokens, money and time of a plan: each model, each judge, and all together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Literal, NamedTuple

import msgspec

from modelassay.audit.parts import judge_models
from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.kept import KeptAnswers
from modelassay.config import EvaluatorReference, ModelReference, Plan
from modelassay.evaluators import RUBRICS, IsCompliant
from modelassay.evaluators.policies import requirements_of
from modelassay.records import Sample

BYTES_PER_TOKEN = 4
_CENT = Decimal("0.01")


class SideForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One model's part, if nothing is answered yet."""

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


class JudgeForecast(msgspec.Struct, frozen=True, kw_only=True):
    """One judge model's part: it reads the answers of both models."""

    evaluator: str
    reference: str
    requests: int
    """If every answer is judged, and no verdict has to be asked for twice."""
    input_tokens: int
    output_tokens: int
    cost: str = ""
    """Decimal string, empty when no price is given."""
    minutes: float = 0.0


class Total(msgspec.Struct, frozen=True, kw_only=True):
    """All together, both models being asked at once and judges after them."""

    case: Literal["from_scratch", "baseline_kept", "now"]
    """`from_scratch`: nothing is answered yet. `baseline_kept`: all answers of the baseline are kept from an
    audit before. `now`: what is not in the store's journal yet."""
    requests: int
    """To the two models."""
    judgements: int
    """By judge models, if every answer is judged."""
    tokens: int
    """Input and output of all models."""
    cost: str = ""
    """Decimal string of all that has a price; empty when nothing has."""
    priced: bool = False
    """Whether every model has a price, its own or the machine's."""
    minutes: float = 0.0


class _Part(NamedTuple):
    """What one model would take, unrounded."""

    requests: int
    input_tokens: int
    output_tokens: int
    cost: Decimal | None
    minutes: float

    def times(self, share: float) -> _Part:
        """A share of it."""
        return _Part(
            round(self.requests * share),
            round(self.input_tokens * share),
            round(self.output_tokens * share),
            None if self.cost is None else self.cost * Decimal(repr(share)),
            self.minutes * share,
        )


def sides(plan: Plan, samples: Sequence[Sample], assumed: Assumptions) -> tuple[SideForecast, ...]:
    """The parts of baseline and candidate."""
    return tuple(_side(reference, plan, samples, assumed) for reference in (plan.baseline, plan.candidate))


def judges(plan: Plan, samples: Sequence[Sample], assumed: Assumptions) -> tuple[JudgeForecast, ...]:
    """The part of each judge model."""
    answers = 2 * len(samples) * plan.repeats
    found = []
    for evaluator, reference, each in _judged_by(plan):
        part = _judge_part(reference, answers * each, _prompt_tokens(samples) / max(len(samples), 1), assumed)
        found.append(
            JudgeForecast(
                evaluator=evaluator,
                reference=reference.model,
                requests=part.requests,
                input_tokens=part.input_tokens,
                output_tokens=part.output_tokens,
                cost=_money(part.cost) if reference.price else "",
                minutes=round(part.minutes, 1),
            )
        )
    return tuple(found)


def totals(
    plan: Plan, samples: Sequence[Sample], assumed: Assumptions, kept: KeptAnswers | None
) -> tuple[Total, ...]:
    """From scratch, with the baseline's answers kept, and with what is in the journal."""
    requests = len(samples) * plan.repeats
    found = [
        total_of("from_scratch", plan, samples, assumed, (1.0, 1.0)),
        total_of("baseline_kept", plan, samples, assumed, (0.0, 1.0)),
    ]
    if kept is not None and requests:
        left = (1.0 - kept.baseline / requests, 1.0 - kept.candidate / requests)
        found.append(total_of("now", plan, samples, assumed, left))
    return tuple(found)


def total_of(
    case: Literal["from_scratch", "baseline_kept", "now"],
    plan: Plan,
    samples: Sequence[Sample],
    assumed: Assumptions,
    asked: tuple[float, float],
) -> Total:
    """All together when only the shares `asked` of the baseline's and the candidate's answers are new."""
    models = [
        _part(reference, plan, samples, assumed).times(share)
        for reference, share in zip((plan.baseline, plan.candidate), asked, strict=True)
    ]
    requests = len(samples) * plan.repeats
    prompt = _prompt_tokens(samples) / max(len(samples), 1)
    read = [
        _judge_part(reference, 2 * requests * each, prompt, assumed).times(sum(asked) / 2)
        for _, reference, each in _judged_by(plan)
    ]
    parts = [*models, *read]
    costs = [part.cost for part in parts if part.cost is not None]
    return Total(
        case=case,
        requests=sum(part.requests for part in models),
        judgements=sum(part.requests for part in read),
        tokens=sum(part.input_tokens + part.output_tokens for part in parts),
        cost=_money(sum(costs, Decimal(0))) if costs else "",
        priced=len(costs) == len(parts),
        minutes=round(max(part.minutes for part in models) + sum(part.minutes for part in read), 1),
    )


def past_budget(plan: Plan, left: Total) -> Iterator[str]:
    """What of the plan's budget `left` would use up, for people."""
    budget = plan.budget
    asked = left.requests + left.judgements
    limits = (
        (f"{budget.requests:,} requests", asked, budget.requests, f"{asked:,}"),
        (f"{budget.tokens:,} tokens", left.tokens, budget.tokens, f"{left.tokens:,}"),
        (f"{budget.money} in money", Decimal(left.cost or 0), Decimal(budget.money), left.cost),
        (f"{budget.minutes:g} minutes", left.minutes, budget.minutes, f"{left.minutes:g}"),
    )
    for named, need, limit, told in limits:
        if limit and need > limit:
            yield (
                f"the budget of {named} would be used up: models and judges take about {told}; the audit "
                "stops there, and the same command continues it"
            )


def _judged_by(plan: Plan) -> Iterator[tuple[str, ModelReference, int]]:
    """Every judge model, with the evaluator's name and the requests that one answer takes."""
    for evaluator in plan.evaluators:
        for name, reference in judge_models([evaluator]):
            yield name, reference, _requests_an_answer(evaluator)


def _requests_an_answer(evaluator: EvaluatorReference) -> int:
    """Requests to each judge that one answer takes, if no verdict is asked for twice."""
    settings = evaluator.settings
    rubric = RUBRICS.get(str(settings.get("rubric")))
    both_orders = settings.get("swap") or (rubric is not None and rubric.pairwise)
    clauses = 1
    if evaluator.use == IsCompliant.name:
        found = requirements_of(str(settings.get("policy", "")))
        clauses = sum(not each.checkable for each in found) or 1
    return int(settings.get("samples", 1)) * (2 if both_orders else 1) * clauses


def _side(
    reference: ModelReference, plan: Plan, samples: Sequence[Sample], assumed: Assumptions
) -> SideForecast:
    part = _part(reference, plan, samples, assumed)
    most = part.requests * plan.decoding.max_tokens
    price = reference.price
    return SideForecast(
        reference=reference.model,
        requests=part.requests,
        input_tokens=part.input_tokens,
        output_tokens=part.output_tokens,
        most_output_tokens=most,
        cost=_money(part.cost) if price else "",
        most_cost=_money(price.of(part.input_tokens, most)) if price else "",
        minutes=round(part.minutes, 1),
    )


def _part(reference: ModelReference, plan: Plan, samples: Sequence[Sample], assumed: Assumptions) -> _Part:
    turns = sum(1 + len(sample.follow_ups) for sample in samples)
    requests = turns * plan.repeats
    answer = min(assumed.output_tokens, plan.decoding.max_tokens)
    per_prompt = len(reference.system_prompt.encode()) // BYTES_PER_TOKEN
    carried = sum(_carried(sample, answer) for sample in samples if sample.follow_ups)
    input_tokens = (_prompt_tokens(samples) + per_prompt * turns + carried) * plan.repeats
    output_tokens = requests * answer
    return _priced(reference, requests, input_tokens, output_tokens, assumed.seconds_per_request, assumed)


def _judge_part(reference: ModelReference, answers: int, prompt: float, assumed: Assumptions) -> _Part:
    each = prompt + assumed.output_tokens + assumed.judge_input_tokens
    return _priced(
        reference,
        answers,
        round(answers * each),
        answers * assumed.judge_output_tokens,
        assumed.judge_seconds,
        assumed,
    )


def _priced(
    reference: ModelReference,
    requests: int,
    input_tokens: int,
    output_tokens: int,
    seconds: float,
    assumed: Assumptions,
) -> _Part:
    minutes = requests * seconds / max(reference.concurrency, 1) / 60
    cost = None
    if reference.price:
        cost = reference.price.of(input_tokens, output_tokens)
    elif assumed.hourly is not None:
        cost = assumed.hourly * Decimal(repr(minutes)) / 60
    return _Part(requests, input_tokens, output_tokens, cost, minutes)


def _prompt_tokens(samples: Sequence[Sample]) -> int:
    return sum(_bytes(sample) for sample in samples) // BYTES_PER_TOKEN


def _carried(sample: Sample, answer: int) -> int:
    """Input tokens of a conversation's further turns: each is sent with all that went before."""
    total, sent = 0, _bytes(sample) // BYTES_PER_TOKEN
    for turn in sample.follow_ups:
        sent += answer + len(turn.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN
        total += sent
    return total


def _bytes(sample: Sample) -> int:
    texts = [message.content for message in sample.messages]
    texts += [tool.name + tool.description for tool in sample.tools]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)


def _money(amount: Decimal | None) -> str:
    return "" if amount is None else str(amount.quantize(_CENT))
