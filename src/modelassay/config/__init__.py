"""Plans and policies: files in, typed records out, every error with file, line, key and mend."""

from modelassay.config.admission import AdmissionPolicy, load_admission
from modelassay.config.load import (
    in_context,
    load_plan,
    load_policy,
    open_policy,
    policy_of,
    stricter_context,
)
from modelassay.config.plan import (
    AttackChoice,
    AttackReference,
    Budget,
    DatasetReference,
    EvaluatorReference,
    ExaminationReference,
    GateSettings,
    ModelReference,
    Output,
    Plan,
    Price,
    RedTeam,
    Release,
    plan_digest,
    substance,
)
from modelassay.config.presets import DEFAULT as DEFAULT_POLICY
from modelassay.config.presets import preset, preset_names, preset_summary, preset_text

__all__ = [
    "DEFAULT_POLICY",
    "AdmissionPolicy",
    "AttackChoice",
    "AttackReference",
    "Budget",
    "DatasetReference",
    "EvaluatorReference",
    "ExaminationReference",
    "GateSettings",
    "ModelReference",
    "Output",
    "Plan",
    "Price",
    "RedTeam",
    "Release",
    "in_context",
    "load_admission",
    "load_plan",
    "load_policy",
    "open_policy",
    "plan_digest",
    "policy_of",
    "preset",
    "preset_names",
    "preset_summary",
    "preset_text",
    "stricter_context",
    "substance",
]
