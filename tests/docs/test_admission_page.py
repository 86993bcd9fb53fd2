"""What `docs/admission.md` shows is what the code takes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from modelassay.config import load_admission
from modelassay.evidence.pods import Request, pod_use
from modelassay.evidence.webhook import LONGEST_TIMEOUT_S, PATH

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "admission.md").read_text("utf-8")


def blocks() -> list[Any]:
    """Every YAML block of the page."""
    return [
        yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    ]


def the(kind: str) -> Any:
    return next(block for block in blocks() if block.get("kind") == kind)


def test_the_policy_is_read(tmp_path: Path) -> None:
    text = next(
        text for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if text.startswith("version:")
    )
    (tmp_path / "admission.yaml").write_text(text)
    policy = load_admission(tmp_path / "admission.yaml")
    assert policy.line == "med-assist"
    assert policy.revocation_keys


def test_the_pod_is_understood() -> None:
    request = Request(
        uid="1",
        kind={"group": "", "version": "v1", "kind": "Pod"},
        operation="CREATE",
        namespace="prod",
        object=the("Pod"),
    )
    use = pod_use(request, {"pvc:prod/models": Path("/models")})
    assert (use.evidence, use.model) == ("med-assist-v7", Path("/models/med-assist/v7"))


def test_the_webhook_fails_closed() -> None:
    (hook,) = the("ValidatingWebhookConfiguration")["webhooks"]
    assert hook["failurePolicy"] == "Fail"
    assert hook["sideEffects"] == "None"
    assert hook["clientConfig"]["service"]["path"] == PATH
    assert hook["timeoutSeconds"] <= LONGEST_TIMEOUT_S
    assert hook["admissionReviewVersions"] == ["v1"]
    assert "objectSelector" not in hook
