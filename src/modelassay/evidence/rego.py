"""An admission policy for engines that speak Rego (OPA, Gatekeeper, Conftest, rego-cpp): rules, data, input.

The rules (``admission.rego``) are positive only. A rule that denies would not fire where an engine lacks
one of its builtins, and so let in what it should keep out; a rule that allows then refuses.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

import msgspec

from modelassay.config import AdmissionPolicy
from modelassay.evidence.deployed import Deployed
from modelassay.evidence.revocations import RevocationList
from modelassay.evidence.statements import VerdictStatement, subjects_of
from modelassay.evidence.waivers import Waiver

RULES = "admission.rego"
DATA = "data.json"
INPUT = "input.json"
QUERY = "data.modelassay.admission.allow"
"""True only when every condition is proved."""


def rego_rules() -> bytes:
    """The policy's text; the same for everybody, what differs is data."""
    return files("modelassay.evidence").joinpath(RULES).read_bytes()


def rego_data(policy: AdmissionPolicy, target: str) -> dict[str, Any]:
    """What the rules read under ``data``: an admission policy without what needs signatures checked.

    Args:
        policy: as written.
        target: where deployments that it judges go.
    """
    rules = {
        "target": target,
        "line": policy.line,
        "outcomes": list(policy.outcomes),
        "any_policy": not policy.policy_digests,
        "policy_digests": list(policy.policy_digests),
        "max_age_s": policy.max_age_s,
        "clock_skew_s": policy.clock_skew_s,
    }
    return {"modelassay": {"policy": rules}}


def rego_input(
    statement: VerdictStatement,
    payload: str,
    deployed: Deployed,
    revocations: RevocationList,
    *,
    target: str,
    now: int,
    acceptances: Sequence[Waiver] = (),
) -> dict[str, Any]:
    """What the rules read under ``input``, from parts whose signatures were checked.

    Args:
        statement: the verdict.
        payload: its digest, as signed.
        deployed: what will be loaded, hashed.
        revocations: what is known of withdrawals.
        target: where it goes.
        now: seconds since 1970.
        acceptances: of its risk, each verified and logged.
    """
    plain: dict[str, Any] = msgspec.to_builtins(
        {
            "statement": statement,
            "payload": payload,
            "composition": deployed.composition,
            "subjects": subjects_of(deployed.identity),
            "acceptances": acceptances,
            "revocations": revocations,
            "target": target,
            "now": now,
        }
    )
    return plain
