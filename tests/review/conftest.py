"""The served models of the audits' tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).resolve().parents[1] / "audit" / "conftest.py"
_SPEC = importlib.util.spec_from_file_location("served_models", _PATH)
assert _SPEC is not None
assert _SPEC.loader is not None
_MODULE = importlib.util.module_from_spec(_SPEC)
sys.modules["served_models"] = _MODULE
_SPEC.loader.exec_module(_MODULE)
served, plan_of = _MODULE.served, _MODULE.plan_of
