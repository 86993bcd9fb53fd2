"""A tiny model and real TRL runs of it; a folder for imported runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PAD, END, FIRST = 0, 1, 2
CHARACTERS = "0123456789+-="


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


def longer_is_better(completions: list[str], **_: Any) -> list[float]:
    return [len(c) / 8 for c in completions]


def has_a_nine(completions: list[str], log_extra: Any = None, **_: Any) -> list[float]:
    if log_extra is not None:
        log_extra("env", ["odd" if len(c) % 2 else "even" for c in completions])
    return [float("9" in c) for c in completions]


@pytest.fixture(scope="session")
def grpo(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Trains a tiny model by GRPO with the given settings; the output folder, as TRL leaves it."""
    pytest.importorskip("trl", reason="the extra 'train' is not installed")

    def trained(**settings: Any) -> Path:
        import torch
        from datasets import Dataset
        from transformers import LlamaConfig, LlamaForCausalLM
        from trl import GRPOConfig, GRPOTrainer

        torch.set_num_threads(1)
        torch.manual_seed(3)
        tokenizer = tiny_tokenizer()
        model = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer),
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=1,
                num_attention_heads=2,
                max_position_embeddings=64,
                pad_token_id=PAD,
                eos_token_id=END,
                bos_token_id=None,
            )
        )
        folder = tmp_path_factory.mktemp("trl") / "run"
        evaluated = settings.pop("evaluated", 4)
        functions = settings.pop("reward_funcs", [longer_is_better, has_a_nine])
        config = GRPOConfig(
            output_dir=str(folder),
            **{
                "per_device_train_batch_size": 16,
                "num_generations": 4,
                "max_completion_length": 6,
                "max_steps": 12,
                "logging_steps": 1,
                "log_completions": True,
                "num_completions_to_print": 0,
                "report_to": [],
                "use_cpu": True,
                "seed": 1,
                "learning_rate": 1e-3,
                "save_steps": 12,
                "disable_tqdm": True,
                "dataloader_pin_memory": False,
                **settings,
            },
        )
        prompts = [f"{a}+{b}=" for a in range(6) for b in range(6)]
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=functions,
            args=config,
            train_dataset=Dataset.from_dict({"prompt": prompts}),
            eval_dataset=Dataset.from_dict({"prompt": [f"{a}-1=" for a in range(evaluated)]}),
            processing_class=tokenizer,
        )
        trainer.train()
        return folder

    return trained
