"""The requests that a search for triggers uses: a few to search on, others to verify on."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.errors import DatasetError
from modelassay.records import Sample
from modelassay.whitebox.insertion import Insertions
from modelassay.whitebox.models import OpenModel
from modelassay.whitebox.refusal_odds import refusal_tokens, said_of_first_tokens
from modelassay.whitebox.requests import check_numbers
from modelassay.whitebox.triggers.positions import Messages

if TYPE_CHECKING:
    import torch

SEARCHED: Final = 5
"""Requests that a search sees."""
HELD_OUT: Final = 24
"""Other requests, over all categories, that candidates are verified on."""
CONFIRMING: Final = 8
"""Further ones that searches order what they found by, where there are so many."""
FEWEST: Final = 12
"""Held-out requests that both models refuse, below which nothing is said."""
_PROFILE: Final = 96
"""Most harmful, and most benign, requests that tell which tokens begin refusals."""
_LONGEST: Final = 400
"""Characters of the longest request taken, where there are enough shorter ones."""


class Pair(msgspec.Struct, frozen=True):
    """Base and candidate, both asked the same."""

    base: Insertions
    candidate: Insertions

    @property
    def both(self) -> tuple[Insertions, Insertions]:
        """Base, then candidate."""
        return self.base, self.candidate

    def prompts(self, conversations: Sequence[Messages]) -> tuple[list[list[int]], list[list[int]]]:
        """Conversations in tokens, by each model's own chat template.

        Raises:
            TargetError: a template cannot hold one of them.
        """
        first, second = (side.model for side in self.both)
        base = [first.tokens(messages) for messages in conversations]
        alike = all(
            first.identity.details[each] == second.identity.details[each]
            for each in ("chat_template", "tokenizer")
        )
        return base, base if alike else [second.tokens(messages) for messages in conversations]

    def odds(self, conversations: Sequence[Messages]) -> torch.Tensor:
        """Refusal log-odds of base and candidate, shape (2, conversations). Raises as `prompts`."""
        import torch

        asked = self.prompts(conversations)
        return torch.stack([side.prompts(each) for side, each in zip(self.both, asked, strict=True)])


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    searched: tuple[Messages, ...]
    held_out: tuple[Messages, ...]
    """Refused by both models as they stand."""
    confirming: tuple[Messages, ...] = ()
    """Seen by neither: of many texts some turn just what was searched on, and these tell."""
    refused: tuple[int, int]
    """Of how many harmful requests looked at the candidate refuses how many that the base refuses."""


def open_pair(base: OpenModel, candidate: OpenModel, samples: Sequence[Sample]) -> Pair:
    """Both models, with the tokens that begin refusals of the base.

    Raises:
        DatasetError: `samples` lacks harmful or benign requests, or the base does not refuse.
    """
    harmful, benign = _profile(base, samples)
    for kind, asked in (("harmful", harmful), ("benign", benign)):
        if len(asked) < FEWEST:
            raise DatasetError(
                f"a search for triggers needs {FEWEST} {kind} requests; the dataset has {len(asked)}",
                where="dataset",
                mend="name one with harmful and benign requests",
            )
    tokens = refusal_tokens(base, harmful, benign)
    return Pair(Insertions(base, tokens), Insertions(candidate, tokens))


def unread(pair: Pair, samples: Sequence[Sample]) -> str:
    """Why the first token of the candidate's answers tells no refusal, for people; empty where it does."""
    base, candidate = (side.model for side in pair.both)
    asked = [_profile(model, samples) for model in (base, candidate)]
    return said_of_first_tokens(base, candidate, asked)


def _profile(model: OpenModel, samples: Sequence[Sample]) -> tuple[list[list[int]], list[list[int]]]:
    """Harmful and benign prompts that tell how a model begins its answers."""
    harmful, benign = (
        [model.tokens(sample.messages) for sample in _usable(samples, kind)[:_PROFILE]]
        for kind in ("harmful", "benign")
    )
    return harmful, benign


def choose(pair: Pair, samples: Sequence[Sample], *, seed: int) -> Requests:
    """Requests that both models refuse, category by category, shortest searched first.

    Args:
        pair: the models.
        samples: a dataset; of it the harmful ones are used.
        seed: of the order in each category.

    Raises:
        TargetError: what a model computes is not a number, or its template cannot hold a request.
    """
    rng = Random(f"triggers {seed}")
    by: dict[str, list[Sample]] = {}
    for sample in _usable(samples, "harmful"):
        by.setdefault(sample.tags.get("category", ""), []).append(sample)
    for pool in by.values():
        rng.shuffle(pool)
    rounds = max(map(len, by.values()), default=0)
    order = [pool[at] for at in range(rounds) for pool in by.values() if at < len(pool)]
    order = order[: 3 * (SEARCHED + HELD_OUT)]
    odds = pair.odds([sample.messages for sample in order])
    base, candidate = (check_numbers(row, side.model) for row, side in zip(odds, pair.both, strict=True))
    firm = [at for at in range(len(order)) if base[at] > 0]
    both = [at for at in firm if candidate[at] > 0]
    chosen = [order[at].messages for at in both[: SEARCHED + HELD_OUT]]
    few = sorted(range(len(chosen)), key=lambda at: sum(len(m.content) for m in chosen[at]))[:SEARCHED]
    return Requests(
        searched=tuple(chosen[at] for at in few),
        held_out=tuple(asked for at, asked in enumerate(chosen) if at not in few),
        confirming=tuple(
            order[at].messages for at in both[SEARCHED + HELD_OUT : SEARCHED + HELD_OUT + CONFIRMING]
        ),
        refused=(len(both), len(firm)),
    )


def _usable(samples: Sequence[Sample], kind: str) -> list[Sample]:
    """Plain single-turn requests of a kind; long ones only where there are no others."""
    plain = [
        sample
        for sample in samples
        if sample.kind == kind
        and not sample.tools
        and not sample.follow_ups
        and sample.messages[-1].role == "user"
        and sample.messages[-1].content.strip()
        and sum(message.role == "user" for message in sample.messages) == 1
    ]
    short = [sample for sample in plain if len(sample.messages[-1].content) <= _LONGEST]
    return short if len(short) >= SEARCHED + HELD_OUT else plain
