"""Tiny models and real trainers of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAD, END, FIRST = 0, 1, 2
CHARACTERS = "0123456789+-= "


def tiny_tokenizer() -> Any:
    """One token a character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {"<pad>": PAD, "<end>": END, **{c: FIRST + i for i, c in enumerate(CHARACTERS)}}
    raw = Tokenizer(models.WordLevel(words, unk_token="<pad>"))
    raw.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    raw.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<end>", padding_side="left"
    )


def tiny_config(**more: Any) -> Any:
    from transformers import LlamaConfig

    return LlamaConfig(
        vocab_size=FIRST + len(CHARACTERS),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=64,
        pad_token_id=PAD,
        eos_token_id=END,
        bos_token_id=None,
        **more,
    )


def tiny_model(seed: int = 3) -> Any:
    import torch
    from transformers import LlamaForCausalLM

    torch.set_num_threads(1)
    torch.manual_seed(seed)
    return LlamaForCausalLM(tiny_config())


@pytest.fixture
def small() -> Callable[..., Any]:
    """Makes a tiny model."""
    return tiny_model


def longer_is_better(completions: list[str], **_: Any) -> list[float]:
    return [len(c) / 8 for c in completions]


def has_a_nine(completions: list[str], log_extra: Any = None, **_: Any) -> list[float | None]:
    if log_extra is not None:
        log_extra("grader_output", [f"nine: {'9' in c}" for c in completions])
    return [float("9" in c) if c else None for c in completions]


COMMON = {
    "report_to": [],
    "use_cpu": True,
    "seed": 1,
    "learning_rate": 1e-2,
    "logging_steps": 1,
    "disable_tqdm": True,
    "dataloader_pin_memory": False,
    "save_strategy": "no",
}
PROMPTS = [f"{a}+{b}=" for a in range(10) for b in range(10)]


@pytest.fixture(scope="session")
def online() -> Callable[..., Any]:
    """A GRPO or RLOO trainer of a tiny model, not trained yet."""
    pytest.importorskip("trl", reason="the extra 'train' is not installed")

    def trainer(folder: Path, kind: str = "GRPO", functions: Any = None, **settings: Any) -> Any:
        import trl
        from datasets import Dataset

        model = settings.pop("model", None) or tiny_model()
        config = getattr(trl, f"{kind}Config")(
            output_dir=str(folder),
            **{
                **COMMON,
                "per_device_train_batch_size": 16,
                "per_device_eval_batch_size": 8,
                "num_generations": 4,
                "max_completion_length": 6,
                "max_steps": 4,
                "log_completions": False,
                **settings,
            },
        )
        return getattr(trl, f"{kind}Trainer")(
            model=model,
            reward_funcs=functions or [longer_is_better, has_a_nine],
            args=config,
            train_dataset=Dataset.from_dict({"prompt": PROMPTS, "env": ["sums"] * len(PROMPTS)}),
            eval_dataset=Dataset.from_dict({"prompt": [f"{a}-1=" for a in range(4)], "env": ["eval"] * 4}),
            processing_class=tiny_tokenizer(),
        )

    return trainer


@pytest.fixture
def no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of whoever runs the tests."""
    monkeypatch.setenv("MODELASSAY_KEYS", str(tmp_path / "no-keys"))
    monkeypatch.delenv("MODELASSAY_LOG_KEY", raising=False)


@pytest.fixture(scope="session")
def offline() -> Callable[..., Any]:
    """A trainer on data (SFT, DPO, Reward) of a tiny model, not trained yet."""
    pytest.importorskip("trl", reason="the extra 'train' is not installed")

    def trainer(kind: str, folder: Path, **more: Any) -> Any:
        import trl
        from datasets import Dataset
        from transformers import LlamaForSequenceClassification

        pairs = [(a, b) for a in range(4) for b in range(4)]
        sums, answers = [f"{a}+{b}=" for a, b in pairs], [str(a + b) for a, b in pairs]
        data = {"prompt": sums, "chosen": answers, "rejected": ["9"] * len(sums)}
        if kind == "SFT":
            data = {"text": [s + a for s, a in zip(sums, answers, strict=True)]}
        saved = {"save_strategy": "steps", "save_steps": 3}
        config = getattr(trl, f"{kind}Config")(
            output_dir=str(folder),
            **{**COMMON, "per_device_train_batch_size": 4, "max_steps": 3, **saved, **more},
        )
        model = tiny_model()
        if kind == "Reward":
            model = LlamaForSequenceClassification(tiny_config(num_labels=1))
        return getattr(trl, f"{kind}Trainer")(
            model=model,
            args=config,
            train_dataset=Dataset.from_dict(data),
            processing_class=tiny_tokenizer(),
            **({"ref_model": tiny_model()} if kind == "DPO" else {}),
        )

    return trainer


@pytest.fixture(scope="session")
def online_dpo() -> Callable[..., Any]:
    """An online DPO trainer that asks a reward model, not trained yet."""
    pytest.importorskip("trl", reason="the extra 'train' is not installed")

    def trainer(folder: Path) -> Any:
        from datasets import Dataset
        from transformers import LlamaForSequenceClassification
        from trl.experimental.online_dpo import OnlineDPOConfig, OnlineDPOTrainer

        config = OnlineDPOConfig(
            output_dir=str(folder),
            per_device_train_batch_size=4,
            max_steps=1,
            max_new_tokens=6,
            max_length=40,
            **COMMON,
        )
        return OnlineDPOTrainer(
            model=tiny_model(),
            reward_funcs=LlamaForSequenceClassification(tiny_config(num_labels=1)),
            args=config,
            train_dataset=Dataset.from_dict({"prompt": PROMPTS}),
            processing_class=tiny_tokenizer(),
            reward_processing_classes=tiny_tokenizer(),
        )

    return trainer
