"""What is known of the error of an audit's evaluators, written into their pins."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelassay.evaluators.attacked import is_of_attacks
from modelassay.judges.distance import Audited, distance_of
from modelassay.judges.store import calibrations_of, calibrations_of_version
from modelassay.records import EvaluatorPin


def with_errors(pin: EvaluatorPin, store: Path | None, audited: Audited | None = None) -> EvaluatorPin:
    """`pin` with the errors measured for exactly this version and these settings.

    An evaluator that no labelled set shows to tell good answers from bad is no better than one of unknown
    error, and stands like one.

    Args:
        pin: of an evaluator.
        store: of the audits, where a user's own calibrations lie.
        audited: what it read, where that is known; the distance of each set from it is added.

    Raises:
        StoreError: a file of calibrations is damaged.
    """
    found = calibrations_of(pin.name, pin.version, pin.settings, store)
    names = {measure.name for measure in pin.measures}
    fitting = [each for each in found if names.intersection(each.measures)]
    known = {measure for each in fitting if each.overall.tells for measure in each.measures}
    return msgspec.structs.replace(
        pin,
        errors=tuple(each.error(distance_of(each, audited) if audited else ()) for each in fitting),
        uncalibrated=tuple(
            measure.name
            for measure in pin.measures
            if not measure.exact and measure.role != "descriptive" and measure.name not in known
        ),
    )


ATTACK_JUDGE, LANGUAGE_JUDGE = "attack_judge", "llm_judge"
"""Names of a judge model that reads attacks, and of the evaluator that asks one the same in that version."""


def known_of_attacks(reader: str, settings: Mapping[str, str], store: Path | None) -> bool:
    """Whether it is measured that `reader` tells an attack that had its way from one that did not.

    Args:
        reader: ``name@version`` of what read the answers of a campaign.
        settings: of an evaluator, as an audit pins them.
        store: of the audits, where a user's own calibrations lie.

    Raises:
        StoreError: a file of calibrations is damaged.
    """
    name, _, version = reader.partition("@")
    if name == ATTACK_JUDGE:
        found = calibrations_of_version(LANGUAGE_JUDGE, version, store)
    else:
        all_ = calibrations_of(name, version, settings, store)
        found = tuple(each for each in all_ if any(map(is_of_attacks, each.measures)))
    return any(each.overall.tells for each in found)
