"""What an audit would ask, take and be able to show, before anything is spent.

`forecast` is the whole of it; each part has a module: `assumptions` (and `measured`, where an earlier audit
gives them), `spending`, `slices` (power), `affordable` (a budget), `repeating`, `drawing` (sequential
against fixed), `kept` (answers that exist already) and `checklist`. Beside it stand `expected` (the
examinations, held against models that are not loaded) and `evidence` (what the policy requires).
"""

from modelassay.audit.planning.affordable import Affordable, Limits
from modelassay.audit.planning.assumptions import Assumptions
from modelassay.audit.planning.checklist import ChecklistItem
from modelassay.audit.planning.drawing import Drawing
from modelassay.audit.planning.evidence import RequiredEvidence, required_evidence
from modelassay.audit.planning.expected import planned_examinations, unknown_models
from modelassay.audit.planning.forecast import Forecast, RedTeamForecast, forecast
from modelassay.audit.planning.kept import KeptAnswers, kept_answers
from modelassay.audit.planning.measured import measured_in
from modelassay.audit.planning.repeating import Repeating
from modelassay.audit.planning.slices import SliceForecast
from modelassay.audit.planning.spending import JudgeForecast, SideForecast, Total

__all__ = [
    "Affordable",
    "Assumptions",
    "ChecklistItem",
    "Drawing",
    "Forecast",
    "JudgeForecast",
    "KeptAnswers",
    "Limits",
    "RedTeamForecast",
    "Repeating",
    "RequiredEvidence",
    "SideForecast",
    "SliceForecast",
    "Total",
    "forecast",
    "kept_answers",
    "measured_in",
    "planned_examinations",
    "required_evidence",
    "unknown_models",
]
