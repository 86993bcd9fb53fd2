"""A base and its adapters in memory, and any stack of them asked for the first token of its answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from modelassay.config import ModelReference
from modelassay.errors import TargetError, UsageError
from modelassay.records import Message
from modelassay.targets.reference import weights_address
from modelassay.weights.folders import find_folder, model_files
from modelassay.whitebox.activations.neutral import TEXTS
from modelassay.whitebox.adapters.beside import Asked, one_form, read_beside
from modelassay.whitebox.adapters.reading import AdapterReading, check_fits, read_adapter
from modelassay.whitebox.models import OpenModel, open_model
from modelassay.whitebox.refusal_odds import (
    Beginnings,
    beginnings,
    log_odds,
    refusal_tokens,
    said_of_other_beginnings,
)
from modelassay.whitebox.requests import Requests, check_numbers, places_by, prompts_of

if TYPE_CHECKING:
    import torch

_WATCHED: Final = 48
"""Prompts of each kind on which distributions are compared whole."""

_NAMED: Final = 3
"""Adapters of the largest stack that is called by all its names where it is the declared one."""

Array = np.ndarray[tuple[int], np.dtype[np.float64]]
KINDS: Final = ("harmful", "benign", "neutral")


class Stack(msgspec.Struct, frozen=True):
    """Adapters by their places in the order given, and a factor on all their weights."""

    places: tuple[int, ...]
    factor: str = "1"

    def __len__(self) -> int:
        return len(self.places)


NOTHING: Final = Stack(())


class Margins(msgspec.Struct, frozen=True, kw_only=True):
    """Refusal log-odds of one stack, in nats."""

    harmful: Array
    benign: Array
    unread: str = ""
    """Why they say nothing of its refusals (`refusal_odds.said_of_other_beginnings`); empty where they do."""

    @property
    def mean(self) -> float:
        """Over harmful requests."""
        return float(self.harmful.mean())


class Bench:
    """What `open_bench` opens."""

    def __init__(
        self,
        base: OpenModel,
        whole: OpenModel,
        readings: Sequence[AdapterReading],
        requests: Requests,
        *,
        folder: Path,
        asked: Asked,
    ) -> None:
        self._folder = folder
        self.asked = asked
        """The base's chat template and tokenizer, which all are asked with."""
        self.base = base
        self.whole = whole
        """The base with all adapters, in the order given and at the weights given: the candidate."""
        self.readings = tuple(readings)
        self.requests = requests
        prompts = [prompts_of(base, each) for each in (requests.harmful, requests.benign)]
        neutral = [[Message(role="user", content=text)] for text in TEXTS]
        self._prompts = dict(zip(KINDS, [*prompts, [base.tokens(each) for each in neutral]], strict=True))
        self._tokens = refusal_tokens(base, *prompts)
        self._begun: Beginnings = beginnings(*(base.logits(each) for each in prompts))
        self.categories = places_by(requests.harmful, "category")
        """Places of harmful requests by category, where it has enough of them."""
        self._known: dict[Stack, Margins] = {}
        self.restored = self.is_restored()
        """Whether the base, with every adapter switched off, is bit for bit what it was without them."""

    @property
    def names(self) -> tuple[str, ...]:
        """The adapters, in the order given."""
        return tuple(reading.name for reading in self.readings)

    @property
    def everything(self) -> Stack:
        """The declared stack."""
        return Stack(tuple(range(len(self.readings))))

    def called(self, stack: Stack) -> str:
        """A stack in words."""
        names = "+".join(self.names[place] for place in stack.places) or "the base"
        if len(stack) > _NAMED and sorted(stack.places) == list(self.everything.places):
            ways = {self.everything.places: "", self.everything.places[::-1]: " in reversed order"}
            names = f"all {len(stack)} adapters{ways.get(stack.places, f' as {names}')}"
        return names if stack.factor == "1" else f"{names} at {stack.factor}×"

    def margins(self, stack: Stack) -> Margins:
        """Refusal log-odds of a stack; asked once.

        Raises:
            TargetError: its adapters cannot be active together, or what is computed is no number.
        """
        if stack not in self._known:
            with self.model(stack) as model:
                self._known[stack] = self._margins(model)
        return self._known[stack]

    def answers(self, stack: Stack, prompts: Sequence[list[int]], *, max_tokens: int) -> list[str]:
        """Greedy answers of a stack."""
        with self.model(stack) as model:
            return model.answers(prompts, max_tokens=max_tokens)

    @contextmanager
    def model(self, stack: Stack) -> Iterator[OpenModel]:
        """A stack, ready to be asked.

        Where switching adapters off does not bring the base back, each stack is loaded anew: what one adapter
        left behind would be taken for the effect of another.

        Raises:
            TargetError: its adapters cannot be active together.
        """
        if not stack.places:
            yield self.base
        elif self.restored:
            adapters = [self.whole.adapters[place] for place in stack.places]
            yield self.whole.stacked(
                [msgspec.structs.replace(each, weight=_times(each.weight, stack.factor)) for each in adapters]
            )
        else:
            with open_model(self._reference(stack), folder=self._folder) as own:
                yield own

    def effects(self, stack: Stack) -> dict[str, float]:
        """Mean KL divergence KL(stack‖base) of the next token, in nats, by kind of prompt."""
        import torch

        found = {}
        with self.model(stack) as model:
            for kind in KINDS:
                asked = self._prompts[kind][:_WATCHED]
                own, plain = (each.logits(asked).log_softmax(-1).double() for each in (model, self.base))
                found[kind] = float(
                    torch.nn.functional.kl_div(plain, own, log_target=True, reduction="none").sum(-1).mean()
                )
        return found

    def changes(self, stack: Stack) -> bool:
        """Whether any logit of the prompts differs from the base's."""
        with self.model(stack) as model:
            return any(
                bool((model.logits(asked[:_WATCHED]) != self.base.logits(asked[:_WATCHED])).any())
                for asked in self._prompts.values()
            )

    def _margins(self, model: OpenModel) -> Margins:
        harmful, benign = (
            check_numbers(model.logits(self._prompts[kind]), model) for kind in ("harmful", "benign")
        )
        begun = beginnings(harmful, benign)
        return Margins(
            harmful=self._odds(harmful),
            benign=self._odds(benign),
            unread=said_of_other_beginnings(self._begun, begun, self._tokens, model),
        )

    def _odds(self, logits: torch.Tensor) -> Array:
        found: Array = log_odds(logits, self._tokens).double().numpy()
        return found

    def is_restored(self) -> bool:
        """Whether with all adapters switched off every tensor is the base's, and so is every logit on the
        prompts watched."""
        import torch

        if self.whole.rewritten:
            return False
        off = self.whole.stacked(())
        return all(
            torch.equal(off.logits(asked[:_WATCHED]), self.base.logits(asked[:_WATCHED]))
            for asked in self._prompts.values()
        )

    def rewrites(self, place: int) -> tuple[str, ...]:
        """Tensors of the base that one adapter's file replaces by others."""
        return self.base.held_in(self.whole.adapters[place]).other

    def _reference(self, stack: Stack) -> ModelReference:
        whole = self.whole
        parts = []
        for place in stack.places:
            weight = _times(whole.adapters[place].weight, stack.factor)
            parts.append(f"{self.readings[place].folder}" + (f"@{weight}" if weight != "1" else ""))
        options = {**whole.reference.options, "share": "no"}
        return msgspec.structs.replace(
            self.base.reference, model="+".join([self.base.reference.model, *parts]), options=options
        )


def _times(weight: str, factor: str) -> str:
    return format((Decimal(weight) * Decimal(factor)).normalize(), "f")


@contextmanager
def open_bench(
    base: str | ModelReference,
    adapters: Sequence[str],
    requests: Requests,
    *,
    folder: Path | None = None,
    options: Mapping[str, str] | None = None,
) -> Iterator[Bench]:
    """Base and adapters in memory until the block ends.

    Args:
        base: ``hf:PATH``, a bare path, or a plan's reference, without adapters.
        adapters: each ``PATH_OR_HUB_ID[@WEIGHT]``, in the order in which they are stacked.
        requests: what stacks are asked.
        folder: where relative paths start; the working folder when None.
        options: as for `open_model`.

    Raises:
        UsageError: no adapter, or the base has some already.
        TargetError: an adapter does not fit the base, or something cannot be loaded.
        DatasetError: the base does not refuse these requests.
        EvidenceError: weights are damaged.
    """
    if isinstance(base, str):
        base = ModelReference(model=base if base.startswith("hf:") else f"hf:{base}")
    start = folder or Path()
    named = weights_address(base, folder=start)
    if named.adapters or not adapters:
        raise UsageError(
            "no adapter to look at" if not adapters else "the base has adapters of its own",
            where=base.model,
            mend="give the base alone and then the adapters: BASE ADAPTER…",
        )
    stacked = msgspec.structs.replace(base, model="+".join([base.model, *adapters]))
    readings = _readings(stacked, folder=start)
    found = find_folder(named.base, revision=named.revision, folder=start, where=base.model)
    for reading in readings:
        check_fits(reading, found)
        if reading.not_finite:
            raise TargetError(
                f"the adapter {reading.name} holds numbers that are none (NaN or infinite) in "
                f"{len(reading.not_finite)} tensors, such as {reading.not_finite[0]}",
                where=str(reading.folder),
                mend="it cannot be asked; get a sound copy of it",
            )
    settings = dict(options or {})
    with (
        open_model(base, folder=start, options=settings) as plain,
        open_model(stacked, folder=start, options=settings) as whole,
    ):
        yield Bench(plain, whole, readings, requests, folder=start, asked=_asked(plain, found))


def _asked(base: OpenModel, folder: Path) -> Asked:
    """What the base in `folder` brings to ask with."""
    own = read_beside(model_files(folder, where=base.reference.model).whole).tokenizer
    backend = getattr(base.tokenizer, "backend_tokenizer", None)
    again = one_form(backend.to_str()) if backend is not None else ""
    return Asked(template=base.template, tokenizers=frozenset({own, again} - {""}))


def _readings(reference: ModelReference, *, folder: Path) -> list[AdapterReading]:
    """Every adapter of `reference`, read; names are those of the folders, told apart by their numbers."""
    found: list[AdapterReading] = []
    for number, each in enumerate(weights_address(reference, folder=folder).adapters, 1):
        place = find_folder(each.path, revision="", folder=folder, where=reference.model)
        name = place.name + (f"@{each.weight}" if each.weight != "1" else "")
        if any(name == other.name for other in found):
            name = f"{name}#{number}"
        found.append(read_adapter(place, name=name))
    return found
