"""Local models opened to be looked into: weights, tokenizer, chat template and adapters, and batched passes.

Loading is that of the target ``hf:…``, so that what is looked into is what audits ask: safetensors only,
adapters in the order of the reference, digests of every file in the identity.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from modelassay.config import ModelReference
from modelassay.errors import TargetError, UsageError
from modelassay.records import Decoding, Failure, Message, Request, TargetIdentity
from modelassay.targets.adapters import Adapter
from modelassay.targets.base_tensors import HeldTensors
from modelassay.targets.generation import Draw, Ending, Row, generate_batch, padded, running
from modelassay.targets.local import Held, LocalTarget

if TYPE_CHECKING:
    import torch

BATCH_TOKENS: Final = 1 << 15
"""Most tokens in one forward pass, padding included."""


class OpenModel:
    """One model in memory; `model` may be hooked, and must be left as it was found.

    Shapes below: *n* prompts, *v* tokens in the vocabulary, *l* hidden states (embedding and each layer),
    *w* width.
    """

    def __init__(self, held: Held, reference: ModelReference) -> None:
        self._held = held
        self.reference = reference
        self.identity: TargetIdentity = held.identity
        self.model: Any = held.copy.model
        self.tokenizer: Any = held.copy.tokenizer
        self.end_tokens = held.end_tokens

    @property
    def architecture(self) -> str:
        """The class of the model, such as ``LlamaForCausalLM``."""
        return str((self.model.config.architectures or [type(self.model).__name__])[0])

    @property
    def device(self) -> torch.device:
        """Where its weights are."""
        return self.model.device

    @property
    def adapters(self) -> tuple[Adapter, ...]:
        """Its adapters, in the order in which they are stacked."""
        return self._held.adapters

    @property
    def template(self) -> str | dict[str, str]:
        """The chat template that it is asked with; some models have several by name."""
        return self._held.template.text

    @property
    def rewritten(self) -> frozenset[str]:
        """Tensors of the base that adapters put on this copy replaced by others."""
        return self._held.copy.rewritten

    def held_in(self, adapter: Adapter) -> HeldTensors:
        """Tensors of the base itself that an adapter's file holds.

        Raises:
            TargetError: the file is damaged.
        """
        return self._held.copy.held_in(adapter, where=self.reference.model)

    def stacked(self, adapters: Sequence[Adapter]) -> OpenModel:
        """The same copy in memory with these adapters alone, in this order; it stands while this one does.

        Its `identity` and `reference` stay those of this one.

        Raises:
            TargetError: one does not fit, or they cannot be active together.
        """
        copy, where = self._held.copy, self.reference.model
        copy.attach(tuple(adapters), where=where)
        held = Held(copy=copy, adapters=tuple(adapters), template=self._held.template, identity=self.identity)
        return OpenModel(held, self.reference)

    @contextmanager
    def active(self) -> Iterator[Any]:
        """The model with this reference's adapters and no others; the copy is locked meanwhile."""
        with self._held.copy.lock:
            self._held.copy.activate(self._held.adapters, where=self.reference.model)
            yield self.model

    @contextmanager
    def computing(self) -> Iterator[None]:
        """Around calls of the model's own code: whatever it raises there, want of memory too, is told of it.

        Raises:
            TargetError: in place of what the model raised.
        """
        import torch

        where = f"{self.reference.model} ({self.architecture})"
        try:
            with running(where):
                yield
        except torch.OutOfMemoryError as error:
            raise TargetError(
                "there is not enough memory to run the model",
                where=where,
                mend="free memory on the device, or load the model on another one or in a smaller dtype",
            ) from error

    def tokens(self, messages: Sequence[Message]) -> list[int]:
        """The prompt of a conversation, up to where the answer begins.

        Raises:
            TargetError: the chat template cannot hold it, or it is too long.
        """
        found = self._held.template.tokens(Request(messages=tuple(messages), decoding=Decoding(), seed=0))
        if isinstance(found, Failure):
            raise TargetError(found.message, where=self.reference.model)
        return found

    def prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """`tokens` of conversations of one user turn each."""
        return [self.tokens([Message(role="user", content=text)]) for text in texts]

    def logits(self, prompts: Sequence[list[int]], *, model: Any = None) -> torch.Tensor:
        """Logits of the next token after each prompt, shape (n, v), in float32 on the CPU.

        Args:
            prompts: as tokens.
            model: another module of the same shape, such as a tuned copy; this one when None.

        Raises:
            TargetError: this model's are NaN or infinite.
        """
        import torch

        rows = [output.logits[:, -1].float().cpu() for output in self._passes(prompts, model, hidden=False)]
        if model is None and not all(bool(torch.isfinite(row).all()) for row in rows):
            raise TargetError(
                "what the model computes is not a number (NaN or infinite)",
                where=self.reference.model,
                mend="`modelassay inspect weights BASE CANDIDATE` says whether its weights are damaged; "
                "else load it in another dtype",
            )
        return torch.cat(rows)[self._order(prompts).argsort()]

    def hidden(self, prompts: Sequence[list[int]], *, model: Any = None) -> torch.Tensor:
        """Hidden states at the last token of each prompt, shape (n, l, w), in float32 on the CPU."""
        import torch

        rows = [
            torch.stack([state[:, -1].float().cpu() for state in output.hidden_states], dim=1)
            for output in self._passes(prompts, model, hidden=True)
        ]
        return torch.cat(rows)[self._order(prompts).argsort()]

    def answers(
        self,
        prompts: Sequence[list[int]],
        *,
        max_tokens: int = 24,
        temperature: float = 0.0,
        seed: int = 1,
        model: Any = None,
    ) -> list[str]:
        """An answer to each prompt, as text; sampled answers depend on `seed` and place alone."""
        out: list[str] = [""] * len(prompts)
        with self.active() as own:
            for batch in self._batches(prompts, extra=max_tokens):
                with self.computing():
                    made = generate_batch(
                        model if model is not None else own,
                        [Row(tokens=prompts[place], seed=seed * 1_000_003 + place) for place in batch],
                        draw=Draw(temperature=temperature),
                        ending=Ending(end_tokens=self.end_tokens, max_new_tokens=max_tokens),
                        pad_token=self._pad,
                        decode=lambda tokens: str(self.tokenizer.decode(tokens, skip_special_tokens=True)),
                        cancelled=lambda: False,
                    )
                for place, one in zip(batch, made, strict=True):
                    out[place] = one.text
        return out

    @property
    def _pad(self) -> int:
        own = self.tokenizer.pad_token_id
        return int(own) if own is not None else min(self.end_tokens, default=0)

    def _order(self, prompts: Sequence[list[int]]) -> torch.Tensor:
        import torch

        return torch.tensor([place for batch in self._batches(prompts) for place in batch])

    def _batches(self, prompts: Sequence[list[int]], *, extra: int = 0) -> Iterator[list[int]]:
        """Places of prompts, longest first, cut so that no batch holds more than `BATCH_TOKENS`."""
        if not prompts or not all(prompts):
            raise UsageError("there is nothing to ask", where=self.reference.model)
        order = sorted(range(len(prompts)), key=lambda place: -len(prompts[place]))
        while order:
            rows = max(1, BATCH_TOKENS // (len(prompts[order[0]]) + extra))
            rows = rows if self._held.copy.masks_padding else 1
            yield order[:rows]
            order = order[rows:]

    def _passes(self, prompts: Sequence[list[int]], model: Any, *, hidden: bool) -> Iterator[Any]:
        import torch

        with self.active() as own, torch.inference_mode():
            for batch in self._batches(prompts):
                rows = [Row(tokens=prompts[place], seed=0) for place in batch]
                length = max(len(row.tokens) for row in rows)
                tokens, mask = padded(rows, length, self._pad, self.device)
                passed = model if model is not None else own
                named = inspect.signature(passed.forward).parameters
                places: dict[str, Any] = {}
                if "position_ids" in named:
                    places["position_ids"] = (mask.cumsum(-1) - 1).clamp(min=0)
                if "logits_to_keep" in named:  # the output layer is the dearest, and is read at one place
                    places["logits_to_keep"] = torch.tensor([length - 1], device=self.device)
                with self.computing():
                    output = passed(
                        input_ids=tokens,
                        attention_mask=mask,
                        use_cache=False,
                        output_hidden_states=hidden,
                        **places,
                    )
                if hidden and not output.hidden_states:
                    raise TargetError(
                        "the model gives no hidden states, so nobody can look into it",
                        where=self.reference.model,
                        mend="`modelassay inspect watched` and audits ask for answers only",
                    )
                yield output


@contextmanager
def open_model(
    reference: str | ModelReference, *, folder: Path | None = None, options: dict[str, str] | None = None
) -> Iterator[OpenModel]:
    """A local model in memory until the block ends.

    Args:
        reference: ``hf:PATH[+ADAPTER…]``, a bare path (``hf:`` is understood), or a plan's reference.
        folder: where relative paths start; the working folder when None.
        options: as for the target, such as ``{"device": "cpu", "dtype": "float32", "threads": "1"}``.

    Raises:
        UsageError: not a local model.
        TargetError: it cannot be loaded.
    """
    named = reference
    if isinstance(named, str):
        bare = ":" not in named or Path(named).exists()
        named = ModelReference(model=f"hf:{named}" if bare else named)
    if named.scheme != "hf":
        raise UsageError(
            f"{named.model!r} is not a local model, so nobody can look into it",
            where=named.model,
            mend="name its folder: hf:PATH",
        )
    named = msgspec.structs.replace(named, options={**named.options, **(options or {})})
    target = LocalTarget(named, folder=folder or Path())
    with target.held() as held:
        yield OpenModel(held, named)
