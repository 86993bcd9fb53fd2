"""Measure evaluators on the sets of the data folder that tell their error."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from modelassay.judges.calibration import Calibration
from modelassay.judges.fits import Fit
from modelassay.judges.held_out import held_out_readings
from modelassay.judges.labelled import LabelledAnswers
from modelassay.judges.measure import Progress, Task, calibration_of, read_all
from modelassay.protocols import Evaluator, Preparable


async def calibrate_on(
    evaluator: Evaluator,
    fits: Iterable[Fit],
    data: Path,
    *,
    settings: dict[str, str],
    day: str,
    progress: Progress | None = None,
) -> tuple[Calibration, ...]:
    """The calibrations of `evaluator` on the sets of `fits`.

    Args:
        evaluator: with any engine.
        fits: sets, and what their labels mean for it.
        data: the data folder.
        settings: the evaluator's, as an audit pins them.
        day: today, ``YYYY-MM-DD``.
        progress: told of each set's rows.

    Raises:
        DatasetError: a set is absent or not of its format.
        TargetError: a judge model cannot be asked.
    """
    if isinstance(evaluator, Preparable):
        await evaluator.prepare()
    found = []
    for fit in fits:
        answers = fit.answers(data)
        own = await read_all(evaluator, answers, fit.task, progress)

        async def read(other: Evaluator, rows: LabelledAnswers, task: Task = fit.task) -> str:
            return await read_all(other, rows, task)

        # Settings choose another engine or threshold, which the shipped classifier does not stand for.
        kept, seen = (
            ("", "") if settings else await held_out_readings(fit, data, own, evaluator, answers, read)
        )
        task = Task(
            measures=fit.measures, positive=fit.positive, path=fit.path, seen=seen or fit.seen, readings=kept
        )
        found.append(calibration_of(evaluator, answers, task, own, settings=settings, day=day))
    return tuple(found)
