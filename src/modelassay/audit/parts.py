"""Open what a plan names: samples, models, evaluators.

Everything that can be wrong with a plan's names and files is said here, before anything is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from modelassay import plugins
from modelassay.audit.attacked import attacked_questions
from modelassay.audit.fit import absent_tags, check_fit, check_published
from modelassay.config import EvaluatorReference, ModelReference, Plan
from modelassay.engine import MeteredJudge
from modelassay.errors import ConfigError, DatasetError
from modelassay.evaluators.attacked import scorable
from modelassay.protocols import Evaluator
from modelassay.records import DatasetPin, EvaluatorPin, Measure, Policy, Sample
from modelassay.redteam import ATTACK_TAG, FAMILY_TAG
from modelassay.suites import DATASET_TAG, Suite, merge, open_suite, overlaps
from modelassay.suites import Progress as DownloadProgress
from modelassay.targets import open_target

_JUDGES = {"model": "target", "judge": "judge"}
"""Settings that name one judge model, with the argument of the evaluator that takes it."""


@dataclass(frozen=True, kw_only=True)
class Places:
    """Folders that an audit reads and writes."""

    plan_folder: Path
    """Relative paths in the plan start here."""
    store: Path
    data_dir: Path | None = None
    """Local copies of public datasets."""
    cache_dir: Path
    """Where datasets are downloaded to."""
    offline: bool = False
    download_progress: DownloadProgress | None = None
    """Told of downloads."""


@dataclass(frozen=True, kw_only=True)
class Questions:
    """The samples of all datasets, and what they were read from."""

    samples: tuple[Sample, ...]
    pins: tuple[DatasetPin, ...]
    warnings: tuple[str, ...]
    attacked: tuple[Sample, ...] = ()
    """Those of `samples` that an attack made of others, as the plan's red team says."""


def open_questions(plan: Plan, places: Places) -> Questions:
    """Every dataset of the plan, merged, and what its red team makes of them; a sample that stands in two is
    asked once.

    Raises:
        DatasetError: unreadable, changed since it was pinned, or empty.
        UnknownNameError: no such dataset, or no such attack.
        UsageError: an attack that cannot be put.
    """
    suites: list[Suite] = [
        open_suite(
            reference,
            folder=places.plan_folder,
            data_dir=places.data_dir,
            cache_dir=places.cache_dir,
            seed=plan.seed,
            offline=places.offline,
            progress=places.download_progress,
        )
        for reference in plan.datasets
    ]
    samples = merge(suites)
    if not samples:
        raise DatasetError("the datasets hold no sample", mend="loosen `where` or `limit`")
    warnings = [f"{suite.name}: {w}" for suite in suites for w in suite.warnings]
    red_team = attacked_questions(plan, samples, places.plan_folder)
    asked = (*samples, *red_team.samples)
    return Questions(
        samples=asked,
        pins=tuple(suite.pin for suite in suites),
        warnings=(*warnings, *overlaps(suites), *absent_tags(plan.slices, asked), *red_team.warnings),
        attacked=red_team.samples,
    )


def slices_of(plan: Plan) -> tuple[str, ...]:
    """The tags that `plan` compares by, the dataset where there are several, and the attacks where there are
    some: none may hide."""
    further = [DATASET_TAG] if len(plan.datasets) > 1 else []
    further += [FAMILY_TAG, ATTACK_TAG] if plan.red_team else []
    return (*plan.slices, *(tag for tag in further if tag not in plan.slices))


def open_evaluators(
    references: Sequence[EvaluatorReference], folder: Path
) -> tuple[tuple[Evaluator, ...], tuple[MeteredJudge, ...]]:
    """The evaluators, and the judge models opened for them (to be closed by the caller).

    Raises:
        ConfigError: two evaluators score one measure, or settings are wrong.
        UnknownNameError: no such evaluator.
    """
    evaluators: list[Evaluator] = []
    judges: list[MeteredJudge] = []
    for reference in references:
        settings = dict(reference.settings)
        for setting, argument in _JUDGES.items():
            if setting in settings:
                named = _judge_reference(settings.pop(setting), f"{reference.use}: {setting}")
                judges.append(_opened(named, folder))
                settings[argument] = judges[-1]
        if isinstance(panel := settings.get("panel"), list | tuple):
            named_all = [_judge_reference(each, f"{reference.use}: panel") for each in panel]
            settings["panel"] = [_opened(named, folder) for named in named_all]
            judges += settings["panel"]
        if "classifier" in settings:
            where = f"evaluators: {reference.use}: classifier"
            from modelassay.evaluators.classifiers import open_classifier  # numpy with it

            settings["classifier"] = open_classifier(settings["classifier"], folder=folder, where=where)
        maker = plugins.load("evaluators", reference.use)
        for named_file in getattr(maker, "file_settings", ()):
            if isinstance(given := settings.get(named_file), list | tuple):
                settings[named_file] = [str(folder / str(each)) for each in given]
        try:
            evaluators.append(maker(**settings))
        except TypeError as error:
            raise ConfigError(
                f"evaluator {reference.use!r} does not take these settings: {error}", where="evaluators"
            ) from error
    counts = Counter(measure.name for e in evaluators for measure in e.measures)
    twice = sorted(name for name, count in counts.items() if count > 1)
    if twice:
        raise ConfigError(
            f"measure {twice[0]!r} is scored by two evaluators",
            where="evaluators",
            mend="give one of them another measure name in its settings",
        )
    return tuple(evaluators), tuple(judges)


def _opened(judge: ModelReference, folder: Path) -> MeteredJudge:
    return MeteredJudge(open_target(judge, folder=folder), judge.price)


def judge_models(references: Sequence[EvaluatorReference]) -> tuple[tuple[str, ModelReference], ...]:
    """Every model that an evaluator would ask, with the evaluator's name, none being opened.

    Raises:
        ConfigError: a judge that is not written like a model.
    """
    found: list[tuple[str, ModelReference]] = []
    for reference in references:
        named: list[tuple[str, Any]] = [
            (key, reference.settings[key]) for key in _JUDGES if key in reference.settings
        ]
        panel = reference.settings.get("panel")
        named += [("panel", each) for each in panel] if isinstance(panel, list | tuple) else []
        found += [(reference.use, _judge_reference(each, f"{reference.use}: {key}")) for key, each in named]
    return tuple(found)


async def check_names(plan: Plan, policy: Policy, asked: Questions, folder: Path) -> tuple[Measure, ...]:
    """Object to names that an audit of `plan` would object to, without loading or asking a model.

    Returns:
        Every measure that the plan's evaluators score on these questions.

    Raises:
        UnknownNameError: no plugin for a kind of model, no such evaluator, or a floor for no measure.
        ConfigError: settings of an evaluator are wrong, or the policy demands what is never compared.
    """
    for reference in (plan.baseline, plan.candidate):
        plugins.load("targets", reference.scheme)
    evaluators, judges = open_evaluators(plan.evaluators, folder)
    for judge in judges:
        await judge.close()
    measures = measures_of(evaluators, asked.samples)
    check_fit(policy, slices=slices_of(plan), samples=asked.samples, measures=measures)
    check_published(plan, measures)
    return measures


def measures_of(evaluators: Sequence[Evaluator], samples: Iterable[Sample]) -> tuple[Measure, ...]:
    """Every measure that the evaluators can score on `samples`, in their order."""
    measures = (measure for evaluator in evaluators for measure in evaluator.measures)
    return scorable(measures, attacked=is_attacked(samples))


def is_attacked(samples: Iterable[Sample]) -> bool:
    """Whether any of `samples` is an attack."""
    return any(sample.attacked is not None for sample in samples)


def pin_of(evaluator: Evaluator, reference: EvaluatorReference, *, attacked: bool = False) -> EvaluatorPin:
    """What a reader needs to know which evaluator it was, and what it scores.

    Args:
        evaluator: opened.
        reference: as the plan has it.
        attacked: whether any sample is an attack.
    """
    calibration = getattr(evaluator, "calibration", "")
    return EvaluatorPin(
        name=evaluator.name,
        version=evaluator.version,
        settings=reference.pinned,
        calibration=str(calibration),
        measures=scorable(evaluator.measures, attacked=attacked),
    )


def _judge_reference(value: Any, place: str) -> ModelReference:
    where = f"evaluators: {place}"
    if isinstance(value, str):
        return ModelReference(model=value)
    try:
        return msgspec.convert(value, ModelReference)
    except msgspec.ValidationError as error:
        raise ConfigError(str(error), where=where, mend="write it like `baseline:`") from error
