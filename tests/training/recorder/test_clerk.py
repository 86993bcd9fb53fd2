"""What is logged is on the disk itself before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from modelassay.canonical import Digest
from modelassay.records import RunEvent, StepRecord
from modelassay.training.recorder import clerk as clerks
from modelassay.training.recorder.clerk import Clerk
from modelassay.training.recorder.troubles import Troubles


class Telling:
    """A log that only says when it was given something."""

    secret, elsewhere = b"", ""

    def __init__(self, order: list[str]) -> None:
        self._order = order

    def append(self, manifest: Digest, events: Sequence[RunEvent], records: Sequence[StepRecord]) -> None:
        self._order.extend(event.kind for event in events)

    def close(self, folder: Path) -> None: ...


def test_an_event_is_logged_after_its_file_is_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    monkeypatch.setattr(clerks, "sync_path", lambda path: order.append(path.name))
    (tmp_path / "run.json").write_text("{}")
    file = tmp_path / "events-00000.jsonl"
    file.write_text("")
    clerk = Clerk(Telling(order), tmp_path / "run.json", Troubles("r"))
    clerk.event(RunEvent(time="2026-01-01T00:00:00Z", kind="alarm", step=1, alarm="a1"), file)
    clerk.close()
    assert order == ["events-00000.jsonl", "alarm"]
