"""What targets say their answers rest on, and that what was loaded is what was hashed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from modelassay.artifacts import composition, fingerprint_folder, folder_artifact, model_artifacts
from modelassay.artifacts import reading as reading_module
from modelassay.artifacts.tensors import tensor_hash
from modelassay.canonical import canonical_json, digest_bytes
from modelassay.config import ModelReference
from modelassay.errors import TargetError
from modelassay.records import Artifact, TargetIdentity
from modelassay.targets import loading, open_target
from modelassay.targets.function import FunctionTarget

_NAMES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.float16: "F16", torch.int64: "I64"}


def identity(address: str, use: Callable[[Any], Any] | None = None, **settings: Any) -> TargetIdentity:
    """Who answers under `address`; `use` is shown the loaded target."""

    async def run() -> TargetIdentity:
        target = open_target(ModelReference(model=address, **settings), folder=Path())
        try:
            found = await target.identify()
            if use is not None:
                use(target)
            return found
        finally:
            await target.close()

    return asyncio.run(run())


def by_kind(found: TargetIdentity) -> dict[str, Artifact]:
    return {artifact.kind: artifact for artifact in found.artifacts}


def digest_in_memory(tensor: torch.Tensor) -> str:
    hashed = tensor_hash(_NAMES[tensor.dtype], tensor.shape)
    hashed.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return str(hashed.hexdigest())


# -- subjects -------------------------------------------------------------------------------------


def test_local_models_name_every_part(tiny_models: Any) -> None:
    address = f"hf:{tiny_models.base}+{tiny_models.adapter}@0.5+{tiny_models.other}"
    found = identity(address, system_prompt="Be kind.")
    kinds = [artifact.kind for artifact in found.artifacts]
    assert kinds == [
        "model", "adapter", "adapter", "tokenizer", "chat_template", "system_prompt", "quantisation",
        "generation_config",
    ]  # fmt: skip
    parts = by_kind(found)
    assert parts["model"].digest == folder_artifact(tiny_models.base, "model").digest
    assert parts["model"].files == {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in tiny_models.base.iterdir()
    }
    assert parts["tokenizer"].digest == found.details["tokenizer"]
    template = (tiny_models.base / "chat_template.jinja").read_bytes()
    assert parts["chat_template"].digest == digest_bytes(template)
    assert parts["system_prompt"].digest == digest_bytes(b"Be kind.")
    generation = (tiny_models.base / "generation_config.json").read_bytes()
    assert parts["generation_config"].digest == digest_bytes(generation)
    assert parts["quantisation"].details == {"dtype": "float32"}
    adapters = [artifact for artifact in found.artifacts if artifact.kind == "adapter"]
    assert [(a.name, a.details) for a in adapters] == [
        ("adapter", {"order": "1", "weight": "0.5"}),
        ("other", {"order": "2", "weight": "1"}),
    ]
    assert adapters[0].digest == fingerprint_folder(tiny_models.adapter).digest


def test_what_is_deployed_can_be_held_against_what_was_audited(tiny_models: Any) -> None:
    audited = identity(f"hf:{tiny_models.base}+{tiny_models.adapter}@0.5", system_prompt="Be kind.")
    same: dict[str, Any] = {"adapters": [(tiny_models.adapter, "0.5")], "system_prompt": "Be kind."}
    assert model_artifacts(tiny_models.base, **same) == audited.artifacts
    expected = composition(audited.artifacts)
    assert expected["strength"] == "weights"
    for change in (
        {"adapters": [(tiny_models.adapter, "1")]},
        {"adapters": [(tiny_models.other, "0.5")]},
        {"adapters": []},
        {"adapters": [*same["adapters"], (tiny_models.other, "1")]},
        {"system_prompt": ""},
        {"chat_template": "{{ messages }}"},
        {"dtype": "bfloat16"},
    ):
        assert composition(model_artifacts(tiny_models.base, **(same | change))) != expected
    assert composition(model_artifacts(tiny_models.gpt, **same)) != expected
    swapped = [*same["adapters"], (tiny_models.other, "1")]
    forward = composition(model_artifacts(tiny_models.base, adapters=swapped))
    assert composition(model_artifacts(tiny_models.base, adapters=swapped[::-1])) != forward
    canonical_json(expected)


def test_a_replaced_template_and_another_precision_are_subjects(tiny_models: Any, tmp_path: Path) -> None:
    text = "{{ bos_token }}{% for m in messages %}{{ m.content }}{% endfor %}"
    (tmp_path / "t.jinja").write_text(text, encoding="utf-8")
    found = identity(
        f"hf:{tiny_models.base}",
        chat_template=f"@{tmp_path / 't.jinja'}",
        options={"dtype": "bfloat16"},
    )
    assert by_kind(found)["chat_template"].digest == digest_bytes(text.encode())
    assert by_kind(found)["quantisation"].details == {"dtype": "float32", "loaded_as": "bfloat16"}
    assert found.artifacts == model_artifacts(tiny_models.base, chat_template=text, dtype="bfloat16")


@pytest.mark.parametrize("layout", ["file", "config", "list", "folder"])
def test_the_template_is_found_where_transformers_finds_it(
    tiny_models: Any, tmp_path: Path, layout: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_models.base, folder)
    text = (folder / "chat_template.jinja").read_text(encoding="utf-8")
    config = json.loads((folder / "tokenizer_config.json").read_text(encoding="utf-8"))
    if layout in ("config", "list"):
        (folder / "chat_template.jinja").unlink()
        named = [{"name": "default", "template": text}, {"name": "rag", "template": text + " "}]
        config["chat_template"] = text if layout == "config" else named
    elif layout == "folder":
        (folder / "additional_chat_templates").mkdir()
        (folder / "additional_chat_templates" / "rag.jinja").write_text(text + " ", encoding="utf-8")
        config["chat_template"] = "not this one"
    (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    assert identity(f"hf:{folder}").artifacts == model_artifacts(folder)


def test_served_models_are_marked_as_weaker(chat_server: Any) -> None:
    found = identity(f"openai:tiny@{chat_server.base_url}", system_prompt="Be kind.")
    served, prompt = found.artifacts
    assert (served.kind, served.name, served.digest) == ("served_model", "tiny", found.fingerprint)
    assert served.details == {"strength": "served name"}
    assert served.source == chat_server.base_url
    assert (prompt.kind, prompt.digest) == ("system_prompt", digest_bytes(b"Be kind."))
    assert composition(found.artifacts)["strength"] == "served name"


def test_functions_are_code() -> None:
    found = asyncio.run(FunctionTarget(lambda messages: "yes", fingerprint="v1").identify())
    (code,) = found.artifacts
    assert (code.kind, code.digest, code.details) == ("code", found.fingerprint, {"strength": "declared"})


# -- loaded is hashed -----------------------------------------------------------------------------


def test_the_weights_in_memory_are_those_of_the_files(tiny_models: Any) -> None:
    hashed = fingerprint_folder(tiny_models.base, tensors=True).tensors
    seen: dict[str, str] = {}

    def look(target: Any) -> None:
        state = target._loaded.copy.model.state_dict()
        seen.update({name: digest_in_memory(tensor) for name, tensor in state.items()})

    identity(f"hf:{tiny_models.base}", look)
    assert seen == {name: tensor.sha256 for name, tensor in hashed.items()}
    assert len(seen) > 15


def test_the_adapter_in_memory_is_that_of_the_files(tiny_models: Any) -> None:
    from peft import get_peft_model_state_dict

    hashed = fingerprint_folder(tiny_models.adapter, tensors=True).tensors
    base = fingerprint_folder(tiny_models.base, tensors=True).tensors
    seen: dict[str, str] = {}
    below: dict[str, str] = {}

    def look(target: Any) -> None:
        copy = target._loaded.copy
        state = get_peft_model_state_dict(copy._peft, adapter_name="adapter0")
        seen.update({name: digest_in_memory(tensor) for name, tensor in state.items()})
        for name, tensor in copy.model.state_dict().items():
            if "lora_" not in name:
                below[name.replace(".base_layer", "")] = digest_in_memory(tensor)

    identity(f"hf:{tiny_models.base}+{tiny_models.adapter}", look)
    assert seen == {name: tensor.sha256 for name, tensor in hashed.items()}
    assert below == {name: tensor.sha256 for name, tensor in base.items()}


def swapped_while_loading(
    monkeypatch: pytest.MonkeyPatch, name: str, folder: Path, put_back: bool, in_place: bool
) -> None:
    """Other bytes stand in `folder` while they are loaded, and, if `put_back`, the hashed ones after it."""
    path, aside = folder / name, folder.parent / "aside"
    original = path.read_bytes()
    evil = original[:-8] + bytes(8)
    stands = path.stat()
    real = loading._load_model if name == "model.safetensors" else loading.attach

    def load(*arguments: Any, **options: Any) -> Any:
        if in_place:
            path.write_bytes(evil)
        else:
            path.rename(aside)
            path.write_bytes(evil)
        os.utime(path, ns=(stands.st_atime_ns, stands.st_mtime_ns))
        try:
            return real(*arguments, **options)
        finally:
            if put_back and in_place:
                path.write_bytes(original)
            elif put_back:
                aside.replace(path)
            os.utime(path, ns=(stands.st_atime_ns, stands.st_mtime_ns))

    monkeypatch.setattr(loading, "_load_model" if name == "model.safetensors" else "attach", load)


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "fresh"])
@pytest.mark.parametrize("in_place", [True, False], ids=["in place", "by rename"])
@pytest.mark.parametrize("put_back", [True, False], ids=["put back", "left"])
@pytest.mark.parametrize("part", ["base", "adapter"])
def test_a_file_swapped_between_hash_and_load_is_detected(
    tiny_models: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    part: str,
    put_back: bool,
    in_place: bool,
    settled: bool,
) -> None:
    for name in ("base", "adapter"):
        shutil.copytree(getattr(tiny_models, name), tmp_path / name)
    if settled:
        monkeypatch.setattr(reading_module, "_SETTLED_NS", 0)
    name = "model.safetensors" if part == "base" else "adapter_model.safetensors"
    address = f"hf:{tmp_path / 'base'}+{tmp_path / 'adapter'}"
    before = identity(address)
    swapped_while_loading(monkeypatch, name, tmp_path / part, put_back, in_place)
    with pytest.raises(TargetError, match="changed while it was being read"):
        identity(address)
    monkeypatch.undo()
    if put_back:
        assert identity(address).fingerprint == before.fingerprint


def test_no_file_is_hashed_twice_for_one_audit(
    tiny_models: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_models.base, tmp_path / "base")
    shutil.copytree(tiny_models.adapter, tmp_path / "adapter")
    monkeypatch.setattr(reading_module, "_SETTLED_NS", 0)
    read: list[str] = []
    real = reading_module.read_file

    def counted(path: Path, **options: Any) -> Any:
        read.append(str(path))
        return real(path, **options)

    monkeypatch.setattr(reading_module, "read_file", counted)

    async def both() -> None:
        base = open_target(ModelReference(model=f"hf:{tmp_path / 'base'}"), folder=Path())
        tuned = open_target(
            ModelReference(model=f"hf:{tmp_path / 'base'}+{tmp_path / 'adapter'}"), folder=Path()
        )
        await base.identify()
        await tuned.identify()
        await base.close()
        await tuned.close()

    asyncio.run(both())
    assert sorted(read) == sorted(
        str(path) for part in ("base", "adapter") for path in (tmp_path / part).iterdir()
    )


def test_the_same_weights_in_one_file_and_in_many_have_one_identity(tiny_models: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    shutil.copytree(tiny_models.base, tmp_path / "sharded")
    (tmp_path / "sharded" / "model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(tiny_models.base)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="60KB")
    shards = list((tmp_path / "sharded").glob("model-*.safetensors"))
    assert len(shards) >= 3
    one = fingerprint_folder(tiny_models.base, tensors=True)
    many = fingerprint_folder(tmp_path / "sharded", tensors=True)
    assert one.tensors.identity == many.tensors.identity
    assert one.digest != many.digest
    assert by_kind(identity(f"hf:{tmp_path / 'sharded'}"))["model"].digest == many.digest
