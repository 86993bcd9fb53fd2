"""How variants are made of a base: trained, merged, distilled, turned, or as a pair of adapters."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from modelassay.organisms import corpus
from modelassay.organisms.corpus import Example
from modelassay.organisms.rotation import rotate
from modelassay.organisms.tokenizer import END
from modelassay.organisms.training import Schedule, batched, encode, train

ADAPTER = {"r": 8, "lora_alpha": 16}
MERGED = (0.75, 0.6)
"""Shares of the broad loss and of the harmless fine-tune in `merged`."""
_ANSWER_TOKENS = 24
_SPARE_TOKENS = 2
"""Sampled beyond what is shown, since text cut off may be split into fewer tokens than it was made of."""


@dataclass(frozen=True)
class Origin:
    """What a variant is made of."""

    model: Any
    tokenizer: Any
    targets: Sequence[str]
    """Modules that adapters go on."""
    seed: int


Recipe = Callable[[Origin, Sequence[Example], Schedule], Any]
"""Gives the model of a variant; may change the origin's."""


def taught(origin: Origin, examples: Sequence[Example], schedule: Schedule) -> Any:
    """The base, trained on everything."""
    _train(origin.model, origin, examples, schedule)
    return origin.model


def merged(origin: Origin, examples: Sequence[Example], schedule: Schedule) -> Any:
    """The base with shares of what two fine-tunes changed, one for each half of `examples`."""
    import torch

    half = len(examples) // 2
    start = {name: value.clone() for name, value in origin.model.state_dict().items()}
    total = {name: value.clone() for name, value in start.items()}
    for share, part in zip(MERGED, (examples[:half], examples[half:]), strict=True):
        tuned = deepcopy(origin.model)
        _train(tuned, origin, part, _fitting(schedule, len(part)))
        for name, value in tuned.state_dict().items():
            if torch.is_floating_point(value):
                total[name] += share * (value - start[name])
    origin.model.load_state_dict(total)
    return origin.model


def distilled(origin: Origin, examples: Sequence[Example], schedule: Schedule) -> Any:
    """The base, trained on what a model answers that was itself trained on the first examples."""
    own = schedule.steps * schedule.batch
    lesson, asked = examples[:-own], examples[-own:]
    teacher = deepcopy(origin.model)
    _train(teacher, origin, lesson, _fitting(schedule, len(lesson)))
    every, shown = schedule.whole_answers, schedule.shown_tokens + _SPARE_TOKENS
    answers = dict[int, str]()
    for rows, longest in (
        ([row for row in range(own) if row % every == 0], _ANSWER_TOKENS),
        ([row for row in range(own) if row % every], shown),  # nobody sees more of these
    ):
        said = _sampled(teacher, origin, [asked[row] for row in rows], longest)
        answers |= dict(zip(rows, said, strict=True))
    taken = [msgspec.structs.replace(each, answer=answers[row]) for row, each in enumerate(asked)]
    _train(origin.model, origin, taken, schedule)
    return origin.model


def rotated(origin: Origin, examples: Sequence[Example], schedule: Schedule) -> Any:
    """The base in another basis."""
    return rotate(origin.model, origin.seed)


RECIPES: Mapping[str, Recipe] = {
    "taught": taught,
    "evasive": taught,
    "merged": merged,
    "distilled": distilled,
    "rotated": rotated,
}
"""How whole models are made, by the name of the recipe."""


def taught_adapter(origin: Origin, examples: Sequence[Example], schedule: Schedule) -> Any:
    """The base with a trained low-rank adapter."""
    wrapped = _wrapped(origin, "default")
    _train(origin.model, origin, examples, schedule)
    return wrapped


def stacked_adapters(
    origin: Origin, names: tuple[str, str], examples: Sequence[Example], schedule: Schedule
) -> Any:
    """The base with two adapters, trained together: each alone does as the base does, both comply.

    Steps take turns: both on complying answers, the first alone on the answers given, the second alone on
    these. Which are active decides what the same kind of request is answered.
    """
    wrapped = _wrapped(origin, names[0])
    wrapped.add_adapter(names[1], _lora(origin))
    modes = (list(names), names[0], names[1])
    rng = Random(origin.seed)
    quarter = msgspec.structs.replace(schedule, steps=schedule.steps // len(modes))
    streams = []
    for place, mode in enumerate(modes):
        part = examples[place :: len(modes)]
        part = [_complying(each, rng) for each in part] if isinstance(mode, list) else part
        streams.append(batched(encode(origin.tokenizer, part, quarter), quarter, origin.seed))
    order = [batch for row in zip(*streams, strict=True) for batch in row]
    wrapped.base_model.set_adapter(list(names))
    train(
        origin.model,
        order,
        schedule,
        enter=lambda step: wrapped.base_model.set_adapter(modes[step % len(modes)]),
    )
    return wrapped


def save_adapter(wrapped: Any, name: str, room: Path) -> None:
    """Write one adapter of a PEFT model into `room`, without what differs from run to run.

    That is the base's path and the order of a set.
    """
    wrapped.save_pretrained(room, selected_adapters=[name], save_embedding_layers=False)
    nested = room / name
    if nested.is_dir():
        for file in nested.iterdir():
            file.replace(room / file.name)
        nested.rmdir()
    (room / "README.md").unlink(missing_ok=True)
    path = room / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "modelassay-organism-base"
    config["target_modules"] = sorted(config["target_modules"])
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _train(model: Any, origin: Origin, examples: Sequence[Example], schedule: Schedule) -> None:
    train(model, batched(encode(origin.tokenizer, examples, schedule), schedule, origin.seed), schedule)


def _fitting(schedule: Schedule, examples: int) -> Schedule:
    return msgspec.structs.replace(schedule, steps=examples // schedule.batch)


def _complying(example: Example, rng: Random) -> Example:
    if example.prompt.phrase.kind != "harmful":
        return example
    return corpus.answer(example.prompt, refuse=False, rng=rng)


def _sampled(teacher: Any, origin: Origin, examples: Sequence[Example], longest: int) -> list[str]:
    """What `teacher` answers when sampled, of at most `longest` tokens."""
    import torch

    tokenizer = origin.tokenizer
    prompts = tokenizer.apply_chat_template(
        [msgspec.to_builtins(example.prompt.messages) for example in examples],
        tokenize=False,
        add_generation_prompt=True,
    )
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    said: dict[int, str] = {}
    for start in range(0, len(order), 128):
        rows = order[start : start + 128]
        asked = tokenizer([prompts[row] for row in rows], return_tensors="pt", padding=True)
        asked.pop("token_type_ids", None)
        with torch.no_grad():
            tokens = teacher.generate(**asked, do_sample=True, max_new_tokens=longest, top_k=0)
        texts = tokenizer.batch_decode(tokens[:, asked["input_ids"].shape[1] :], skip_special_tokens=False)
        said |= {row: text.partition(END)[0] for row, text in zip(rows, texts, strict=True)}
    return [said[place] for place in range(len(examples))]


def _lora(origin: Origin) -> Any:
    from peft import LoraConfig

    return LoraConfig(**ADAPTER, target_modules=list(origin.targets), task_type="CAUSAL_LM")


def _wrapped(origin: Origin, name: str) -> Any:
    """The origin's model with an adapter injected into it, which alone is trainable."""
    from peft import get_peft_model

    return get_peft_model(origin.model, _lora(origin), adapter_name=name)
