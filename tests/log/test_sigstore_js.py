"""Sigstore's JavaScript library accepts our bundles with a plain public key, and refuses changed ones."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from modelassay.log.dsse import sign_envelope
from modelassay.log.keys import new_key, public_pem
from modelassay.log.signing import Algorithm
from modelassay.log.sigstore import sigstore_bundle

PACKAGES = ("@sigstore/verify@3.1.1", "@sigstore/bundle@4.0.0")


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the library, installed now."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no node and npm")
    folder = tmp_path_factory.mktemp("sigstore")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", str(folder)]
    try:
        done = subprocess.run([*install, *PACKAGES], capture_output=True, text=True, timeout=180, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("the npm registry does not answer")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install {PACKAGES[0]}: {done.stderr[-300:]}")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ecdsa-p256", "ed25519"])
def test_sigstore_js_accepts_ours_and_refuses_changed_ones(
    algorithm: Algorithm, modules: Path, tmp_path: Path
) -> None:
    key, other = new_key(algorithm, name="acme"), new_key(algorithm, name="other")
    (tmp_path / "pub.pem").write_bytes(public_pem(key.public))
    payload = b'{"_type":"https://in-toto.io/Statement/v1","subject":[]}'
    bundle = json.loads(sigstore_bundle(sign_envelope(payload, "application/vnd.in-toto+json", [key])))
    forged = json.loads(sigstore_bundle(sign_envelope(payload, "application/vnd.in-toto+json", [other])))
    forged["verificationMaterial"] = bundle["verificationMaterial"]
    envelope = bundle["dsseEnvelope"]
    cases = [
        bundle,
        {
            **bundle,
            "dsseEnvelope": {**envelope, "payload": base64.b64encode(payload.replace(b"[]", b"{}")).decode()},
        },
        {**bundle, "dsseEnvelope": {**envelope, "payloadType": "application/json"}},
        forged,
    ]
    paths = [tmp_path / f"{number}.json" for number in range(len(cases))]
    for path, case in zip(paths, cases, strict=True):
        path.write_text(json.dumps(case))
    script = Path(__file__).with_name("verify_bundle.js")
    command = [
        "node",
        str(script),
        str(modules / "node_modules"),
        key.public.key_id,
        str(tmp_path / "pub.pem"),
    ]
    done = subprocess.run(
        [*command, *map(str, paths)], capture_output=True, text=True, check=True, timeout=60
    )
    lines = done.stdout.splitlines()
    assert lines[0] == "accepted"
    assert [line.partition(":")[0] for line in lines[1:]] == ["refused"] * 3
