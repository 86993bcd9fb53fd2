"""The page on judges says of every set what the calibrations in the package say."""

from __future__ import annotations

import re
from pathlib import Path

from modelassay.evaluators import ContentSafety, Toxicity
from modelassay.judges import calibrations_of

PAGE = Path(__file__).parents[2] / "docs" / "judges.md"
SETS = {
    "HarmBench": "harmbench",
    "GPTFuzz": "gptfuzz_labelled",
    "OpenAI moderation": "openai_moderation",
    "ToxicChat": "toxicchat",
    "BeaverTails": "beavertails",
    "Safe-RLHF mini": "safe_rlhf_mini",
}
ROW = re.compile(r"^\| ([\w -]+) \| `(\w+)` \| ([\d.]+) \| ([\d.]+ \[[\d.]+–[\d.]+\]) \|$", re.MULTILINE)


def test_where_the_embedded_engine_falls_short_is_told_with_its_figures() -> None:
    said = ROW.findall(PAGE.read_text(encoding="utf-8"))
    known = {}
    for evaluator in (ContentSafety(), Toxicity()):
        for each in calibrations_of(evaluator.name, evaluator.version, {}):
            known[evaluator.name, each.set] = each.overall.kappa
    assert {name for name, *_ in said} == set(SETS)
    for name, evaluator_name, aim, figures in said:
        kappa = known[evaluator_name, SETS[name]]
        assert figures == f"{kappa.value:.2f} [{kappa.low:.2f}–{kappa.high:.2f}]", name
        assert kappa.value < float(aim), name
