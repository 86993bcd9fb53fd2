"""Fixtures that every room shares."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest


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
