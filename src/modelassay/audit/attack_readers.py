"""What is known of the error of those who read the attacks of a campaign that an audit takes in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from modelassay.evidence.examined import READ_BY
from modelassay.judges import known_of_attacks
from modelassay.records import Examination


def with_reader(examination: Examination, store: Path | None) -> Examination:
    """`examination`, which says who read its attacks where nothing is known of that reader's error.

    Attacks of other tools that nothing here read again decide nothing, and say so themselves.

    Args:
        store: of the audits, where a user's own calibrations lie.

    Raises:
        StoreError: a file of calibrations is damaged.
    """
    told = examination.settings
    reader = told.get("judge") or told.get("evaluator")
    details = {key: value for key, value in examination.details.items() if key != READ_BY}
    examination = msgspec.structs.replace(examination, details=details)
    if examination.kind != "red_team" or not isinstance(reader, str) or not reader:
        return examination
    own = told.get("judge_settings")
    settings = {str(key): str(value) for key, value in own.items()} if isinstance(own, Mapping) else {}
    if known_of_attacks(reader, settings, store):
        return examination
    return msgspec.structs.replace(examination, details={**details, READ_BY: reader})
