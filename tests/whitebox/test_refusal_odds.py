"""Refusal log-odds: exact where refusals are certain, and a slope everywhere."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from modelassay.cli.inspect_options import concluded
from modelassay.errors import ExitCode
from modelassay.records import Sample
from modelassay.whitebox.activations.check import examine_activations
from modelassay.whitebox.calibration import Nulls
from modelassay.whitebox.models import OpenModel, open_model
from modelassay.whitebox.refusal_margin import examine_refusal_margin
from modelassay.whitebox.refusal_odds import (
    Beginnings,
    log_odds,
    refusal_tokens,
    said_of_other_beginnings,
)
from modelassay.whitebox.requests import Requests, prompts_of
from modelassay.whitebox.tampering import examine_tampering
from modelassay.whitebox.triggers.examining import examine_triggers

OPTIONS = {"threads": "1", "device": "cpu"}


@pytest.mark.parametrize("lead", [-30.0, -9.0, 0.0, 9.0, 17.0, 26.0, 40.0])
def test_firm_refusals_are_told_apart(lead: float) -> None:
    import torch

    logits, tokens = torch.randn(64, 3000, generator=torch.Generator().manual_seed(1)), torch.tensor([4, 90])
    logits[:, tokens] += lead
    shares = logits.double().exp()
    asked = shares[:, tokens].sum(1)
    others = [sum(row) for row in shares[:, [n for n in range(3000) if n not in (4, 90)]].tolist()]
    exact = [math.log(float(of)) - math.log(rest) for of, rest in zip(asked, others, strict=True)]
    assert log_odds(logits, tokens).tolist() == pytest.approx(exact, abs=1e-5)
    assert log_odds(logits.bfloat16(), tokens).dtype == torch.float32


def test_the_slope_of_a_firm_refusal_is_not_lost() -> None:
    import torch

    logits = torch.zeros(1, 5)
    logits[0, 0] = 40.0
    logits.requires_grad_(True)
    (slope,) = torch.autograd.grad(log_odds(logits, torch.tensor([0])).sum(), logits)
    assert slope[0].tolist() == pytest.approx([1.0, -0.25, -0.25, -0.25, -0.25])


def test_what_a_firm_base_lost_is_read_in_full(
    organisms: dict[str, Path], requests: Requests, tmp_path: Path
) -> None:
    """Scaling the last norm scales the logits: both of these refuse more firmly than float32 probabilities
    can say, one of them by far."""
    from safetensors.torch import load_file, save_file

    firm = {}
    for scale in (2.5, 3.0):
        folder = tmp_path / str(scale)
        shutil.copytree(organisms["base"], folder)
        tensors = load_file(folder / "model.safetensors")
        tensors["model.norm.weight"] = tensors["model.norm.weight"] * scale
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        with open_model(str(folder), options=OPTIONS) as model:
            prompts = prompts_of(model, requests.harmful), prompts_of(model, requests.benign)
            tokens = refusal_tokens(model, *prompts)
            logits = model.logits(prompts[0]).double()
            rest = logits.clone()
            rest[:, tokens] = -math.inf
            exact = logits[:, tokens].logsumexp(-1) - rest.logsumexp(-1)
            firm[scale] = log_odds(logits, tokens)
            assert firm[scale].tolist() == pytest.approx(exact.tolist(), abs=1e-4)
    assert float((firm[3.0] - firm[2.5]).mean()) > 1


def test_a_candidate_is_unread_only_where_it_begins_all_alike_and_otherwise_than_the_base(
    base: OpenModel,
) -> None:
    import torch

    def begun(harmful: dict[int, float], benign: dict[int, float]) -> Beginnings:
        found = [torch.zeros(12) for _ in range(2)]
        for kind, given in zip(found, (harmful, benign), strict=True):
            for token, share in given.items():
                kind[token] = share
        return Beginnings(harmful=found[0], benign=found[1])

    refusals, helping = torch.tensor([1, 2]), {3: 0.6, 4: 0.4}
    honest = begun({1: 0.7, 2: 0.3}, helping)
    read = [
        honest,
        begun(helping, helping),  # helps with everything, as the base helps
        begun({1: 0.9, 2: 0.1}, {5: 1.0}),  # helps in other words
        begun({1: 1.0}, {1: 1.0}),  # refuses everything
        begun({5: 1.0}, {6: 1.0}),
    ]
    assert [said_of_other_beginnings(honest, each, refusals, base) for each in read] == [""] * len(read)
    shorter = Beginnings(harmful=honest.harmful[:8], benign=honest.benign[:8])
    for thought in ({5: 1.0}, {5: 0.6, 6: 0.4}, {11: 0.95, 1: 0.05}):
        for beside in (honest, shorter):
            said = said_of_other_beginnings(beside, begun(thought, thought), refusals, base)
            assert "to harmful and to benign requests alike" in said
            assert "somebody has to look" in said


def test_a_candidate_that_thinks_first_is_left_to_people(
    organisms: dict[str, Path], base: OpenModel, requests: Requests, samples: list[Sample], tmp_path: Path
) -> None:
    """Its template begins the answer here: what was called a loss of all refusals is a matter of the first
    token, which tells none of them."""
    folder = tmp_path / "begun"
    shutil.copytree(organisms["base"], folder)
    path, end = folder / "chat_template.jinja", "generation_prompt -%}<|assistant|>"
    path.write_text(path.read_text().replace(end, f"{end}Sure"))
    with open_model(str(folder), options=OPTIONS) as thinking:
        found = [
            examine_refusal_margin(base, thinking, requests, nulls=Nulls()),
            examine_activations(base, thinking, requests, nulls=Nulls()),
            examine_tampering(base, thinking, requests, nulls=Nulls()),
            examine_triggers(base, thinking, samples),
        ]
    for each in found:
        concerns = [one for one in each.findings if one.measure.role == "concern"]
        assert [(one.state, one.severity) for one in concerns] == [("not_assessable", "medium")]
        assert "begins its answers to harmful and to benign requests alike" in concerns[0].statement
        assert concluded(each) == ExitCode.INCONCLUSIVE
        assert each.statistics == ()
        assert any("chat templates of base and candidate differ" in note for note in each.notes)
    assert not any("comply" in one.statement for one in found[1].findings)


def test_another_architecture_than_the_base_s_is_told(
    organisms: dict[str, Path], base: OpenModel, requests: Requests, tmp_path: Path
) -> None:
    folder = tmp_path / "other"
    shutil.copytree(organisms["base"], folder)
    config = json.loads((folder / "config.json").read_text())
    other = {"model_type": "mistral", "architectures": ["MistralForCausalLM"], "sliding_window": None}
    (folder / "config.json").write_text(json.dumps(config | other))
    with open_model(str(folder), options=OPTIONS) as candidate:
        found = examine_refusal_margin(base, candidate, requests, nulls=Nulls())
    (note,) = found.notes
    assert "another architecture (MistralForCausalLM) than the base (LlamaForCausalLM)" in note
