"""Logs to read and to break."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import Ed25519Verifier, vkey_of
from modelassay.log.writer import LogWriter

ORIGIN = "acme.example/log"


def entry(index: int) -> bytes:
    """Entries differ in content and length; some are empty."""
    return b"" if index % 50 == 7 else f"entry {index}".encode() + b"." * (index * 7 % 40)


@pytest.fixture(scope="session")
def entry_at() -> Callable[[int], bytes]:
    """What entry number so-and-so of every log here says."""
    return entry


@pytest.fixture(scope="session")
def log_key() -> PemSigner:
    return new_key("ed25519", name=ORIGIN)


@pytest.fixture(scope="session")
def verifiers(log_key: PemSigner) -> list[Ed25519Verifier]:
    return [Ed25519Verifier(vkey_of(log_key.public))]


@pytest.fixture
def log_of(tmp_path: Path, log_key: PemSigner) -> Callable[..., Path]:
    """Write a log of so many entries, with a signed tree head after each of the sizes."""

    def make(*sizes: int, folder: Path = tmp_path / "log", signer: PemSigner | None = log_key) -> Path:
        with LogWriter(folder) as log:
            for size in sizes:
                log.append(map(entry, range(log.size, size)))
                log.publish(signer)
        return folder

    return make
