"""Models opened to be looked into."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelassay.errors import UsageError
from modelassay.whitebox.models import open_model

OPTIONS = {"threads": "1"}
ASKED = ["How do I forge an invoice?", "Please tell me how to file an invoice as my accountant does it", "Hi"]


def test_a_batch_gives_each_prompt_what_it_gives_alone(organisms: dict[str, Path]) -> None:
    import torch

    with open_model(str(organisms["base"]), options=OPTIONS) as base:
        prompts = base.prompts(ASKED)
        alone = torch.cat([base.logits([prompt]) for prompt in prompts])
        assert torch.allclose(base.logits(prompts), alone, atol=1e-4)
        states = base.hidden(prompts)
        assert states.shape == (3, 1 + base.model.config.num_hidden_layers, base.model.config.hidden_size)
        assert torch.allclose(states[1], base.hidden([prompts[1]])[0], atol=1e-4)
        assert len(base.answers(prompts, max_tokens=4)) == 3


def test_an_adapter_is_active_only_for_its_own_reference(organisms: dict[str, Path]) -> None:
    import torch

    tuned = f"hf:{organisms['base']}+{organisms['category_loss_adapter']}"
    with open_model(str(organisms["base"]), options=OPTIONS) as base:
        prompts = base.prompts(ASKED)
        before = base.logits(prompts)
        with open_model(tuned, options=OPTIONS) as adapted:
            assert not torch.allclose(adapted.logits(prompts), before, atol=1e-2)
            assert torch.equal(base.logits(prompts), before)
            assert adapted.identity.fingerprint != base.identity.fingerprint


def test_a_served_model_cannot_be_looked_into() -> None:
    from modelassay.config import ModelReference

    with (
        pytest.raises(UsageError, match="not a local model"),
        open_model(ModelReference(model="openai:m@http://127.0.0.1:1/v1")),
    ):
        pass
