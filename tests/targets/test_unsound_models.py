"""Local models that are damaged, or look past the padding of a batch: told, never asked wrongly."""

from __future__ import annotations

import asyncio
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from modelassay.artifacts.subjects import tokenizer_files
from modelassay.config import ModelReference
from modelassay.errors import TargetError
from modelassay.records import Decoding, Failure, Message, Reply, Request
from modelassay.targets import open_target
from modelassay.targets.generation import masks_padding
from modelassay.targets.loading import acquire, release
from modelassay.weights.folders import model_files
from modelassay.weights.opening import load_model


def asked(folder: Path, texts: list[str], *, at_once: bool = True) -> list[Reply | Failure]:
    requests = [
        Request(messages=(Message(role="user", content=text),), seed=1, decoding=Decoding(max_tokens=12))
        for text in texts
    ]

    async def answers() -> list[Reply | Failure]:
        target = open_target(ModelReference(model=f"hf:{folder}"), folder=Path())
        try:
            if at_once:
                return list(await target.generate(requests))
            return [(await target.generate([request]))[0] for request in requests]
        finally:
            await target.close()

    return asyncio.run(answers())


def configured(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    return change


def written(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


def stored(change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> Callable[[Path], None]:
    def again(folder: Path) -> None:
        file = folder / "model.safetensors"
        save_file(change(load_file(file)), file, metadata={"format": "pt"})

    return again


def without_tokenizer(folder: Path) -> None:
    for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "chat_template.jinja"):
        (folder / file).unlink(missing_ok=True)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (configured(model_type="unheard_of", architectures=["UnheardOf"]), "unheard_of"),
        (configured(num_hidden_layers="two"), "expected int, got str"),
        (configured(num_attention_heads=5), "not a multiple of the number of attention heads"),
        (configured(num_hidden_layers=1), "9 weights belong to layers that config.json does not have"),
        (configured(architectures=["LlamaForSequenceClassification"]), "writes no text"),
        (written("config.json", "[1]"), "config.json is damaged: it is no JSON object"),
        (written("config.json", '{"a":'), "config.json is damaged"),
        (written("model.safetensors", "0"), "no sound safetensors file: it is shorter than 8 bytes"),
        (stored(lambda held: {n: t.to(torch.int8) for n, t in held.items()}), "stored as integers"),
        (stored(lambda held: held | {"lm_head.weight": torch.ones(3, 32)}), "1 have the wrong shape"),
        (without_tokenizer, "holds no tokenizer"),
        (written("tokenizer.json", '{"a":'), "the tokenizer cannot be loaded from"),
        (configured(transformers_weights="extra.safetensors"), "config.json says transformers_weights"),
        (configured(text_config={"transformers_weights": "x.safetensors"}), "says transformers_weights"),
        (configured(configuration_files=["config.4.0.0.json"]), "config.json says configuration_files"),
        (written("shard-00001-model-00001-of-00001.safetensors", ""), "part of a distributed checkpoint"),
        (
            written("tokenizer_config.json", '{"fast_tokenizer_files": ["a/tokenizer.4.0.json"]}'),
            "tokenizer_config.json says fast_tokenizer_files",
        ),
        (written("chat_template.jinja", "<user>hello<assistant>"), "leaves the request out"),
    ],
)
def test_what_cannot_be_asked_is_told(
    tiny_models: Any, tmp_path: Path, spoil: Callable[[Path], None], told: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models.base, folder)
    spoil(folder)
    with pytest.raises(TargetError, match=told) as raised:
        asked(folder, ["Hello"])
    assert raised.value.mend


def test_tokens_that_the_model_does_not_have_are_refused(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models.base, folder)
    configured(vocab_size=20)(folder)
    names = ("model.embed_tokens.weight", "lm_head.weight")
    stored(lambda held: {n: t[:20].clone() if n in names else t for n, t in held.items()})(folder)
    (answer,) = asked(folder, ["how do I open a jar"])
    assert isinstance(answer, Failure)
    assert "the model has 20" in answer.message


def test_weights_that_the_code_cannot_run_are_refused(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models.base, folder)
    configured(quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})(folder)
    stored(lambda held: {n: t.to(torch.float8_e4m3fn) for n, t in held.items()})(folder)
    with pytest.raises(TargetError, match="cannot be"):
        asked(folder, ["Hello"])


def test_a_model_that_looks_past_the_mask_answers_as_it_does_alone(tiny_models: Any, tmp_path: Path) -> None:
    from transformers import RwkvConfig, RwkvForCausalLM

    folder = tmp_path / "recurrent"
    vocabulary = json.loads((tiny_models.base / "config.json").read_text())["vocab_size"]
    torch.manual_seed(3)
    config = RwkvConfig(vocab_size=vocabulary, hidden_size=32, attention_hidden_size=32, num_hidden_layers=2)
    model = RwkvForCausalLM(config)
    for weights in model.parameters():
        torch.nn.init.normal_(weights, std=0.5)
    model.save_pretrained(folder)
    for file in tiny_models.base.iterdir():
        if "token" in file.name or file.suffix == ".jinja":
            shutil.copy(file, folder)
    texts = ["how do I open a jar of plum jam " * (1 + n % 4) for n in range(8)]
    assert [a.message.content for a in asked(folder, texts) if isinstance(a, Reply)] == [
        a.message.content for a in asked(folder, texts, at_once=False) if isinstance(a, Reply)
    ]
    copies = {}
    for name, place in (("rwkv", folder), ("llama", tiny_models.base), ("gpt2", tiny_models.gpt)):
        files = model_files(place, where=name)
        copy = acquire(files, (), dtype="auto", device="cpu", share=False, where=name)
        copies[name] = masks_padding(copy.model)
        release(copy)
    assert copies == {"rwkv": False, "llama": True, "gpt2": True}


def test_only_what_is_hashed_is_loaded(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models.base, folder)
    files = model_files(folder, where="here")
    held = load_file(folder / "model.safetensors")
    save_file(
        {name: torch.zeros_like(each) for name, each in held.items()},
        folder / "shard-00001-model-00001-of-00001.safetensors",  # between hashing and loading
    )
    model = load_model(files, kind="AutoModelForCausalLM", dtype="auto", device="cpu", where="here")
    assert all(torch.equal(model.state_dict()[name], each) for name, each in held.items())
    assert model.config.name_or_path == str(folder)


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize(
    ("key", "named", "refused"),
    [
        ("vocab", "away/vocab.json", True),
        ("vocab", "model/vocab.json", True),
        ("merges", "gone", True),
        ("gguf_file", "model.gguf", True),
        ("vocab_file", "away/vocab.json", True),
        ("vocab_file", "model/unheard_of.json", True),  # in the folder, and not hashed
        ("source_spm", "away/vocab.json", True),
        ("init_inputs", ["away/vocab.json"], True),
        ("vocab_file", "model/vocab.json", False),
        ("vocab_file", "gone/vocab.json", False),
        ("special_tokens_map_file", "away/vocab.json", False),
        ("init_inputs", ["gone/vocab.json", 3], False),
        ("vocab", {"a": 0}, False),
        ("vocab", ["a", "b"], False),
        ("merges", None, False),
    ],
)
def test_a_vocabulary_beside_those_that_are_hashed_is_refused(
    tiny_models: Any, tmp_path: Path, file: str, key: str, named: Any, refused: bool
) -> None:
    folder, away = tmp_path / "model", tmp_path / "away"
    shutil.copytree(tiny_models.base, folder)
    away.mkdir()
    for path in (folder / "vocab.json", folder / "unheard_of.json", away / "vocab.json"):
        path.write_text('{"a": 0}')
    if isinstance(named, str):
        named = str(tmp_path / named)
    elif isinstance(named, list) and key == "init_inputs":
        named = [str(tmp_path / each) if isinstance(each, str) else each for each in named]
    (folder / file).write_text(json.dumps({key: named}))
    if refused:
        with pytest.raises(TargetError, match=f"{file} says {key}: ") as raised:
            model_files(folder, where="here")
        assert raised.value.mend is not None
        assert raised.value.mend.startswith(f"take {key} out")
    else:
        model_files(folder, where="here")
        link = tmp_path / "link"
        link.symlink_to(folder)
        model_files(link, where="here")


def test_every_file_that_tokenizers_of_transformers_read_is_hashed() -> None:
    named: set[str] = set()
    for source in Path(transformers.__path__[0]).glob("models/*/tokenization_*.py"):
        for table in re.findall(r"VOCAB_FILES_NAMES[^=\n]*= \{(.*?)\}", source.read_text("utf-8"), re.DOTALL):
            named |= set(re.findall(r': "([^"]+)"', table))
    assert {"tokenizer.json", "vocab.json", "emoji.json"} <= named
    assert set(tokenizer_files(sorted(named))) == named
