"""Real classifier models of every architecture, with random weights and a tiny tokenizer, in a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    DebertaV2Config,
    Gemma2Config,
    GraniteConfig,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    RobertaConfig,
    T5Config,
)

WORDS = (
    *("yes", "no", "Yes", "No", "safe", "unsafe", "S", "a", "the", "lock", "pick", "open", "it", "with"),
    *("how", "do", "I", "to", "sorry", "cannot", "help", "you", "answer"),
)
SPECIAL = ("<pad>", "<s>", "</s>", "<unk>", "<|eot|>", "[CLS]", "[SEP]")
YES_NO = ("yes", "no", "Yes", "No")
SAFE = ("safe", "unsafe", *map(str, range(1, 15)))
SMALL = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}


def tokenizer(kind: str, texts: Sequence[str] = (), template: str = "", limit: int = 2048) -> Any:
    """Whole words; `kind` ``writer`` puts ``<s>`` in front, ``reader`` puts [CLS] and [SEP] around."""
    words = [*SPECIAL, *WORDS, *map(str, range(1, 15)), *re.findall(r"\w+|[^\w\s]", " ".join(texts))]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words))}
    plain = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = [(token, vocabulary[token]) for token in ("<s>", "[CLS]", "[SEP]")]
    plain.post_processor = (
        processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=ids)
        if kind == "writer"
        else processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ids
        )
    )
    made = PreTrainedTokenizerFast(
        tokenizer_object=plain,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        additional_special_tokens=["<|eot|>", "[CLS]", "[SEP]"],
        model_max_length=limit,
    )
    if template:
        made.chat_template = template
    return made


def writer(
    folder: Path, architecture: str, *, texts: Sequence[str] = (), template: str = "", seed: int = 7
) -> Path:
    """A causal model whose labels are likely next words, so that it answers the question put to it."""
    words = tokenizer("writer", texts, template)
    size = len(words)
    common = {"vocab_size": size, "max_position_embeddings": 600, "pad_token_id": 0, **SMALL}
    config = {
        "llama": lambda: LlamaConfig(num_key_value_heads=1, **common),
        "mistral": lambda: MistralConfig(num_key_value_heads=1, sliding_window=None, **common),
        "gemma2": lambda: Gemma2Config(num_key_value_heads=1, head_dim=8, sliding_window=64, **common),
        "granite": lambda: GraniteConfig(num_key_value_heads=1, **common),
    }[architecture]()
    config.tie_word_embeddings = False
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "norm" not in name:
                far = 2.0 if "v_proj" in name or "o_proj" in name else 0.4  # what stands earlier must count
                parameter.copy_(torch.randn_like(parameter) * far)
            if "o_proj" in name or "down_proj" in name:
                parameter[0] = 0.0  # so the first place of every state stays what the embedding says
        model.get_input_embeddings().weight.mul_(10)[:, 0] = 12.0
        head = torch.zeros_like(model.lm_head.weight)
        for word in SAFE if architecture == "llama" and "Guard" in folder.name else YES_NO:
            head[words.convert_tokens_to_ids(word)] = torch.randn(head.shape[1]) * 0.4
            head[words.convert_tokens_to_ids(word), 0] = 3.0
        model.lm_head.weight.copy_(head)
    return save(folder, model, words)


def reader(
    folder: Path,
    architecture: str,
    labels: Mapping[int, str] | None = None,
    *,
    limit: int = 512,
    multi: bool = False,
    texts: Sequence[str] = (),
) -> Path:
    """A classifier with a head, of classes named `labels`."""
    words = tokenizer("reader", texts, limit=limit)
    names = dict(labels or {0: "no", 1: "yes"})
    common: dict[str, Any] = {
        "vocab_size": len(words),
        "pad_token_id": 0,
        "id2label": names,
        "label2id": {name: index for index, name in names.items()},
    }
    if multi:
        common["problem_type"] = "multi_label_classification"
    torch.manual_seed(11)
    if architecture == "t5":
        config = T5Config(d_model=16, d_ff=32, d_kv=8, num_layers=1, num_heads=2, n_positions=512, **common)
        model = AutoModelForTokenClassification.from_config(config)
    else:
        positions = {"max_position_embeddings": limit + 1 if architecture == "roberta" else limit, **SMALL}
        config = {
            "bert": lambda: BertConfig(**common, **positions),
            "roberta": lambda: RobertaConfig(type_vocab_size=1, **common, **positions),
            "deberta": lambda: DebertaV2Config(type_vocab_size=0, **common, **positions),
        }[architecture]()
        model = AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.3)
    return save(folder, model, words)


def save(folder: Path, model: Any, words: Any) -> Path:
    model.eval().save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
