"""Refusal log-odds: exact where refusals are certain, and a slope everywhere."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import pytest

from modelassay.whitebox.models import open_model
from modelassay.whitebox.refusal_odds import log_odds, refusal_tokens
from modelassay.whitebox.requests import Requests, prompts_of

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
