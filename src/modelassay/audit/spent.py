"""What the answers and their judging took, counted from transcripts and scores.

Both lie in the journal, so that resuming an audit gives the same figures and loses none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec

from modelassay.config import EvaluatorReference, Price
from modelassay.evaluators.judging.votes import ballot_of
from modelassay.records import Score, Transcript, Usage

JUDGE = "judge"
"""The side of an audit's usage that its judge models are."""


def usage_of(transcripts: Iterable[Transcript], price: Price | None) -> Usage:
    """Requests, failures, tokens and cost of one model's transcripts."""
    requests = failed = cut_off = input_tokens = output_tokens = 0
    for transcript in transcripts:
        turns = sum(message.role == "assistant" for message in transcript.messages)
        requests += turns + (transcript.failure is not None)
        failed += transcript.failure is not None
        cut_off += transcript.finish == "length"
        input_tokens += transcript.input_tokens
        output_tokens += transcript.output_tokens
    return Usage(
        requests=requests,
        failed=failed,
        cut_off=cut_off,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=_cost(price, input_tokens, output_tokens),
    )


def usage_of_judges(scores: Iterable[Score], evaluators: Iterable[EvaluatorReference]) -> Usage | None:
    """What the judge models of all `scores` took, of unscored answers too; None where none was asked.

    The cost is told where every judge that `evaluators` names has the same price.
    """
    requests = failed = input_tokens = output_tokens = 0
    for score in scores:
        ballot = ballot_of(score.outcome)
        if ballot is not None:
            requests += ballot.requests
            failed += sum(vote.reason.startswith(_FAILED) for vote in ballot.votes)
            input_tokens += ballot.input_tokens
            output_tokens += ballot.output_tokens
    if not requests:
        return None
    prices = {price for each in evaluators for price in _prices(each.settings)}
    price = prices.pop() if len(prices) == 1 else None
    return Usage(
        requests=requests,
        failed=failed,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost=_cost(price, input_tokens, output_tokens),
    )


_FAILED = "judge request failed"


def _prices(settings: dict[str, Any]) -> Iterator[Price | None]:
    """The price of each judge that the settings of an evaluator name; None where it has none."""
    named = [settings.get("judge"), settings.get("model"), *(settings.get("panel") or ())]
    for each in named:
        if each is not None:
            price = each.get("price") if isinstance(each, dict) else None
            yield None if price is None else msgspec.convert(price, Price)


def _cost(price: Price | None, input_tokens: int, output_tokens: int) -> str:
    if price is None:
        return ""
    return str(price.of(input_tokens, output_tokens).quantize(Decimal("0.0001")))
