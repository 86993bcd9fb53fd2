"""A classifier model in memory: probabilities of label tokens, and logits of classes.

Inputs are sorted by length and padded, on the left for models that go on writing; what does not fit the
model's window is unscored, never cut. A batch that does not fit the device is halved.
"""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from modelassay.errors import TargetError
from modelassay.evaluators.answers import CONTROL
from modelassay.records import Unscored

if TYPE_CHECKING:
    import torch

Floats = NDArray[np.float64]
Encoded = Mapping[str, list[int]]

TOO_LONG: Final = Unscored(reason="too long for the classifier")
NO_MEMORY: Final = Unscored(reason="out of memory for the classifier")
NO_LABEL: Final = Unscored(reason="the classifier gives none of its labels")
LEAST_MASS: Final = 0.05
"""A model that puts less probability than this on all of its labels together answers something else."""
_NO_LIMIT: Final = 1_000_000
"""Tokenizers that know no limit state an absurd one."""


class OpenedModel:
    """Model and tokenizer.

    Args:
        model: a transformers model in evaluation mode.
        tokenizer: its tokenizer.
        batch_size: most inputs at once.
        where: the reference, for errors.
    """

    def __init__(self, model: Any, tokenizer: Any, *, batch_size: int, where: str) -> None:
        self.model = model
        self.tokenizer = tokenizer
        self.batch_size = batch_size
        self.where = where
        self.lock = threading.Lock()

    @cached_property
    def window(self) -> int:
        """Most tokens of one input."""
        config = self.model.config.get_text_config()
        limits = [
            int(getattr(config, "max_position_embeddings", 0) or getattr(config, "n_positions", 0) or 0)
        ]
        if limits[0] and config.model_type in ("roberta", "xlm-roberta", "camembert"):
            limits[0] -= int(config.pad_token_id) + 1  # their positions begin after that of the padding
        limits.append(int(min(getattr(self.tokenizer, "model_max_length", 0) or 0, _NO_LIMIT)))
        return min((limit for limit in limits if 0 < limit < _NO_LIMIT), default=_NO_LIMIT)

    @cached_property
    def _marks(self) -> re.Pattern[str]:
        added = [str(token) for token in self.tokenizer.get_added_vocab() if len(str(token)) > 1]
        return re.compile("|".join(map(re.escape, sorted(added, key=len, reverse=True))) or r"(?!)")

    def harmless(self, text: str) -> str:
        """`text` with every control token and turn marker in it broken by a space.

        What is judged must not be able to end its own turn and speak for the classifier.
        """

        def broken(found: re.Match[str]) -> str:
            return f"{found.group()[0]} {found.group()[1:]}"

        return self._marks.sub(broken, CONTROL.sub(broken, text))

    @property
    def template(self) -> str:
        """The tokenizer's own chat template; empty when it has none."""
        return str(getattr(self.tokenizer, "chat_template", None) or "")

    def render(self, messages: Sequence[Mapping[str, str]], **variables: Any) -> str:
        """`messages` in the tokenizer's own chat template.

        Raises:
            TargetError: the template cannot be used with them.
        """
        from jinja2 import TemplateError

        def rendered(content: Callable[[str], Any]) -> str:
            turns = [{**turn, "content": content(turn["content"])} for turn in messages]
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, **variables))

        probe = messages[-1]["content"].strip()
        try:
            text = rendered(str)
            if probe in text and f"'{probe}'" not in text:
                return text
        except (TemplateError, TypeError, KeyError):
            text = ""
        try:
            return rendered(lambda content: [{"type": "text", "text": content}])
        except (TemplateError, TypeError, KeyError) as error:
            if text:
                return text
            raise TargetError(
                f"the tokenizer's chat template refuses the conversation: {error}", where=self.where
            ) from error

    def label_tokens(self, spellings: Sequence[str]) -> list[int]:
        """Every token that by itself says one of `spellings`, with or without a space before it."""
        tokenizer, found = self.tokenizer, set()
        for word in spellings:
            tries = [
                tokenizer(text, add_special_tokens=False)["input_ids"][:1] for text in (word, f" {word}")
            ]
            tries += [[tokenizer.convert_tokens_to_ids(mark + word)] for mark in ("", "▁", "Ġ")]
            for token in (each[0] for each in tries if each and each[0] is not None):
                if tokenizer.decode([token]).strip() == word:
                    found.add(int(token))
        return sorted(found)

    def choose(
        self, texts: Sequence[str], labels: Sequence[Sequence[str]], *, special: bool = True
    ) -> list[Floats | Unscored]:
        """How likely the model goes on with each of `labels`, among these alone.

        Args:
            texts: prompts.
            labels: the spellings of each label.
            special: whether the tokenizer adds its first token; no when a template has written it.

        Raises:
            TargetError: the tokenizer has no token for a label.
        """
        tokens = [self.label_tokens(each) for each in labels]
        if not all(tokens):
            missing = labels[[bool(each) for each in tokens].index(False)][0]
            raise TargetError(
                f"the tokenizer has no token for the label {missing!r}, so this is another kind of model",
                where=self.where,
                mend="set family: to the family that it belongs to",
            )
        rows: list[Encoded] = [
            {"input_ids": self.tokenizer(text, add_special_tokens=special)["input_ids"]} for text in texts
        ]
        return [
            each if isinstance(each, Unscored) else _among(np.array([each[group].sum() for group in tokens]))
            for each in self._run(rows, self._next_token)
        ]

    def classify(self, texts: Sequence[str | tuple[str, str]]) -> list[Floats | Unscored]:
        """The logits of the model's classes for each text, or pair of texts."""
        rows = [
            self.tokenizer(text) if isinstance(text, str) else self.tokenizer(text[0], text[1])
            for text in texts
        ]
        return self._run(rows, self._class_logits)

    def _run(
        self, rows: Sequence[Encoded], forward: Callable[[list[Encoded]], Floats]
    ) -> list[Floats | Unscored]:
        """`forward` over rows that fit, longest first; one result each, in the order of `rows`."""
        import torch

        results: list[Floats | Unscored] = [TOO_LONG] * len(rows)
        lengths = [len(row["input_ids"]) for row in rows]
        waiting = sorted(
            (i for i, length in enumerate(lengths) if length <= self.window), key=lambda i: -lengths[i]
        )
        size = self.batch_size
        with self.lock, torch.inference_mode():
            while waiting:
                batch = waiting[:size]
                try:
                    made = forward([rows[index] for index in batch])
                except torch.OutOfMemoryError:
                    if self.model.device.type == "cuda":
                        torch.cuda.empty_cache()
                    if len(batch) > 1:
                        size = len(batch) // 2
                        continue
                    results[batch[0]] = NO_MEMORY
                else:
                    for index, each in zip(batch, made, strict=True):
                        results[index] = each
                waiting = waiting[len(batch) :]
        return results

    def _next_token(self, rows: list[Encoded]) -> Floats:
        """Probabilities of every token after each row, shape ``[rows, vocabulary]``."""
        import torch

        width = max(len(row["input_ids"]) for row in rows)
        ids = torch.zeros((len(rows), width), dtype=torch.long)
        mask = torch.zeros_like(ids)
        for index, row in enumerate(rows):
            length = len(row["input_ids"])
            ids[index, width - length :] = torch.tensor(row["input_ids"])
            mask[index, width - length :] = 1
        given: dict[str, Any] = {
            "input_ids": ids,
            "attention_mask": mask,
            "position_ids": (mask.cumsum(-1) - 1).clamp(min=0),
        }
        given = {name: tensor.to(self.model.device) for name, tensor in given.items()}
        if "logits_to_keep" in inspect.signature(self.model.forward).parameters:
            given["logits_to_keep"] = 1
        logits = self.model(**given, use_cache=False).logits[:, -1]
        return _numbers(logits.double().softmax(-1))

    def _class_logits(self, rows: list[Encoded]) -> Floats:
        """Logits of the classes, shape ``[rows, classes]``; of the first token where each token has some."""
        padded = self.tokenizer.pad([dict(row) for row in rows], padding=True, return_tensors="pt")
        logits = self.model(**padded.to(self.model.device)).logits
        return _numbers((logits[:, 0] if logits.ndim == 3 else logits).double())


def softmax(logits: Floats) -> Floats:
    """Probabilities of classes that exclude each other."""
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def sigmoid(logits: Floats) -> Floats:
    """Probabilities of classes that do not."""
    return np.exp(-np.logaddexp(0.0, -logits))


def _numbers(tensor: torch.Tensor) -> Floats:
    return np.asarray(tensor.cpu().numpy(), np.float64)


def _among(masses: Floats) -> Floats | Unscored:
    total = masses.sum()
    return masses / total if total >= LEAST_MASS else NO_LABEL
