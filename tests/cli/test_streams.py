"""What becomes of stdout when its reader leaves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from modelassay.cli.streams import let_reader_leave


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("list",), 0), (("list", "--json"), 0), (("schema", "plan"), 0), (("show", "nothing", "--json"), 2)],
)
def test_a_reader_that_left_changes_no_exit_code(
    tmp_path: Path, arguments: tuple[str, ...], code: int
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "modelassay", *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (code, b"")


def test_what_a_reader_takes_arrives_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as taken, os.fdopen(writing, "w", encoding="utf-8") as given:
        monkeypatch.setattr(sys, "stdout", given)
        let_reader_leave()
        assert (sys.stdout.encoding, sys.stdout.fileno(), sys.stdout.isatty()) == ("utf-8", writing, False)
        print("0 → 1")
        sys.stdout.flush()
        sys.stdout.buffer.write(b"two\n")
        sys.stdout.buffer.flush()
        assert taken.read1() == "0 → 1\ntwo\n".encode()
