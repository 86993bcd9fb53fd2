"""Harmful and benign requests to look inside with, and whether two models read them alike."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from modelassay.canonical import Digest, digest_of
from modelassay.errors import DatasetError, TargetError, UsageError
from modelassay.records import Sample, SampleKind
from modelassay.suites import pin_digest

if TYPE_CHECKING:
    import numpy as np
    import torch

    from modelassay.whitebox.models import OpenModel

EACH: Final = 24
"""Harmful requests taken of each category, unless told otherwise."""
FEWEST: Final = 20
"""Harmful and benign requests below which nothing is read."""
FEWEST_IN_SLICE: Final = 8
"""Requests below which a slice is not read by itself."""
SLICES: Final = ("category", "language", "turns")


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """Requests by kind, the same for base and candidate."""

    origin: str
    """Name and pin of the dataset that they are from."""
    harmful: tuple[Sample, ...]
    benign: tuple[Sample, ...]
    asked: str = ""
    """All that they were drawn from, and how (`asked_with`)."""

    def settings(self) -> dict[str, object]:
        """What an examination keeps of them."""
        return {
            "dataset": self.origin,
            "harmful": len(self.harmful),
            "benign": len(self.benign),
            "requests": digest_of([each.id for each in (*self.harmful, *self.benign)]),
        }


def requests_of(samples: Iterable[Sample], *, origin: str, each: int = EACH, seed: int = 1) -> Requests:
    """Harmful and benign requests of `samples`, so many of each category, drawn by seed and content alone.

    Samples with tools, choices or scripted turns are left out: what is read is the answer to one prompt.

    Raises:
        DatasetError: fewer than `FEWEST` of either kind.
    """
    samples = tuple(samples)
    plain = [each for each in samples if not (each.tools or each.choices or each.follow_ups)]
    kinds: tuple[SampleKind, ...] = ("harmful", "benign")
    drawn = {
        kind: drawn_by_category([one for one in plain if one.kind == kind], each=each, seed=seed)
        for kind in kinds
    }
    for kind in kinds:
        if len(drawn[kind]) < FEWEST:
            raise DatasetError(
                f"{len(drawn[kind])} {kind} requests in plain conversations, at least {FEWEST} are needed",
                where=origin,
                mend="name a dataset with harmful and benign requests, such as starter",
            )
    return Requests(
        origin=origin,
        harmful=drawn["harmful"],
        benign=drawn["benign"],
        asked=asked_with(samples, seed=seed, each=each),
    )


def asked_with(samples: Iterable[Sample], *, seed: int, each: int = EACH) -> Digest:
    """One digest of requests, and of how those that are asked are drawn from them: numbers inside models
    that agree in it were read in the same way."""
    return digest_of(["modelassay.asked/1", pin_digest(samples), seed, each])


def drawn_by_category(samples: Iterable[Sample], *, each: int, seed: int) -> tuple[Sample, ...]:
    """At most `each` of every category, by seed and content alone."""
    strata: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        strata[sample.tags.get("category", "")].append(sample)
    return tuple(
        sample
        for _, members in sorted(strata.items())
        for sample in sorted(members, key=lambda sample: _rank(seed, sample.id))[:each]
    )


def prompts_of(model: OpenModel, samples: Sequence[Sample]) -> list[list[int]]:
    """Prompts in tokens, by the model's own chat template.

    Raises:
        TargetError: the template cannot hold one of them, or it is too long.
    """
    return [model.tokens(sample.messages) for sample in samples]


def places_by(samples: Sequence[Sample], tag: str) -> dict[str, list[int]]:
    """Places of `samples` by the value of a tag; values with fewer than `FEWEST_IN_SLICE` are left out."""
    found: dict[str, list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        if value := sample.tags.get(tag, ""):
            found[value].append(place)
    return {value: found[value] for value in sorted(found) if len(found[value]) >= FEWEST_IN_SLICE}


def clusters_of(samples: Sequence[Sample]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """A code for the cluster of each sample; a sample without one stands alone."""
    import numpy as np

    names = [sample.cluster or sample.id for sample in samples]
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def check_same_tokens(base: OpenModel, candidate: OpenModel) -> None:
    """Refuse models that number their tokens differently: nothing read token by token compares.

    Tokens that the candidate has on top are no hindrance.

    Raises:
        UsageError: a token of the base has another number in the candidate, or none.
    """
    ours, theirs = base.tokenizer.get_vocab(), candidate.tokenizer.get_vocab()
    moved = sum(theirs.get(token) != number for token, number in ours.items())
    if moved:
        raise UsageError(
            f"the tokenizers differ in {moved} of the base's {len(ours)} tokens, so nothing that is read "
            "token by token can be compared",
            where=candidate.reference.model,
            mend="ask both models instead: modelassay audit, modelassay inspect watched",
        )


def check_numbers(values: torch.Tensor, model: OpenModel) -> torch.Tensor:
    """`values`, when all are finite.

    Raises:
        TargetError: the model's numbers are NaN or infinite.
    """
    import torch

    if not bool(torch.isfinite(values).all()):
        raise TargetError(
            "what the model computes is not a number (NaN or infinite)",
            where=model.reference.model,
            mend="`modelassay inspect weights BASE CANDIDATE` says whether its weights are damaged; "
            "else load it in another dtype",
        )
    return values


def _rank(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed} {name}".encode()).digest()
