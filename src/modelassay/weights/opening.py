"""From a model's files into memory, by torch and transformers, which are imported when first used."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from modelassay.artifacts.safetensors import TensorPlace, header_length, parse_header
from modelassay.errors import TargetError, UsageError
from modelassay.weights.error_text import first_line, one_line
from modelassay.weights.folders import ModelFiles

_DTYPES: Final = ("auto", "float32", "bfloat16", "float16")
_NO_LANGUAGE_MODEL: Final = (
    "ForMaskedLM",
    "ForSequenceClassification",
    "ForTokenClassification",
    "ForQuestionAnswering",
    "ForMultipleChoice",
    "ForNextSentencePrediction",
)
"""Ends of architectures that continue no text, and that transformers would open as if they did."""
_TOKENIZER_MEND: Final = (
    "copy tokenizer.json and tokenizer_config.json from where the model comes from, and check config.json"
)
_NUMBER: Final = re.compile(r"(?<=\.)\d+(?=\.)")
"""The number of a layer in a tensor's name."""


def prepare_torch(*, threads: int, device: str, dtype: str, where: str) -> str:
    """Import torch the way that suits generation; the device to use.

    Idle OpenMP threads spin by default, which on a busy machine makes two threads many times slower
    than one; they are told to sleep, unless the user said otherwise or torch is loaded already.

    Args:
        threads: threads for one operation; 0 leaves torch's own choice.
        device: ``auto`` takes CUDA where there is any.
        dtype: checked against the known ones.
        where: the reference, for errors.

    Raises:
        UsageError: torch is not installed, or there is no such device or dtype.
    """
    if "torch" not in sys.modules:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        import peft  # noqa: F401
        import torch
        import transformers
    except ImportError as error:
        raise UsageError(
            f"local models need further packages: {error}",
            where=where,
            mend="pip install 'modelassay[local]'",
        ) from error
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    if dtype not in _DTYPES:
        raise UsageError(f"unknown dtype {dtype!r}", where=where, mend="known: " + ", ".join(_DTYPES))
    if threads:
        torch.set_num_threads(threads)
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"no device {device!r} here: {first_line(error)}", where=where) from error
    return device


def load_model(
    files: ModelFiles, *, kind: str, dtype: str, device: str, where: str, trust_remote_code: bool = False
) -> Any:
    """The model in evaluation mode on `device`.

    Args:
        files: what it is loaded from.
        kind: transformers' class for it, such as ``AutoModelForCausalLM``.
        dtype: ``auto`` for that of the checkpoint.
        device: such as ``cpu`` or ``cuda:0``.
        where: the reference, for errors.
        trust_remote_code: whether Python files in the model's folder may be run.

    Raises:
        TargetError: the files are damaged, cannot be loaded, or do not hold what the configuration says.
    """
    import transformers

    places = _stored(files, where=where)
    with _hashed_alone(files, code=trust_remote_code, where=where) as folder:
        try:
            config = transformers.AutoConfig.from_pretrained(
                folder, trust_remote_code=trust_remote_code, local_files_only=True
            )
            model, report = getattr(transformers, _opener(config, kind, where=where)).from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # refused below, by name
            )
            model = model.to(device).eval()
        except TargetError:
            raise
        except Exception as error:  # whatever a configuration of any architecture makes others' code raise
            raise TargetError(
                f"the model cannot be loaded: {one_line(str(error).replace(str(folder), str(files.folder)))}",
                where=where,
                mend="check config.json, and that the installed transformers "
                f"({transformers.__version__}) knows this architecture and quantisation",
            ) from error
    model.config.name_or_path = str(files.folder)
    if kind == "AutoModelForCausalLM":
        _check_continues_text(model, where=where)
    _check_complete(report, model, where=where)
    _check_numbers(places, model, where=where)
    return model


def _opener(config: Any, kind: str, *, where: str) -> str:
    """Transformers' class for a model: `kind`, or the one for models that read images too, where it knows a
    model that is to continue text only as such; text alone is put to it as to any other.

    Raises:
        TargetError: it knows no class that continues text for this configuration.
    """
    import transformers

    own_code = kind in (getattr(config, "auto_map", None) or {})
    known = type(config) in transformers.MODEL_FOR_CAUSAL_LM_MAPPING
    if kind != "AutoModelForCausalLM" or own_code or known:
        return kind
    if type(config) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING and not config.is_encoder_decoder:
        return "AutoModelForImageTextToText"
    raise TargetError(
        f"the model cannot be loaded: transformers opens {type(config).__name__} for other tasks than "
        "continuing text",
        where=where,
        mend="name a causal language model; of a model of several parts, save the one that writes text by "
        "itself and name that",
    )


def load_tokenizer(files: ModelFiles, *, where: str) -> Any:
    """The model's tokenizer.

    Raises:
        TargetError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    if not files.tokenizer:
        raise TargetError("the model's folder holds no tokenizer", where=where, mend=_TOKENIZER_MEND)
    try:
        return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:  # whatever a damaged file makes others' code raise
        held = ", ".join(sorted(files.tokenizer))
        raise TargetError(
            f"the tokenizer cannot be loaded from {held}: {one_line(str(error))}",
            where=where,
            mend=_TOKENIZER_MEND,
        ) from error


def context_window(model: Any) -> int:
    """Most tokens of prompt and answer together; 0 when the model knows no limit."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 0)


@contextmanager
def _hashed_alone(files: ModelFiles, *, code: bool, where: str) -> Iterator[Path]:
    """A folder that holds the hashed weights and configuration and nothing else, so that nothing else is
    loaded, whatever file names and keys transformers heeds; the model's own when it brings `code`."""
    if code:
        yield files.folder
        return
    try:
        place = TemporaryDirectory(prefix="modelassay-")
        for name in files.weights | files.config:
            Path(place.name, name).symlink_to((files.folder / name).absolute())
    except OSError as error:
        raise TargetError(
            f"no folder to load the model from can be made: {error.strerror or error}",
            where=where,
            mend="make room in the folder for temporary files, or name another by TMPDIR",
        ) from error
    with place as name:
        yield Path(name)


def _stored(files: ModelFiles, *, where: str) -> tuple[TensorPlace, ...]:
    """The tensors that the weight files hold, by their headers."""
    found: list[TensorPlace] = []
    for name in sorted(files.weights):
        if name.endswith(".safetensors"):
            path = files.folder / name
            try:
                size = path.stat().st_size
                with path.open("rb") as file:
                    length = header_length(file.read(8), file_size=size, where=str(path))
                    found += parse_header(file.read(length), file_size=size, where=str(path))
            except OSError as error:
                raise TargetError(f"cannot be read: {error.strerror}", where=str(path)) from error
            except UsageError as error:
                raise TargetError(error.what, where=error.where, mend=error.mend) from error
    return tuple(found)


def _check_continues_text(model: Any, *, where: str) -> None:
    """Refuse encoders and classifiers: transformers opens them with a head that never learned to write."""
    declared = [str(each) for each in model.config.architectures or ()]
    if declared and all(each.endswith(_NO_LANGUAGE_MODEL) for each in declared):
        raise TargetError(
            f"config.json says {declared[0]}: a model that writes no text, so it cannot be asked",
            where=where,
            mend="name a causal language model",
        )


def _check_numbers(places: Sequence[TensorPlace], model: Any, *, where: str) -> None:
    """Refuse integers that nobody says how to read: they would be taken for the weights themselves."""
    if getattr(model.config, "quantization_config", None) is not None:
        return
    held = model.state_dict()
    packed = [
        each.name
        for each in places
        if each.dtype.startswith(("I", "U")) and each.name in held and held[each.name].is_floating_point()
    ]
    if packed:
        raise TargetError(
            f"{len(packed)} weights are stored as integers, such as {packed[0]}, and config.json does not "
            "say how they were quantised; they would be taken as they are",
            where=where,
            mend="restore quantization_config in config.json, or name the model before quantisation",
        )


def _check_complete(report: dict[str, Any], model: Any, *, where: str) -> None:
    """Refuse what transformers only warns of: weights made up at random, adapters and layers left lying."""
    missing = sorted(str(key) for key in report.get("missing_keys", ()))
    mismatched = sorted(str(key[0]) for key in report.get("mismatched_keys", ()))
    if missing or mismatched:
        raise TargetError(
            f"{len(missing)} weights are missing and {len(mismatched)} have the wrong shape, "
            f"such as {[*missing, *mismatched][0]}; they would be random numbers",
            where=where,
            mend="check that config.json belongs to these weights",
        )
    ignored = sorted(str(key) for key in report.get("unexpected_keys", ()))
    adapter = next((key for key in ignored if "lora_" in key or ".base_layer." in key), None)
    if adapter:
        raise TargetError(
            f"the weights hold an adapter that was never merged ({adapter}) and would be ignored",
            where=where,
            mend="merge it before saving, or save it as an adapter and write hf:BASE+ADAPTER",
        )
    held = model.state_dict().keys()
    dropped = [key for key in ignored if any(lower in held for lower in _first_layers(key))]
    if dropped:
        raise TargetError(
            f"{len(dropped)} weights belong to layers that config.json does not have, such as {dropped[0]}; "
            "they would be left out",
            where=where,
            mend="check that config.json belongs to these weights",
        )


def _first_layers(key: str) -> list[str]:
    """The same tensor of the first layer, for each number in a tensor's name."""
    return [f"{key[: found.start()]}0{key[found.end() :]}" for found in _NUMBER.finditer(key)]
