"""From a model's files into memory, by torch and transformers, which are imported when first used."""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from modelassay.errors import TargetError, UsageError
from modelassay.weights.error_text import first_line
from modelassay.weights.folders import ModelFiles

_DTYPES: Final = ("auto", "float32", "bfloat16", "float16")


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
        TargetError: the files cannot be loaded, or do not hold all weights.
    """
    import transformers
    from safetensors import SafetensorError

    try:
        model, report = getattr(transformers, kind).from_pretrained(
            files.folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=trust_remote_code,
            local_files_only=True,
            output_loading_info=True,
        )
        model = model.to(device).eval()
    except (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        ImportError,
        AttributeError,
        SafetensorError,
    ) as error:
        raise TargetError(f"the model cannot be loaded: {first_line(error)}", where=where) from error
    _check_complete(report, where=where)
    return model


def load_tokenizer(files: ModelFiles, *, where: str) -> Any:
    """The model's tokenizer.

    Raises:
        TargetError: it cannot be loaded.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(files.folder, trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError, RuntimeError, KeyError, ImportError, TypeError, AttributeError) as error:
        raise TargetError(f"the tokenizer cannot be loaded: {first_line(error)}", where=where) from error


def context_window(model: Any) -> int:
    """Most tokens of prompt and answer together; 0 when the model knows no limit."""
    return int(getattr(model.config.get_text_config(), "max_position_embeddings", 0) or 0)


def _check_complete(report: dict[str, Any], *, where: str) -> None:
    """Refuse what transformers only warns of: weights made up at random, adapters left lying."""
    missing = sorted(str(key) for key in report.get("missing_keys", ()))
    mismatched = sorted(str(key) for key in report.get("mismatched_keys", ()))
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
