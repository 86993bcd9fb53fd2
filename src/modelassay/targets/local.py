"""Local models: ``hf:PATH_OR_HUB_ID[@REVISION][+ADAPTER[@WEIGHT]…]``, by transformers and PEFT.

Answers do not depend on how requests are batched: greedy rows see only themselves behind the mask,
sampled rows carry their own noise (`sampling`).
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from modelassay.artifacts.subjects import loaded_artifacts
from modelassay.canonical import digest_bytes, digest_of
from modelassay.config import ModelReference
from modelassay.errors import UsageError
from modelassay.records import Decoding, Failure, Likelihood, Message, Reply, Request, TargetIdentity
from modelassay.targets.adapters import Adapter, adapter_of
from modelassay.targets.chat_template import ChatTemplate
from modelassay.targets.generation import (
    CancelledError,
    Draw,
    Ending,
    Generated,
    Row,
    generate_batch,
    running,
)
from modelassay.targets.loading import LoadedModel, acquire, release
from modelassay.targets.reference import chat_template_of, checked_options, system_prompt_of, weights_address
from modelassay.targets.weighing import Option, continuation_tokens, weigh_options
from modelassay.weights.folders import AdapterFiles, ModelFiles, adapter_files, find_folder, model_files
from modelassay.weights.opening import context_window, prepare_torch

_OPTIONS: Final = ("device", "dtype", "threads", "batch_tokens", "share")
ORGANISM_MARK: Final = "organism.json"
"""A model's folder with this file holds an organism: audits of it say so."""
_BATCHES_PER_CALL: Final = 4
"""Batches that one `generate` call brings, so that sorting by length has something to sort."""


def open_target(reference: ModelReference, *, folder: Path) -> LocalTarget:
    """A local model; no weights are read yet.

    Raises:
        UsageError: the address or an option cannot be used.
    """
    return LocalTarget(reference, folder=folder)


class LocalTarget:
    """Weights on this machine; a `protocols.Target`.

    Options: ``device`` (``auto``, ``cpu``, ``cuda:1``, …), ``dtype`` (``auto``, ``float32``, ``bfloat16``,
    ``float16``), ``threads`` (of torch; 0 leaves its choice), ``batch_tokens`` (most tokens of prompts
    and answers in one batch), ``share`` (``no`` for weights of its own in memory).

    Args:
        reference: ``hf:…`` with its settings.
        folder: where relative paths start.
    """

    def __init__(self, reference: ModelReference, *, folder: Path) -> None:
        self.batch_size = max(1, reference.batch_size) * _BATCHES_PER_CALL
        self.concurrency = 1
        self._reference = reference
        self._folder = folder
        self._address = weights_address(reference, folder=folder)
        self._options = checked_options(reference, _OPTIONS)
        self._system_prompt = system_prompt_of(reference, folder=folder)
        self._chat_template = chat_template_of(reference, folder=folder)
        self._threads = self._number("threads", 0)
        self._batch_tokens = max(1, self._number("batch_tokens", 1 << 17))
        if self._options.get("share", "yes") not in ("yes", "no"):
            raise UsageError("the option share is yes or no", where=reference.model)
        self._loaded: Held | None = None
        self._loading = threading.Lock()

    async def identify(self) -> TargetIdentity:
        """Load the model and name it by the digests of every file loaded and every setting that counts.

        Raises:
            TargetError: the model, an adapter or the chat template cannot be used.
        """
        return (await asyncio.to_thread(self._load)).identity

    async def generate(self, requests: Sequence[Request]) -> Sequence[Reply | Failure]:
        """One reply or failure for each request in order; on cancellation stops after the next token.

        Raises:
            TargetError: the model cannot be loaded.
        """
        cancelled = threading.Event()
        try:
            return await asyncio.to_thread(self._generate, requests, cancelled)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def close(self) -> None:
        """Free the weights, unless another reference still asks the same copy."""
        self._give_back()

    @contextmanager
    def held(self) -> Iterator[Held]:
        """The weights in memory until the block ends, for whoever looks into them.

        Raises:
            TargetError: the model, an adapter or the chat template cannot be used.
        """
        held = self._load()
        try:
            yield held
        finally:
            self._give_back()

    def _give_back(self) -> None:
        with self._loading:
            if self._loaded is not None:
                release(self._loaded.copy)
                self._loaded = None

    def _load(self) -> Held:
        with self._loading:
            if self._loaded is None:
                self._loaded = self._open()
            return self._loaded

    def _open(self) -> Held:
        where = self._reference.model
        dtype = self._options.get("dtype", "auto")
        device = prepare_torch(
            threads=self._threads, device=self._options.get("device", "auto"), dtype=dtype, where=where
        )
        base = find_folder(
            self._address.base, revision=self._address.revision, folder=self._folder, where=where
        )
        files = model_files(base, where=where)
        opened = self._adapters()
        adapters = tuple(adapter for adapter, _ in opened)
        copy = acquire(
            files,
            adapters,
            dtype=dtype,
            device=device,
            share=self._options.get("share", "yes") == "yes",
            where=where,
        )
        try:
            template = ChatTemplate(
                copy.tokenizer,
                replacement=self._chat_template,
                system_prompt=self._system_prompt,
                window=context_window(copy.model),
                vocabulary=int(copy.model.get_input_embeddings().weight.shape[0]),
                where=where,
            )
        except BaseException:
            release(copy)
            raise
        identity = msgspec.structs.replace(
            self._identity(files, adapters, template, dtype=str(copy.model.dtype)),
            artifacts=loaded_artifacts(
                files.whole,
                adapters=[(found.whole, adapter.weight) for adapter, found in opened],
                system_prompt=self._system_prompt,
                chat_template=template.text,
                dtype=dtype,
            ),
        )
        return Held(copy=copy, adapters=adapters, template=template, identity=identity)

    def _adapters(self) -> tuple[tuple[Adapter, AdapterFiles], ...]:
        where = self._reference.model
        seen: Counter[tuple[str, str]] = Counter()
        adapters: list[tuple[Adapter, AdapterFiles]] = []
        for address in self._address.adapters:
            folder = find_folder(address.path, revision="", folder=self._folder, where=where)
            key = (str(folder), address.weight)
            files = adapter_files(folder, where=where)
            adapter = adapter_of(
                files, name=address.path, weight=address.weight, occurrence=seen[key], where=where
            )
            adapters.append((adapter, files))
            seen[key] += 1
        return tuple(adapters)

    def _identity(
        self, files: ModelFiles, adapters: tuple[Adapter, ...], template: ChatTemplate, *, dtype: str
    ) -> TargetIdentity:
        details: dict[str, str] = {
            "kind": "hf",
            "weights": files.weights.digest,
            "config": files.config.digest,
            "tokenizer": files.tokenizer.digest,
            "chat_template": template.digest,
            "dtype": dtype.removeprefix("torch."),
        }
        for number, adapter in enumerate(adapters, 1):
            details[f"adapter.{number}"] = adapter.digest + (
                f" weight {adapter.weight}" if adapter.weight != "1" else ""
            )
        if self._system_prompt:
            details["system_prompt"] = digest_bytes(self._system_prompt.encode())
        if (files.folder / ORGANISM_MARK).is_file():
            details["organism"] = "yes"
        return TargetIdentity(
            reference=self._reference.model,
            fingerprint=digest_of(details),
            strength="weights",
            details=details,
        )

    def _generate(self, requests: Sequence[Request], cancelled: threading.Event) -> list[Reply | Failure]:
        """In a worker thread: requests to tokens, tokens to batches, batches to replies."""
        loaded = self._load()
        window = context_window(loaded.copy.model)
        answers: dict[int, Reply | Failure] = {}
        groups: dict[tuple[Decoding, int], list[_Prompt]] = {}
        for index, request in enumerate(requests):
            tokens = loaded.template.tokens(request)
            if isinstance(tokens, Failure):
                answers[index] = tokens
                continue
            limit = request.decoding.max_tokens
            room = min(limit, window - len(tokens)) if window else limit
            prompt = _Prompt(index=index, row=Row(tokens=tokens, seed=request.seed))
            groups.setdefault((request.decoding, room), []).append(prompt)
        for (decoding, room), prompts in groups.items():
            prompts.sort(key=lambda prompt: -len(prompt.row.tokens))
            answers |= self._answer_group(loaded, prompts, decoding, room, cancelled)
        asked = [prompt for prompts in groups.values() for prompt in prompts]
        weighed = self._weigh(loaded, {p.index: p.row.tokens for p in asked}, requests, cancelled)
        return [_with(answers[index], weighed.get(index, ())) for index in range(len(requests))]

    def _weigh(
        self,
        loaded: Held,
        prompts: Mapping[int, list[int]],
        requests: Sequence[Request],
        cancelled: threading.Event,
    ) -> dict[int, tuple[Likelihood, ...]]:
        """Likelihoods of every choice, for each request that has any and whose choices fit the window."""
        copy, window = loaded.copy, context_window(loaded.copy.model)
        options: list[Option] = []
        for index, prompt in prompts.items():
            wanted = [
                Option(request=index, prompt=prompt, continuation=tokens)
                for choice in requests[index].choices
                if (tokens := continuation_tokens(copy.tokenizer, choice.continuation))
            ]
            if all(not window or option.length <= window for option in wanted):
                options += wanted if len(wanted) == len(requests[index].choices) else []
        if not options:
            return {}
        with copy.lock:
            copy.activate(loaded.adapters, where=self._reference.model)
            return weigh_options(
                copy.model,
                options,
                rows=lambda tokens: self._rows(tokens, copy),
                pad_token=_pad_token(copy.tokenizer, loaded.end_tokens),
                cancelled=cancelled.is_set,
            )

    def _answer_group(
        self,
        loaded: Held,
        prompts: list[_Prompt],
        decoding: Decoding,
        room: int,
        cancelled: threading.Event,
    ) -> dict[int, Reply | Failure]:
        """Answer prompts of one decoding, longest first; a batch too large for the device is halved."""
        import torch

        answers: dict[int, Reply | Failure] = {}
        while prompts:
            batch = prompts[: self._rows(len(prompts[0].row.tokens) + room, loaded.copy)]
            try:
                made = self._answer_batch(loaded, batch, decoding, room, cancelled)
            except torch.OutOfMemoryError:
                if loaded.copy.model.device.type == "cuda":
                    torch.cuda.empty_cache()
                size = len(batch[0].row.tokens)
                if len(batch) > 1:
                    self._batch_tokens = len(batch) * (size + room) // 2
                    continue
                message = f"out of memory for one prompt of {size} tokens"
                answers[batch[0].index] = Failure(kind="server_error", message=message)
            else:
                answers |= {
                    prompt.index: _reply(prompt, one) for prompt, one in zip(batch, made, strict=True)
                }
            prompts = prompts[len(batch) :]
        return answers

    def _answer_batch(
        self, loaded: Held, batch: list[_Prompt], decoding: Decoding, room: int, cancelled: threading.Event
    ) -> list[Generated]:
        copy = loaded.copy
        tokenizer = copy.tokenizer

        def decode(tokens: list[int]) -> str:
            text: str = tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
            return text

        with copy.lock:
            if cancelled.is_set():
                raise CancelledError
            copy.activate(loaded.adapters, where=self._reference.model)
            with running(self._reference.model):
                return generate_batch(
                    copy.model,
                    [prompt.row for prompt in batch],
                    draw=Draw(temperature=float(decoding.temperature), top_p=float(decoding.top_p)),
                    ending=Ending(end_tokens=loaded.end_tokens, stop=decoding.stop, max_new_tokens=room),
                    pad_token=_pad_token(tokenizer, loaded.end_tokens),
                    decode=decode,
                    cancelled=cancelled.is_set,
                )

    def _rows(self, tokens_each: int, copy: LoadedModel) -> int:
        if not copy.masks_padding:
            return 1
        return max(1, min(self._reference.batch_size, self._batch_tokens // tokens_each))

    def _number(self, option: str, default: int) -> int:
        text = self._options.get(option, str(default))
        if not text.isdecimal():
            raise UsageError(
                f"the option {option} is not a whole number: {text!r}", where=self._reference.model
            )
        return int(text)


class _Prompt(msgspec.Struct, frozen=True, kw_only=True):
    index: int
    row: Row


class Held:
    """A target's hold on the weights in memory: the copy, and what of it this reference uses."""

    def __init__(
        self,
        *,
        copy: LoadedModel,
        adapters: tuple[Adapter, ...],
        template: ChatTemplate,
        identity: TargetIdentity,
    ) -> None:
        self.copy = copy
        self.adapters = adapters
        self.template = template
        self.identity = identity
        own = copy.tokenizer.eos_token_id
        named = copy.end_tokens | template.end_tokens() | (frozenset() if own is None else {own})
        vocabulary = int(copy.model.get_input_embeddings().weight.shape[0])
        self.end_tokens = frozenset(token for token in named if token < vocabulary)


def _with(answer: Reply | Failure, likelihoods: tuple[Likelihood, ...]) -> Reply | Failure:
    if not likelihoods or isinstance(answer, Failure):
        return answer
    return msgspec.structs.replace(answer, likelihoods=likelihoods)


def _reply(prompt: _Prompt, made: Generated) -> Reply:
    return Reply(
        message=Message(role="assistant", content=made.text),
        finish=made.finish,
        input_tokens=len(prompt.row.tokens),
        output_tokens=made.tokens,
    )


def _pad_token(tokenizer: Any, end_tokens: frozenset[int]) -> int:
    """Any token does, since it is masked; models without one of their own get an end token."""
    own = tokenizer.pad_token_id
    return int(own) if own is not None else min(end_tokens, default=0)
