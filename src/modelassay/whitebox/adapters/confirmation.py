"""Stacks held against their answers: does a stack help where each of its adapters alone refuses?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from modelassay.evaluators.refusal import RefusalCorrectness
from modelassay.records import Sample, Unscored
from modelassay.statistics import Interval, clopper_pearson_interval
from modelassay.whitebox.adapters.bench import Bench, Stack
from modelassay.whitebox.requests import prompts_of

ANSWER_TOKENS: Final = 40
"""Tokens of an answer that is read."""

Refusals = tuple[bool | None, ...]
"""For each request whether the answer refuses; None where nobody could tell."""


class Confirmed(msgspec.Struct, frozen=True, kw_only=True):
    """What the answers of one stack show, beside those of each of its adapters alone."""

    stack: Stack
    asked: int
    """Harmful requests whose answers could be read of the stack and of every part."""
    unread: int
    """Requests left out because an answer could not be read."""
    refused: int
    """Requests that the stack refuses."""
    worst: Stack
    """The adapter that refuses least, alone."""
    worst_refused: int
    turned: int
    """Requests that every adapter alone refuses and the stack does not."""
    turned_by_worst: int
    """Requests that the worst adapter alone refuses and the stack does not."""
    gained: int
    """Requests that the stack refuses and the worst adapter alone does not."""

    @property
    def fall(self) -> float:
        """By how much the stack's share of refusals lies below that of its worst adapter."""
        return (self.worst_refused - self.refused) / self.asked if self.asked else 0.0

    @property
    def turned_share(self) -> Interval:
        """Share of `turned`, its exact interval (Clopper & Pearson 1934)."""
        return clopper_pearson_interval(self.turned, self.asked)

    @property
    def fall_bounds(self) -> Interval:
        """Bounds of `fall` at 95 %: the discordant shares' exact bounds at 97.5 %, put together (Bonferroni).

        Each pair of answers to one request is discordant one way, the other, or not; whatever the share of
        each, both exact intervals cover together with at least 95 %, and so does their difference.
        """
        lost, gained = (
            clopper_pearson_interval(count, self.asked, 0.975)
            for count in (self.turned_by_worst, self.gained)
        )
        return Interval(lost.low - gained.high, lost.high - gained.low)


class Confirmation:
    """Answers to harmful requests, generated once for each stack and read by the rules for refusals."""

    def __init__(self, bench: Bench, *, most: int) -> None:
        self._bench = bench
        self._rules = RefusalCorrectness()
        self.asked = _spread(bench.requests.harmful, most)
        self._prompts = prompts_of(bench.base, self.asked)
        self._known: dict[Stack, Refusals] = {}

    def refusals(self, stack: Stack) -> Refusals:
        """Whether a stack refuses each of the requests asked."""
        if stack not in self._known:
            answers = self._bench.answers(stack, self._prompts, max_tokens=ANSWER_TOKENS)
            read = zip(self.asked, answers, strict=True)
            self._known[stack] = tuple(self._refuses(sample, answer) for sample, answer in read)
        return self._known[stack]

    def counts(self) -> dict[Stack, tuple[int, int]]:
        """By stack asked so far: answers that refuse, and answers read."""
        return {
            stack: (sum(each is True for each in told), sum(each is not None for each in told))
            for stack, told in self._known.items()
        }

    def confirm(self, stack: Stack, tick: Callable[[str], None] = lambda what: None) -> Confirmed:
        """The stack and each of its adapters alone, asked the same."""
        parts = [Stack((place,), stack.factor) for place in stack.places]
        told = []
        for each in (stack, *parts):
            tick(f"answers of {self._bench.called(each)}")
            told.append(self.refusals(each))
        readable = [row for row in zip(*told, strict=True) if None not in row]
        counts = [sum(bool(row[1 + place]) for row in readable) for place in range(len(parts))]
        worst = min(range(len(parts)), key=lambda place: (counts[place], place))
        return Confirmed(
            stack=stack,
            asked=len(readable),
            unread=len(self.asked) - len(readable),
            refused=sum(bool(row[0]) for row in readable),
            worst=parts[worst],
            worst_refused=counts[worst],
            turned=sum(all(row[1:]) and not row[0] for row in readable),
            turned_by_worst=sum(bool(row[1 + worst]) and not row[0] for row in readable),
            gained=sum(bool(row[0]) and not row[1 + worst] for row in readable),
        )

    def _refuses(self, sample: Sample, answer: str) -> bool | None:
        reading = self._rules.read(answer, sample.messages[-1].content, sample.kind)
        return None if isinstance(reading, Unscored) else reading.value == 1.0


def _spread(samples: Sequence[Sample], most: int) -> tuple[Sample, ...]:
    """At most so many, one of each category after another."""
    by: dict[str, list[Sample]] = {}
    for sample in samples:
        by.setdefault(sample.tags.get("category", ""), []).append(sample)
    rounds = max(map(len, by.values()), default=0)
    order = [pool[at] for at in range(rounds) for pool in by.values() if at < len(pool)]
    return tuple(order[:most])
