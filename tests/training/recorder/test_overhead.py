"""The stopwatch that what the recorder does in training's threads passes through."""

from __future__ import annotations

import pytest

from modelassay.training.recorder.items import Loss
from modelassay.training.recorder.overhead import _Stopwatch
from modelassay.training.recorder.troubles import Troubles


def test_what_is_timed_is_kept_and_lost_as_without_it(capsys: pytest.CaptureFixture[str]) -> None:
    troubles = Troubles("run")
    lost: list[Loss] = []
    troubles.lose = lost.append
    loss = Loss(rollouts=3, first_step=1, last_step=1, reason="")
    watch = _Stopwatch()
    timed = watch.around(troubles)
    with timed("attaching"):
        pass
    with timed("recording a rollout", lambda: loss), timed("reading"):
        raise ValueError("odd")
    assert watch.longest.keys() == {"attaching", "recording a rollout"}
    assert not lost
    with timed("recording a rollout", lambda: loss):
        raise ValueError("odd")
    assert [each.rollouts for each in lost] == [3]
    assert watch.depth == 0
    assert "odd" in capsys.readouterr().err
