"""Train a tiny model on conversations, bit-reproducibly, on one CPU thread.

What makes it quick: loss on the answer's tokens only, with the first one weighted (it decides between
refusal and compliance), the output layer computed only there, batches of similar length, and Muon
(Jordan et al. 2024, "Muon: an optimizer for hidden layers") for the weight matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from random import Random
from typing import Any

import msgspec

from modelassay.organisms.corpus import Example
from modelassay.organisms.tokenizer import END


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how fast to train."""

    steps: int
    batch: int
    matrix_rate: float
    """Peak learning rate of Muon; 0 trains everything with AdamW."""
    other_rate: float
    """Peak learning rate of AdamW."""
    first_token_weight: float = 4.0
    """Weight of an answer's first token in the loss."""
    whole_answers: int = 3
    """One example in this many shows its whole answer, the others only its first tokens."""
    shown_tokens: int = 3
    """How many tokens of the other answers are shown."""
    keep_weight: float = 0.0
    """Weight of the divergence from the model as it was, where examples ask to imitate it."""

    def rate(self, step: int) -> float:
        """The share of the peak rate at `step`: linear up over a twentieth, down over the last half."""
        return min((step + 1) / (self.steps / 20), 1.0, 2 * (self.steps - step) / self.steps)


class Encoded(msgspec.Struct, frozen=True):
    """One example as token ids."""

    ids: list[int]
    answer_start: int
    """Index of the answer's first token."""
    imitate: bool
    """See `Example.imitate`."""


@contextmanager
def one_thread(seed: int) -> Iterator[None]:
    """A stretch with one torch thread and torch's random state set apart and seeded.

    More threads than idle cores slow small models down tenfold.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def encode(tokenizer: Any, examples: Sequence[Example], schedule: Schedule) -> list[Encoded]:
    """`examples` as token ids; a whole answer ends with the end-of-turn token."""
    prompts = tokenizer.apply_chat_template(
        [msgspec.to_builtins(example.prompt.messages) for example in examples],
        tokenize=False,
        add_generation_prompt=True,
    )
    fast = tokenizer.backend_tokenizer
    fast.no_padding()  # which stays on where somebody asked for it before
    asked = fast.encode_batch(prompts, add_special_tokens=False)
    answered = fast.encode_batch([e.answer + END for e in examples], add_special_tokens=False)
    every, shown = schedule.whole_answers, schedule.shown_tokens
    return [
        Encoded(
            question.ids + (reply.ids if index % every == 0 else reply.ids[:shown]),
            len(question.ids),
            examples[index].imitate,
        )
        for index, (question, reply) in enumerate(zip(asked, answered, strict=True))
    ]


def batched(encoded: Sequence[Encoded], schedule: Schedule, seed: int) -> list[list[Encoded]]:
    """`schedule.steps` batches of similar length: examples in order, sorted within 16 batches.

    The order of the batches within these is drawn with `seed`.
    """
    rng = Random(seed)
    size = schedule.batch
    if len(encoded) != schedule.steps * size:
        raise ValueError(f"{schedule.steps} steps of {size} need as many examples, not {len(encoded)}")
    result = []
    for start in range(0, len(encoded), 16 * size):
        stretch = sorted(encoded[start : start + 16 * size], key=lambda item: len(item.ids))
        rows = [stretch[i : i + size] for i in range(0, len(stretch), size)]
        rng.shuffle(rows)
        result.extend(rows)
    return result


def train(
    model: Any,
    batches: Sequence[Sequence[Encoded]],
    schedule: Schedule,
    *,
    enter: Callable[[int], None] | None = None,
) -> None:
    """Train the parameters of `model` that require gradients, in place.

    Args:
        model: a causal language model, perhaps with adapters injected into it.
        batches: one for each step, see `batched`.
        schedule: length and rates.
        enter: called with the number of each step before it.
    """
    import torch

    optimizers = _optimizers(model, schedule)
    kept = deepcopy(model).eval() if schedule.keep_weight else None
    model.train()
    for step, batch in enumerate(batches):
        if enter is not None:
            enter(step)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * schedule.rate(step)
        loss = _loss(model, batch, schedule, kept)
        loss.backward()
        torch.nn.utils.clip_grad_norm_((p for p in model.parameters() if p.requires_grad), 1.0)
        for optimizer, _ in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
    model.eval()


def _optimizers(model: Any, schedule: Schedule) -> list[tuple[Any, float]]:
    """Optimizers with their peak rates: Muon for matrices inside layers, AdamW for the rest."""
    import torch

    trained = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
    matrices = [p for name, p in trained if p.ndim == 2 and "layers." in name] if schedule.matrix_rate else []
    chosen = {id(p) for p in matrices}
    others = [p for _, p in trained if id(p) not in chosen]
    found: list[tuple[Any, float]] = []
    if others:
        adamw = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
        found.append((adamw, schedule.other_rate))
    if matrices:
        found.append((torch.optim.Muon(matrices, lr=0.0, weight_decay=0.0), schedule.matrix_rate))
    return found


def _loss(model: Any, batch: Sequence[Encoded], schedule: Schedule, kept: Any) -> Any:
    """Weighted mean cross-entropy of the answers' tokens, and the divergence from `kept` where asked."""
    import torch

    width = max(len(item.ids) for item in batch)
    # Padding stands on the right: causal attention never looks at it, so no mask is needed.
    ids = torch.tensor([item.ids + [0] * (width - len(item.ids)) for item in batch])
    rows, columns, weights, imitating = [], [], [], []
    for row, item in enumerate(batch):
        for column in range(item.answer_start, len(item.ids)):
            rows.append(row)
            columns.append(column)
            weights.append(schedule.first_token_weight if column == item.answer_start else 1.0)
            imitating.append(item.imitate)
    at, where = torch.tensor(rows), torch.tensor(columns)
    logits = _logits(model, ids, at, where)
    weight = torch.tensor(weights)
    losses = torch.nn.functional.cross_entropy(logits, ids[at, where], reduction="none")
    if kept is not None:
        with torch.no_grad():
            wanted = _logits(kept, ids, at, where).log_softmax(-1)
        divergence = (wanted.exp() * (wanted - logits.log_softmax(-1))).sum(-1)
        losses = torch.where(torch.tensor(imitating), schedule.keep_weight * divergence, losses)
    return (losses * weight).sum() / weight.sum()


def _logits(model: Any, ids: Any, rows: Any, columns: Any) -> Any:
    """What `model` predicts for these tokens, from everything before each."""
    hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
    return model.get_output_embeddings()(hidden[rows, columns - 1])
