"""Plans and policies: files in, typed records out, every error with file, line, key and mend."""

from modelassay.config.admission import AdmissionPolicy, load_admission
from modelassay.config.load import load_plan, load_policy, policy_of, stricter_context
from modelassay.config.plan import (
    Budget,
    DatasetReference,
    EvaluatorReference,
    ModelReference,
    Output,
    Plan,
    Price,
    Release,
    plan_digest,
    substance,
)

__all__ = [
    "AdmissionPolicy",
    "Budget",
    "DatasetReference",
    "EvaluatorReference",
    "ModelReference",
    "Output",
    "Plan",
    "Price",
    "Release",
    "load_admission",
    "load_plan",
    "load_policy",
    "plan_digest",
    "policy_of",
    "stricter_context",
    "substance",
]
