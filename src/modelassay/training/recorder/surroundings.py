"""What a run depends on beside its data: code, versions of libraries, the state of random numbers."""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import os
import platform
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from types import CodeType
from typing import Any

LIBRARIES = (
    "torch", "transformers", "trl", "accelerate", "peft", "datasets", "tokenizers", "safetensors", "vllm",
    "deepspeed", "numpy", "modelassay",
)  # fmt: skip
_SECRET = re.compile(r"(?i)(token|secret|password|passwd|api_?key|credential)s?$")
_NO_SECRET = re.compile(
    r"(?i)(.*[._])?((eos|bos|pad|unk|sep|cls|mask|image|video|audio|stop)_tokens?|(max|min|num)(_\w+)?_tokens)"
)
"""Names that end like a secret's, of tokens that texts are made of."""
HIDDEN = "(not recorded)"
_PATIENCE_S = 5


@cache
def library_versions() -> dict[str, str]:
    """Version of Python and of every library of `LIBRARIES` that is installed."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_commit(folder: Path) -> dict[str, str]:
    """The commit that `folder` has checked out, and whether files differ from it; empty outside of git."""
    try:
        head = _git(folder, "rev-parse", "HEAD")
        changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.SubprocessError):
        return {}
    return {
        "git commit": head,
        "git changes": hashlib.sha256(changed.encode()).hexdigest() if changed else "",
    }


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=True,
    )
    return done.stdout.strip()


def code_digests(named: Mapping[str, Any]) -> dict[str, str]:
    """Digests of code by name: of the file that it stands in, and of the code as it is loaded.

    The two tell apart a file that was edited under a running program, and a function that was replaced in
    memory.
    """
    found: dict[str, str] = {}
    for name, each in named.items():
        loaded = loaded_digest(each)
        if loaded:
            found[name] = loaded
        path = source_file(each)
        if path and (digest := file_digest(path)):
            found[f"{name} in {os.path.basename(path)}"] = digest
    return found


def source_file(thing: Any) -> str:
    """The file that a function, class, instance or module was defined in; empty when there is none."""
    target = inspect.unwrap(thing) if callable(thing) else thing
    code = getattr(target, "__code__", None)
    return code.co_filename if code is not None else _module_file(target)


def _module_file(thing: Any) -> str:
    if inspect.ismodule(thing):
        return getattr(thing, "__file__", None) or ""  # a notebook's main module has none
    kind = thing if inspect.isclass(thing) else type(thing)
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""


_files: dict[str, tuple[tuple[int, int], str]] = {}


def file_digest(path: str) -> str:
    """``sha256:…`` of a file, read again only when its size or time has changed; empty where none is."""
    try:
        about = os.stat(path)
    except (OSError, ValueError):
        return ""
    if not stat.S_ISREG(about.st_mode):
        return ""
    stamp = (about.st_size, about.st_mtime_ns)
    known = _files.get(path)
    if known is None or known[0] != stamp:
        known = _files[path] = (stamp, "sha256:" + hashlib.sha256(Path(path).read_bytes()).hexdigest())
    return known[1]


def loaded_digest(thing: Any) -> str:
    """``sha256:…`` of the compiled code of a function, or of a class's methods; empty for anything else."""
    target = inspect.unwrap(thing) if callable(thing) else thing
    if (code := getattr(target, "__code__", None)) is not None:
        codes = [code]
    elif inspect.isclass(target) or callable(target):
        body = target if inspect.isclass(target) else type(target)
        codes = [c for f in vars(body).values() if (c := getattr(f, "__code__", None)) is not None]
    else:
        return ""
    return _codes_digest(tuple(codes)) if codes else ""


@lru_cache(maxsize=256)
def _codes_digest(codes: tuple[CodeType, ...]) -> str:
    digest = hashlib.sha256()
    for each in codes:
        _take(digest, each)
    return "sha256:" + digest.hexdigest()


def _take(digest: Any, code: CodeType) -> None:
    digest.update(code.co_code + repr((code.co_names, code.co_varnames, code.co_freevars)).encode())
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            _take(digest, constant)
        elif isinstance(constant, frozenset):
            digest.update(repr(sorted(map(repr, constant))).encode())
        else:
            digest.update(repr(constant).encode())


def without_secrets(settings: Mapping[str, str]) -> dict[str, str]:
    """`settings` with the values of tokens, keys and passwords left out."""
    return {name: HIDDEN if value and _is_secret(name) else value for name, value in settings.items()}


def _is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None and not _NO_SECRET.fullmatch(name)


def random_states() -> dict[str, str]:
    """Digest of the state of every random number generator that is loaded."""
    import random

    found = {"python": hashlib.sha256(repr(random.getstate()).encode()).hexdigest()}
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    if numpy is not None:
        found["numpy"] = hashlib.sha256(
            repr(numpy.random.get_state(legacy=True)[1].tolist()).encode()
        ).hexdigest()
    if torch is not None:
        found["torch"] = hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest()
        if torch.cuda.is_available() and torch.cuda.is_initialized():
            states = b"".join(state.numpy().tobytes() for state in torch.cuda.get_rng_state_all())
            found["cuda"] = hashlib.sha256(states).hexdigest()
    return found
