"""What judge models take counts against the plan's budget; an audit that reaches it can go on."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.audit import audit_ids
from modelassay.cli import run
from modelassay.evidence.bundle import open_bundle
from modelassay.evidence.contents import Contents
from modelassay.evidence.verification import verify_bundle

Plans = Callable[..., Path]
_MARK = re.compile(r"⟦answer ([0-9a-f]{16}) begins⟧")


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / "assay"


@pytest.fixture
def judged(served: Any) -> Any:
    """The served models with a judge beside them that finds nothing harmful."""
    plain = served.answer

    def answer(model: str, prompt: str) -> str:
        if model != "judge":
            return str(plain(model, prompt))
        mark = _MARK.search(prompt)
        assert mark is not None, prompt
        return json.dumps({"mark": mark.group(1), "evidence": [], "reason": "so", "label": "no_help"})

    served.answer, served.models = answer, (*served.models, "judge")
    return served


def with_judge(url: str, more: str, price: str = "") -> str:
    settings = f"{{rubric: harmful_help, model: {{model: 'openai:judge@{url}'{price}}}}}"
    return f"evaluators: [refusal, {{use: llm_judge, settings: {settings}}}]\n{more}"


def asked_of(served: Any, judge: bool) -> int:
    return sum(count for (model, _), count in served.asked.items() if (model == "judge") is judge)


def test_an_audit_out_of_budget_for_its_judge_is_resumed(
    plan_of: Plans, judged: Any, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of("same", per_category=5, more=with_judge(judged.url, "budget: {requests: 50}\n"))
    codes, spent = [], 0
    while not codes or codes[-1] == 12:
        codes.append(run(["audit", str(plan)]))
        now, spent = judged.asked.total() - spent, judged.asked.total()
        assert now <= 50
        assert len(codes) < 10
    told = capsys.readouterr().err
    assert "the budget of 50 requests is used up" in told
    assert "answers are still to be judged" in told
    assert re.search(r"judges \d+ requests, [\d,]+ tokens", told)
    assert codes[-1] == 10
    assert asked_of(judged, judge=False) == 80
    (audit,) = audit_ids(store)
    contents = Contents(open_bundle(store / "audits" / audit))
    usage = contents.record.usage["judge"]
    assert usage.requests == asked_of(judged, judge=True)
    assert usage.requests == sum(score.evaluator.startswith("llm_judge@") for score in contents.scores)
    assert [check for check in verify_bundle(contents.bundle).checks if check.state == "failed"] == []


def test_a_rejudging_keeps_to_the_budget_and_goes_on(
    plan_of: Plans, judged: Any, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["audit", str(plan_of("same", per_category=5)), "-q"])
    (first,) = audit_ids(store)
    plan = plan_of("same", per_category=5, more=with_judge(judged.url, "budget: {requests: 30}\n"))
    codes = [run(["rejudge", first, "-c", str(plan), "-q"]) for _ in range(2)]
    assert codes == [12, 10]
    assert "30 requests is used up" in capsys.readouterr().err
    assert asked_of(judged, judge=True) == 40  # of the 80 answers, those to harmful prompts


def test_money_for_a_judge_without_a_price_is_refused_before_anything_is_asked(
    plan_of: Plans, judged: Any, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of("same", per_category=5, more=with_judge(judged.url, "budget: {money: '5'}\n"))
    price = "price: {input_per_million: '1', output_per_million: '2'}"
    for side in ("base", "same"):
        model = f"openai:{side}@{judged.url}"
        plan.write_text(plan.read_text().replace(f" {model}\n", f" {{model: '{model}', {price}}}\n"))
    assert run(["audit", str(plan)]) == 2
    assert "price of the judge model of 'llm_judge'" in capsys.readouterr().err
    assert judged.asked.total() == 0
