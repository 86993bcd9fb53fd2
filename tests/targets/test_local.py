"""Local weights: real tiny transformers models, real PEFT adapters, every batch against one by one."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from modelassay.config import ModelReference
from modelassay.errors import ExitCode, ModelassayError, TargetError, UsageError
from modelassay.records import Decoding, Failure, Message, Reply, Request, TargetIdentity, Tool, ToolCall
from modelassay.targets import open_target
from modelassay.targets.local import LocalTarget

GREEDY = Decoding(max_tokens=16)
SAMPLED = Decoding(temperature="1.0", top_p="0.95", max_tokens=16)


def refer(address: str, **settings: Any) -> ModelReference:
    return ModelReference(model=f"hf:{address}", **settings)


def ask(text: str, *, seed: int = 1, decoding: Decoding = GREEDY, **fields: Any) -> Request:
    return Request(messages=(Message(role="user", content=text),), seed=seed, decoding=decoding, **fields)


def questions(decoding: Decoding, count: int = 24) -> list[Request]:
    return [
        ask("how do I open a jar " * (1 + n % 5) + str(n), seed=n, decoding=decoding) for n in range(count)
    ]


def with_target(model: ModelReference, use: Callable[[Any], Any], folder: Path = Path()) -> Any:
    async def run() -> Any:
        target = open_target(model, folder=folder)
        try:
            return await use(target)
        finally:
            await target.close()

    return asyncio.run(run())


def answers(model: ModelReference, requests: Sequence[Request]) -> list[Reply | Failure]:
    return list(with_target(model, lambda target: target.generate(requests)))


def one_by_one(model: ModelReference, requests: Sequence[Request]) -> list[Reply | Failure]:
    async def use(target: LocalTarget) -> list[Reply | Failure]:
        return [(await target.generate([request]))[0] for request in requests]

    return list(with_target(model, use))


def identity(model: ModelReference, folder: Path = Path()) -> TargetIdentity:
    found = with_target(model, lambda target: target.identify(), folder)
    assert isinstance(found, TargetIdentity)
    return found


def texts(replies: Sequence[Reply | Failure]) -> list[str]:
    assert all(isinstance(reply, Reply) for reply in replies), replies
    return [reply.message.content for reply in replies if isinstance(reply, Reply)]


# -- batching -------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoding", [GREEDY, SAMPLED], ids=["greedy", "sampled"])
@pytest.mark.parametrize("model", ["base", "gpt"])
def test_answers_do_not_depend_on_the_batch(tiny_models: Any, model: str, decoding: Decoding) -> None:
    requests = questions(decoding)
    address = str(getattr(tiny_models, model))
    batched = answers(refer(address, batch_size=64), requests)
    small = answers(refer(address, batch_size=5), requests)
    backwards = answers(refer(address, batch_size=7), requests[::-1])[::-1]
    alone = one_by_one(refer(address), requests)
    assert batched == small == backwards == alone
    assert len(set(texts(batched))) > 12  # the questions do make a difference


def test_greedy_is_what_transformers_does_alone(tiny_models: Any) -> None:
    """The oracle: no padding, no mask, no processors, one plain forward pass for every token."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(tiny_models.base).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_models.base)
    ends = {tokenizer.convert_tokens_to_ids("<end>"), tokenizer.eos_token_id}
    for reply, request in zip(
        answers(refer(str(tiny_models.base)), questions(GREEDY, 8)), questions(GREEDY, 8), strict=True
    ):
        text = f"<bos><user>{request.messages[0].content}<end><assistant>"
        tokens = tokenizer(text, add_special_tokens=False)["input_ids"]
        made: list[int] = []
        while len(made) < 16 and not (made and made[-1] in ends):
            with torch.inference_mode():
                logits = model(torch.tensor([tokens + made]), use_cache=False).logits[0, -1]
            made.append(int(logits.argmax()))
        assert isinstance(reply, Reply)
        assert reply.output_tokens == len(made)
        assert reply.finish == ("stop" if made[-1] in ends else "length")
        assert reply.message.content == tokenizer.decode(made, skip_special_tokens=True)


def test_a_seed_decides_a_sample_and_greedy_ignores_it(tiny_models: Any) -> None:
    address = str(tiny_models.base)
    sampled = texts(answers(refer(address), [ask("jar", seed=n, decoding=SAMPLED) for n in range(12)]))
    greedy = texts(answers(refer(address), [ask("jar", seed=n) for n in range(12)]))
    assert len(set(sampled)) > 6
    assert len(set(greedy)) == 1


def test_different_decodings_in_one_call_do_not_mix(tiny_models: Any) -> None:
    requests = [
        ask("jar", decoding=GREEDY),
        ask("jar", decoding=Decoding(max_tokens=3)),
        ask("jar", decoding=SAMPLED),
    ]
    together = answers(refer(str(tiny_models.base)), requests)
    assert together == one_by_one(refer(str(tiny_models.base)), requests)
    second = together[1]
    assert isinstance(second, Reply)
    assert second.output_tokens <= 3


def test_stop_strings_end_an_answer_and_are_not_part_of_it(tiny_models: Any) -> None:
    requests = questions(Decoding(max_tokens=40), 12)
    plain = texts(answers(refer(str(tiny_models.base)), requests))
    stop = next(text[6:8] for text in plain if len(text) > 12 and text[6:8].isascii())
    stopped = answers(
        refer(str(tiny_models.base)), questions(Decoding(max_tokens=40, stop=(stop, "never seen")), 12)
    )
    assert any(stop in text for text in plain)
    for before, reply in zip(plain, stopped, strict=True):
        assert isinstance(reply, Reply)
        assert reply.message.content == before.partition(stop)[0]
        assert stop not in before or reply.finish == "stop"


# -- limits ---------------------------------------------------------------------------------------


def test_a_prompt_beyond_the_window_is_rejected_alone(tiny_models: Any) -> None:
    short, long, huge, after = answers(
        refer(str(tiny_models.gpt)), [ask("jar"), ask("jar " * 200), ask("x" * 10_000_000), ask("jam")]
    )
    assert isinstance(short, Reply)
    assert isinstance(after, Reply)
    for failure in (long, huge):
        assert isinstance(failure, Failure)
        assert failure.kind == "rejected"
        assert "context window of 128 tokens" in failure.message


def test_an_answer_ends_where_the_window_does(tiny_models: Any) -> None:
    """GPT-2 has learned positions: one token too many would be an index error."""
    requests = [ask("x" * n, decoding=Decoding(max_tokens=100)) for n in (60, 61, 100, 120)]
    batched = answers(refer(str(tiny_models.gpt)), requests)
    for reply in batched:
        assert isinstance(reply, Reply)
        assert reply.input_tokens + reply.output_tokens <= 128
    assert one_by_one(refer(str(tiny_models.gpt)), requests) == batched


def test_half_a_surrogate_pair_is_a_rejected_sample(tiny_models: Any) -> None:
    (failure,) = answers(refer(str(tiny_models.base)), [ask("broken \ud800")])
    assert isinstance(failure, Failure)
    assert failure.kind == "rejected"


def test_out_of_memory_halves_the_batch(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A device that holds four rows: the same answers come, in smaller batches."""
    from modelassay.targets import local

    whole = local.generate_batch
    sizes: list[int] = []

    def small_device(model: Any, rows: Sequence[Any], **settings: Any) -> Any:
        sizes.append(len(rows))
        if len(rows) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(model, rows, **settings)

    requests = questions(GREEDY)
    expected = answers(refer(str(tiny_models.base)), requests)
    monkeypatch.setattr(local, "generate_batch", small_device)
    assert answers(refer(str(tiny_models.base)), requests) == expected
    assert sizes[0] == 24
    assert sum(size > 4 for size in sizes) <= 4  # the smaller size is remembered


def test_a_prompt_too_large_for_memory_fails_alone(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from modelassay.targets import local

    whole = local.generate_batch

    def small_device(model: Any, rows: Sequence[Any], **settings: Any) -> Any:
        if max(len(row.tokens) for row in rows) > 60:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return whole(model, rows, **settings)

    monkeypatch.setattr(local, "generate_batch", small_device)
    first, second = answers(refer(str(tiny_models.base)), [ask("x" * 100), ask("jar")])
    assert isinstance(first, Failure)
    assert "out of memory" in first.message
    assert isinstance(second, Reply)


def test_the_loop_stays_alive_and_cancelling_stops_generation(tiny_models: Any) -> None:
    endless = [ask("jar", seed=n, decoding=Decoding(max_tokens=240, temperature="1")) for n in range(64)]

    async def use(target: LocalTarget) -> tuple[int, bool]:
        await target.identify()
        ticks = 0
        task = asyncio.create_task(target.generate(endless))
        while ticks < 5 and not task.done():
            await asyncio.sleep(0.01)
            ticks += 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        (reply,) = await target.generate([ask("jam")])
        return ticks, isinstance(reply, Reply)

    before = set(threading.enumerate())
    ticks, answered = with_target(refer(str(tiny_models.base), batch_size=8), use)
    assert ticks == 5
    assert answered
    assert [thread for thread in threading.enumerate() if thread not in before and not thread.daemon] == []


# -- adapters -------------------------------------------------------------------------------------


def test_base_and_adapters_share_one_copy_and_the_base_stays_bit_equal(tiny_models: Any) -> None:
    from modelassay.targets import loading

    requests = questions(GREEDY)
    base, first = refer(str(tiny_models.base)), refer(f"{tiny_models.base}+{tiny_models.adapter}")
    second = refer(f"{tiny_models.base}+{tiny_models.other}")
    alone = {model.model: texts(answers(model, requests)) for model in (base, first, second)}

    before = set(loading._copies)  # other tests' servers may hold models of their own

    async def run() -> None:
        targets = [open_target(model, folder=Path()) for model in (base, first, second)]
        try:
            await targets[0].identify()
            (copy,) = (loading._copies[key] for key in loading._copies.keys() - before)
            plain = copy.probe()
            for target in targets:
                await target.identify()
            assert len(loading._copies.keys() - before) == 1
            together = await asyncio.gather(*(target.generate(requests) for target in targets * 2))
            for target_texts, model in zip(together, (base, first, second) * 2, strict=True):
                assert texts(target_texts) == alone[model.model]
            copy.activate(())
            assert torch.equal(copy.probe(), plain)
        finally:
            for target in targets:
                await target.close()
        assert loading._copies.keys() <= before

    asyncio.run(run())
    assert len({tuple(found) for found in alone.values()}) == 3


def test_several_adapters_are_active_together(tiny_models: Any) -> None:
    """The oracle: both low-rank updates added to the weights by hand."""
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    both = refer(f"{tiny_models.base}+{tiny_models.adapter}+{tiny_models.other}@0.5")
    merged = AutoModelForCausalLM.from_pretrained(tiny_models.base)
    for folder, factor in ((tiny_models.adapter, 1.0), (tiny_models.other, 0.5)):
        wrapped = PeftModel.from_pretrained(merged, folder)
        for module in wrapped.modules():
            if isinstance(getattr(module, "scaling", None), dict):
                module.scaling["default"] *= factor
        merged = wrapped.merge_and_unload()
    folder = tiny_models.folder / "merged"
    shutil.copytree(tiny_models.base, folder, dirs_exist_ok=True)
    merged.save_pretrained(folder)
    requests = questions(GREEDY)
    expected = texts(answers(refer(str(folder)), requests))
    assert texts(answers(both, requests)) == expected
    one = texts(answers(refer(f"{tiny_models.base}+{tiny_models.adapter}"), requests))
    assert one != expected


def test_an_adapter_that_changes_nothing_is_an_error(tiny_models: Any) -> None:
    with pytest.raises(TargetError, match=r"zero changes nothing"):
        identity(refer(f"{tiny_models.base}+{tiny_models.zero}"))


def test_an_adapter_of_another_base_is_an_error(tiny_models: Any) -> None:
    with pytest.raises(TargetError, match="does not fit this base model"):
        identity(refer(f"{tiny_models.base}+{tiny_models.unfit}"))
    assert isinstance(answers(refer(str(tiny_models.base)), [ask("jar")])[0], Reply)


def test_an_adapter_whose_tensors_are_ignored_is_an_error(tiny_models: Any, tmp_path: Path) -> None:
    """The trap: names that match nothing are skipped with a warning, and the base answers."""
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "renamed"
    shutil.copytree(tiny_models.adapter, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    renamed = {name.replace("layers.1.", "blocks.1."): tensor for name, tensor in tensors.items()}
    save_file(renamed, folder / "adapter_model.safetensors")
    with pytest.raises(TargetError, match="of its tensors would be ignored"):
        identity(refer(f"{tiny_models.base}+{folder}"))


def test_an_adapter_that_rewrites_the_base_gets_weights_of_its_own(tiny_models: Any, tmp_path: Path) -> None:
    """LoRA with trained biases overwrites the base's; on a shared copy the base would change too."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(5)
    gpt = AutoModelForCausalLM.from_pretrained(tiny_models.gpt)
    lora = get_peft_model(
        gpt,
        LoraConfig(r=2, target_modules=["c_attn"], fan_in_fan_out=True, bias="all", task_type="CAUSAL_LM"),
    )
    for name, parameter in lora.named_parameters():
        if name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.3)
    lora.save_pretrained(tmp_path / "biased")
    requests = questions(GREEDY, 8)
    base, tuned = refer(str(tiny_models.gpt)), refer(f"{tiny_models.gpt}+{tmp_path / 'biased'}")
    before = texts(answers(base, requests))

    async def run() -> list[list[str]]:
        targets = [open_target(model, folder=Path()) for model in (base, tuned)]
        try:
            for target in targets:
                await target.identify()
            return [texts(await target.generate(requests)) for target in targets]
        finally:
            for target in targets:
                await target.close()

    untouched, changed = asyncio.run(run())
    assert untouched == before
    assert changed != before


def test_prompt_adapters_are_refused_plainly(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "prompt"
    shutil.copytree(tiny_models.adapter, folder)
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "PROMPT_TUNING"}), encoding="utf-8")
    with pytest.raises(TargetError, match="PROMPT_TUNING, which changes the prompt"):
        identity(refer(f"{tiny_models.base}+{folder}"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lora_alpha": "16"}, 'lora_alpha is "16", not a number'),
        ({"lora_alpha": math.nan}, "lora_alpha is NaN, not a number"),
        ({"r": 8.0}, r"r is 8\.0, not a whole number"),
        ({"r": True}, "r is true, not a whole number"),
        ({"rank_pattern": {"q_proj": "2"}}, 'rank_pattern of "q_proj" is "2", not a whole number'),
        ({"alpha_pattern": [16]}, r"alpha_pattern is \[16\], not a table of numbers"),
        ({"peft_type": "XLORA"}, "kind XLORA, which loads further adapters"),
        ({"peft_type": "SHADOW", "shadow_model": "/another/model"}, "kind SHADOW, which loads another model"),
    ],
)
def test_configurations_of_adapters_that_cannot_be_read_are_told(
    tiny_models: Any, tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(tiny_models.adapter, folder)
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes), encoding="utf-8")
    with pytest.raises(TargetError, match=told) as raised:
        identity(refer(f"{tiny_models.base}+{folder}"))
    assert raised.value.mend


# -- files ----------------------------------------------------------------------------------------


def test_pickles_are_never_opened(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny_models.base, folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    with pytest.raises(TargetError, match=r"only as pytorch_model\.bin, a format that can run code"):
        identity(refer(str(folder)))
    adapter = tmp_path / "pickled_adapter"
    shutil.copytree(tiny_models.adapter, adapter)
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    with pytest.raises(TargetError, match=r"only as adapter_model\.bin"):
        identity(refer(f"{tiny_models.base}+{adapter}"))


def test_damaged_and_incomplete_models_are_refused(tiny_models: Any, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "incomplete"
    shutil.copytree(tiny_models.base, folder)
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    save_file({k: v for k, v in tensors.items() if k != "lm_head.weight"}, weights, metadata={"format": "pt"})
    with pytest.raises(TargetError, match=r"1 weights are missing.*lm_head\.weight"):
        identity(refer(str(folder)))
    stray = tensors | {"model.layers.0.self_attn.q_proj.lora_A.weight": torch.zeros(4, 32)}
    save_file(stray, weights, metadata={"format": "pt"})
    with pytest.raises(TargetError, match="an adapter that was never merged"):
        identity(refer(str(folder)))
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(TargetError, match="no sound safetensors file"):
        identity(refer(str(folder)))


def test_sharded_weights_are_loaded_and_a_missing_shard_is_named(tiny_models: Any, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    folder = tmp_path / "sharded"
    shutil.copytree(tiny_models.base, folder)
    (folder / "model.safetensors").unlink()
    AutoModelForCausalLM.from_pretrained(tiny_models.base).save_pretrained(folder, max_shard_size="40kB")
    shards = sorted(folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    requests = questions(GREEDY, 4)
    assert answers(refer(str(folder)), requests) == answers(refer(str(tiny_models.base)), requests)
    shards[0].unlink()
    with pytest.raises(TargetError, match=rf"1 of {len(shards)} weight files are missing"):
        identity(refer(str(folder)))


def test_an_adapter_in_place_of_a_model_is_named_as_one(tiny_models: Any) -> None:
    with pytest.raises(TargetError, match="is an adapter, not a whole model") as adapter:
        identity(refer(str(tiny_models.adapter)))
    with pytest.raises(TargetError, match="no adapter_config") as model:
        identity(refer(f"{tiny_models.base}+{tiny_models.gpt}"))
    assert adapter.value.exit_code == model.value.exit_code == ExitCode.USAGE


def test_a_name_that_is_no_folder_and_no_hub_id(tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UsageError, match="neither an existing folder nor a hub id"):
        identity(refer("./no/such/folder"))
    with pytest.raises(TargetError, match="not a local folder and cannot be fetched from the hub"):
        identity(refer("nobody/no-such-model@main"))


# -- templates and prompts ------------------------------------------------------------------------


def test_a_missing_template_names_the_mend(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "untemplated"
    shutil.copytree(tiny_models.base, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(TargetError, match='chat_template: "@FILE"'):
        identity(refer(str(folder)))
    (tmp_path / "own.jinja").write_text("{{ messages[-1].content }}", encoding="utf-8")
    given = refer("untemplated", chat_template="@own.jinja")
    assert identity(given, tmp_path).details["chat_template"] != ""


def test_a_template_that_drops_the_system_prompt_is_an_error(tiny_models: Any, tmp_path: Path) -> None:
    (tmp_path / "deaf.jinja").write_text("{{ messages[-1].content }}", encoding="utf-8")
    deaf = refer(str(tiny_models.base), chat_template="@deaf.jinja", system_prompt="Be kind.")
    with pytest.raises(TargetError, match="leaves the system prompt out"):
        identity(deaf, tmp_path)
    (tmp_path / "strict.jinja").write_text(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ messages[-1].content }}",
        encoding="utf-8",
    )
    strict = refer(str(tiny_models.base), chat_template="@strict.jinja", system_prompt="Be kind.")
    with pytest.raises(TargetError, match="refuses a system prompt: no system role"):
        identity(strict, tmp_path)


def test_a_conversation_that_the_template_refuses_fails_alone(tiny_models: Any, tmp_path: Path) -> None:
    (tmp_path / "strict.jinja").write_text(
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
        "{{ messages[-1].content }}",
        encoding="utf-8",
    )
    system = Request(
        messages=(Message(role="system", content="s"), Message(role="user", content="u")),
        decoding=GREEDY,
        seed=1,
    )

    async def use(target: LocalTarget) -> Any:
        return await target.generate([ask("jar"), system])

    reply, failure = with_target(refer(str(tiny_models.base), chat_template="@strict.jinja"), use, tmp_path)
    assert isinstance(reply, Reply)
    assert failure == Failure(
        kind="rejected", message="the chat template cannot hold this conversation: no system role"
    )


def test_system_prompt_and_tools_reach_the_model(tiny_models: Any) -> None:
    address = str(tiny_models.base)
    plain = answers(refer(address), [ask("jar")])[0]
    prompted = answers(refer(address, system_prompt="Be kind."), [ask("jar")])[0]
    call = ToolCall(id="c", name="look", arguments='{"where": "shelf"}')
    conversation = Request(
        messages=(
            Message(role="user", content="jar"),
            Message(role="assistant", content="", tool_calls=(call,)),
            Message(role="tool", content="plum jam", tool_call_id="c"),
        ),
        tools=(Tool(name="look", description="looks"),),
        decoding=GREEDY,
        seed=1,
    )
    tooled = answers(refer(address), [conversation])[0]
    assert isinstance(plain, Reply)
    assert isinstance(prompted, Reply)
    assert isinstance(tooled, Reply)
    tokens = {reply.input_tokens for reply in (plain, prompted, tooled)}
    assert len(tokens) == 3


# -- identity -------------------------------------------------------------------------------------


def test_every_part_that_decides_answers_changes_the_fingerprint(tiny_models: Any, tmp_path: Path) -> None:
    base, first, second = str(tiny_models.base), str(tiny_models.adapter), str(tiny_models.other)
    (tmp_path / "t.jinja").write_text("<bos>{{ messages[-1].content }}", encoding="utf-8")
    found = [
        identity(refer(base)),
        identity(refer(f"{base}+{first}")),
        identity(refer(f"{base}+{first}@0.5")),
        identity(refer(f"{base}+{first}+{second}")),
        identity(refer(f"{base}+{second}+{first}")),
        identity(refer(base, system_prompt="Be kind.")),
        identity(refer(base, chat_template="@t.jinja"), tmp_path),
        identity(refer(base, options={"dtype": "bfloat16"})),
    ]
    assert len({item.fingerprint for item in found}) == len(found)
    assert {item.strength for item in found} == {"weights"}
    assert identity(refer(base)) == found[0]


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "config.json", "tokenizer.json", "chat_template.jinja", "generation_config.json"],
)
def test_one_changed_byte_changes_the_fingerprint(tiny_models: Any, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_models.base, folder)
    before = identity(refer(str(folder)))
    assert before.fingerprint == identity(refer(str(tiny_models.base))).fingerprint  # not the place counts
    data = bytearray((folder / name).read_bytes())
    if name == "model.safetensors":
        data[-2] ^= 1
    else:
        data += b" "
    (folder / name).write_bytes(bytes(data))
    assert identity(refer(str(folder))).fingerprint != before.fingerprint


def test_a_tokenizer_that_was_loaded_and_saved_has_the_same_settings(
    tiny_models: Any, tmp_path: Path
) -> None:
    """transformers adds keys of its own as it saves; `gate.investigation` blames no tokenizer for them."""
    from transformers import AutoTokenizer

    folder = tmp_path / "copy"
    shutil.copytree(tiny_models.base, folder)
    AutoTokenizer.from_pretrained(folder, local_files_only=True).save_pretrained(folder)
    file = folder / "tokenizer_config.json"

    def settings() -> tuple[str, str]:
        (found,) = (each for each in identity(refer(str(folder))).artifacts if each.kind == "tokenizer")
        return found.files[file.name], found.details["settings"]

    saved = settings()
    told = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**told, "is_local": False, "name_or_path": "elsewhere"}), encoding="utf-8")
    again = settings()
    assert (again[0] == saved[0], again[1] == saved[1]) == (False, True)
    file.write_text(
        json.dumps({**told, "add_prefix_space": True, "model_max_length": 1e30}), encoding="utf-8"
    )
    assert settings()[1] != saved[1]


def test_files_that_decide_nothing_do_not_count(tiny_models: Any, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny_models.base, folder)
    (folder / "README.md").write_text("about", encoding="utf-8")
    (folder / "training_args.bin").write_bytes(b"pickle")
    assert identity(refer(str(folder))).fingerprint == identity(refer(str(tiny_models.base))).fingerprint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dtyp": "float32"}, "did you mean 'dtype'"),
        ({"dtype": "float8"}, "unknown dtype 'float8'"),
        ({"device": "abacus"}, "no device 'abacus' here"),
        ({"threads": "many"}, "not a whole number"),
        ({"share": "maybe"}, "yes or no"),
    ],
)
def test_options_are_checked(tiny_models: Any, options: dict[str, str], words: str) -> None:
    with pytest.raises(ModelassayError, match=words) as caught:
        identity(refer(str(tiny_models.base), options=options))
    assert isinstance(caught.value, UsageError)
