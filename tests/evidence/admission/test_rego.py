"""The Rego policy, run by an engine that we did not write (rego-cpp, by its package regopy)."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

with suppress(ImportError):
    import torch  # noqa: F401  loaded after regopy it makes the process abort
from modelassay.evidence.admission import admit_case
from modelassay.evidence.admission_case import Case
from modelassay.evidence.admission_files import load_trust_of, read_offer, scan_log
from modelassay.evidence.deployed import hash_deployed
from modelassay.evidence.events import VerdictWithdrawn
from modelassay.evidence.rego import QUERY, rego_data, rego_input, rego_rules

regopy = pytest.importorskip("regopy", reason="regopy, which runs Rego, is not installed")
World = Any
FACTS = "urn:modelassay:verdict:1"


def engine(data: dict[str, Any], given: Any) -> Any:
    interpreter = regopy.Interpreter()
    interpreter.add_module("admission", rego_rules().decode())
    interpreter.add_data(data)
    interpreter.set_input(given)
    return interpreter


def asked(interpreter: Any, query: str) -> Any:
    """The value of `query`, None when it is undefined."""
    text = str(interpreter.query(f"x = {query}"))
    return None if text == "undefined" else json.loads(text)["bindings"]["x"]


def allows(data: dict[str, Any], given: Any) -> bool:
    answer = asked(engine(data, given), QUERY)
    assert answer in (True, False)
    return answer is True


def case_of(world: World, evidence: Any, **policy: Any) -> Case:
    folder = world.root / f"evidence-{len(list(world.root.glob('evidence-*')))}"
    return Case(
        read_offer(evidence.folder(folder)),
        hash_deployed(world.model, adapters=[(world.adapters[0], "0.5")]),
        load_trust_of(world.policy(**policy), world.root),
        scan_log(world.log_folder),
        world.now,
    )


def given_by(case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and input for `case`, as JSON would carry them."""
    trust = case.trust
    given = rego_input(
        case.statement,
        case.payload,
        case.deployed,
        case.revocation_list,
        target=trust.target,
        now=int(case.now.timestamp()),
    )
    data = rego_data(trust.policy, trust.target)
    return json.loads(json.dumps(data)), json.loads(json.dumps(given))


@pytest.fixture
def admitted(world: World) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and input that are let in."""
    evidence = world.issue(adapters=((world.adapters[0], "0.5"),))
    case = case_of(world, evidence, line="med-assist", policy_digests=("sha256:" + "5" * 64,))
    assert admit_case(case).admitted
    data, given = given_by(case)
    assert allows(data, given)
    return data, given


def at(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    """Sets `path` in the input; ``...`` removes it."""

    def change(given: dict[str, Any]) -> None:
        *holders, last = path.split("/")
        place: Any = given
        for key in holders:
            place = place[int(key) if isinstance(place, list) else key]
        if value is ...:
            del place[last]
        else:
            place[last] = value

    return change


def test_a_monitored_deployment_needs_an_acceptance_that_holds(world: World) -> None:
    evidence = world.issue(outcome="deploy-monitored", adapters=((world.adapters[0], "0.5"),))
    case = case_of(world, evidence)
    data, given = given_by(case)
    assert not allows(data, given)
    said = {"verdict": case.payload, "expires": "2026-11-22"}
    assert allows(data, given | {"acceptances": [said]})
    assert not allows(data, given | {"acceptances": [said | {"expires": "2026-11-21"}]})
    assert not allows(data, given | {"acceptances": [said | {"verdict": "sha256:" + "0" * 64}]})


PREDICATE = "statement/predicate"


@pytest.mark.parametrize(
    "change",
    [
        at("now", ...),
        at("now", "1795262400"),
        at("now", int(datetime(2027, 2, 19, tzinfo=UTC).timestamp())),
        at("now", int(datetime(2026, 11, 20, 23, 54, tzinfo=UTC).timestamp())),
        at("now", int(datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC).timestamp())),
        at("target", "https://elsewhere.example/"),
        at(f"{PREDICATE}/resourceUri", "https://elsewhere.example/"),
        at(f"{PREDICATE}/verificationResult", "FAILED"),
        at(f"{PREDICATE}/verificationResult", ...),
        at(f"{PREDICATE}/policy/digest/sha256", "6" * 64),
        at(f"{PREDICATE}/{FACTS}", ...),
        at(f"{PREDICATE}/{FACTS}/outcome", "review"),
        at(f"{PREDICATE}/{FACTS}/expires", "soon"),
        at(f"{PREDICATE}/{FACTS}/expires", ...),
        at(f"{PREDICATE}/{FACTS}/composition/strength", "served name"),
        at("statement/predicateType", "https://slsa.dev/provenance/v1"),
        at("statement/_type", "https://in-toto.io/Statement/v0.1"),
        at("payload", "sha256:" + "0" * 64),
        at("composition/model", "sha256:" + "0" * 64),
        at("composition/adapters", []),
        at("composition/system_prompt", "sha256:" + "0" * 64),
        at("subjects", []),
        at("subjects/1/digest/sha256", "0" * 64),
        at("subjects/1/name", "renamed.json"),
        at("revocations", ...),
        at("revocations/time", ...),
        at("revocations/time", "2026-11-22T12:06:00Z"),
        at("revocations/standing/withdrawn", ...),
        at("revocations/standing/issued", []),
        at("revocations/standing/issued/0/line", "chat"),
        at("revocations/standing/size", 2),
    ],
)
def test_whatever_is_missing_or_other_is_refused(
    admitted: tuple[dict[str, Any], dict[str, Any]], change: Callable[[dict[str, Any]], None]
) -> None:
    data, given = copy.deepcopy(admitted)
    change(given)
    assert not allows(data, given)


def test_an_extra_file_is_refused(admitted: tuple[dict[str, Any], dict[str, Any]]) -> None:
    data, given = admitted
    given["subjects"].append({"name": "extra.py", "digest": {"sha256": "0" * 64}})
    assert not allows(data, given)


@pytest.mark.parametrize("key", ["target", "line", "outcomes", "max_age_s", "clock_skew_s", "policy_digests"])
def test_a_policy_that_lacks_something_lets_nothing_in(
    admitted: tuple[dict[str, Any], dict[str, Any]], key: str
) -> None:
    data, given = admitted
    del data["modelassay"]["policy"][key]
    assert not allows(data, given)


@pytest.mark.parametrize("given", [None, 1, [], {}, {"statement": None}, {"statement": {"predicate": {}}}])
def test_input_of_another_shape_is_refused(
    admitted: tuple[dict[str, Any], dict[str, Any]], given: Any
) -> None:
    assert not allows(admitted[0], given)


def test_rego_and_admission_agree(world: World) -> None:
    evidence = world.issue(adapters=((world.adapters[0], "0.5"),))
    review = world.issue(audit="review", outcome="review", line="other")
    blocked = world.issue(audit="blocked", outcome="block", line="other")
    again = world.issue(audit="again", line="other", adapters=((world.adapters[0], "0.5"),))
    for each, line, expected in (
        (evidence, "med-assist", True),
        (evidence, "", False),  # blocked and under review elsewhere
        (review, "", False),
        (blocked, "other", False),
        (again, "other", False),
    ):
        case = case_of(world, each, line=line)
        assert admit_case(case).admitted is allows(*given_by(case)) is expected
    world.log(VerdictWithdrawn(audit="blocked", payload=blocked.payload, reason="wrong suite"))
    case = case_of(world, again, line="other")
    assert admit_case(case).admitted is allows(*given_by(case)) is True  # the review was answered by it
    world.log(VerdictWithdrawn(audit=evidence.audit, payload=evidence.payload, reason="harm"))
    case = case_of(world, evidence)
    assert admit_case(case).admitted is allows(*given_by(case)) is False


def test_days_are_those_of_the_calendar() -> None:
    days = [date(1999, 12, 1) + timedelta(days=n) for n in range(0, 15_000, 13)]
    days += [date(2024, 2, 29), date(2100, 2, 28), date(2100, 3, 1), date(1970, 1, 1)]
    interpreter = engine({"modelassay": {"policy": {}}}, {"days": [day.isoformat() for day in days]})
    found = asked(interpreter, "[data.modelassay.admission.midnight(day) | some day in input.days]")
    assert found == [(day - date(1970, 1, 1)).days * 86_400 for day in days]
    moment = datetime(2026, 8, 9, 7, 8, 9, tzinfo=UTC)
    told = asked(interpreter, 'data.modelassay.admission.instant("2026-08-09T07:08:09Z")')
    assert told == int(moment.timestamp())


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2026-00-10", "26-01-01", "2026-1-1", "", "2026-01-01T00:00:00Z"]
)
def test_no_date_is_no_day(text: str) -> None:
    interpreter = engine({"modelassay": {"policy": {}}}, {})
    assert asked(interpreter, f"data.modelassay.admission.midnight({json.dumps(text)})") is None


def test_every_rule_is_positive() -> None:
    text = "\n".join(line.split("#")[0] for line in rego_rules().decode().splitlines())
    assert "deny" not in text
    assert "not " not in text
    assert " else " not in text
    assert "default allow := false" in text
    assert all(regopy.Interpreter().is_builtin(name) for name in ("concat", "floor", "count", "to_number"))
