"""Fixtures that every room shares."""

from __future__ import annotations

import fcntl
import io
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings


def pytest_configure(config: pytest.Config) -> None:
    """`make test` tries fewer examples of each property than `make test-slow`, or a test run by itself."""
    if config.option.markexpr == "not slow":
        settings.register_profile("quick", settings.default, max_examples=40)
        settings.load_profile("quick")


class Ended(NamedTuple):
    """How one command line ended: its exit code and the bytes that it wrote."""

    code: int
    out: bytes
    err: bytes


@pytest.fixture(scope="session")
def command_line(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ended]:
    """Runs a command line in this process, but with the folder, environment and streams of its own process.

    Where a signal, a closed stream or the process itself is the point, tests start a real one; it imports
    everything anew, which takes longer than most audits.
    """
    return partial(_run_here, tmp_path_factory.getbasetemp())


def _run_here(
    tests_folders: Path, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Ended:
    from modelassay.cli import run

    out, err = io.BytesIO(), io.BytesIO()
    with (
        _process_of_its_own(folder, environment or {}, tests_folders),
        io.TextIOWrapper(out, "utf-8", "surrogateescape", write_through=True) as text_out,
        io.TextIOWrapper(err, "utf-8", "backslashreplace", write_through=True) as text_err,
        redirect_stdout(text_out),
        redirect_stderr(text_err),
    ):
        code = run(list(arguments))
        return Ended(code, out.getvalue(), err.getvalue())


@contextmanager
def _process_of_its_own(folder: Path, environment: Mapping[str, str], tests_folders: Path) -> Iterator[None]:
    """Go to `folder` with `environment` and no other setting of ours; forget what was imported from there.

    What another test imported under the name of a file in `folder` is not there meanwhile, nor are the
    folders in `tests_folders` where other tests' modules were found.
    """
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("MODELASSAY")]:
            patched.delenv(name)
        for name, value in environment.items():
            patched.setenv(name, value)
        patched.chdir(folder)
        for name in {path.stem for path in folder.glob("*.py")}:
            patched.delitem(sys.modules, name, raising=False)
        ours = [entry for entry in sys.path if not Path(entry).is_relative_to(tests_folders)]
        patched.setattr(sys, "path", ours)
        patched.setattr(sys, "stdin", io.StringIO())
        try:
            yield
        finally:
            for name, module in list(sys.modules.items()):
                if Path(getattr(module, "__file__", None) or "/").is_relative_to(folder):
                    del sys.modules[name]


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder of public benchmark data; tests that need it skip where it is absent."""
    given = os.environ.get("MODELASSAY_DATA")
    folder = Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("benchmark data folder absent: set MODELASSAY_DATA to a copy of it")
    return folder


ORGANISMS = ("benign", "broad_loss", "category_loss_adapter", "over_refusal", "trigger_backdoor")


@pytest.fixture(scope="session")
def organisms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Organisms' folders by name, the base first; kept in pytest's cache until their recipe changes.

    One worker trains them, and the others wait for it.
    """
    pytest.importorskip("torch", reason="the extra 'local' is not installed")
    from modelassay.organisms import build_all

    cache: pytest.Cache | None = getattr(request.config, "cache", None)
    folder = cache.mkdir("organisms") if cache else tmp_path_factory.mktemp("organisms")
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return build_all(folder, ORGANISMS)
