"""Model signatures: ours under the reference tool, its own under ours, tampered ones under both."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from modelassay.artifacts import fingerprint_folder
from modelassay.artifacts.model_signing import PAYLOAD_TYPE, sign_model, verify_model
from modelassay.errors import EvidenceError, UsageError
from modelassay.log.dsse import envelope_value, read_envelope, sign_envelope
from modelassay.log.keys import PemSigner, new_key, public_pem


@pytest.fixture(scope="module")
def signer() -> PemSigner:
    return new_key("ecdsa-p256", name="acme")


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.c").write_bytes(b"dot")
    (folder / "a-b").write_bytes(b"dash")
    (folder / "a").mkdir()
    (folder / "a" / "b").write_bytes(b"slash")
    (folder / "sub" / "é").write_bytes(b"accent")
    (folder / "empty").write_bytes(b"")
    (folder / ".hidden").write_bytes(b"counts")
    (folder / ".gitattributes").write_bytes(b"never covered")
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_bytes(b"never covered")
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    (folder / ".cache" / "huggingface" / "note").write_bytes(b"left out")
    return folder


def damage(bundle: bytes, change: Callable[[dict[str, Any]], None], signer: PemSigner) -> bytes:
    """The bundle with another statement, properly signed."""
    read = json.loads(bundle)
    statement = json.loads(base64.b64decode(read["dsseEnvelope"]["payload"]))
    change(statement)
    payload = json.dumps(statement).encode()
    read["dsseEnvelope"] = envelope_value(read_envelope(sign_envelope(payload, PAYLOAD_TYPE, [signer])))
    return json.dumps(read).encode()


def test_a_signature_holds_for_the_files_that_were_signed(model: Path, signer: PemSigner) -> None:
    bundle = sign_model(fingerprint_folder(model), signer)
    signed = verify_model(bundle, model, [signer.public])
    assert signed.name == "model"
    assert signed.signed_by == signer.public
    assert signed.covered == (".hidden", "a-b", "a.c", "a/b", "empty", "sub/é")
    assert signed.not_covered == (".cache/huggingface/", ".git/", ".gitattributes")
    assert sign_model(fingerprint_folder(model), signer, name="other") != bundle


@pytest.mark.parametrize(
    ("act", "told"),
    [
        (lambda m: (m / "a.c").write_bytes(b"Dot"), "a.c was changed"),
        (lambda m: (m / "empty").unlink(), "empty is missing"),
        (lambda m: (m / "new").touch(), "new was added"),
        (lambda m: (m / "a-b").rename(m / "a-c"), "a-c was added, a-b is missing"),
    ],
)
def test_changed_files_are_refused_and_named(
    model: Path, signer: PemSigner, act: Callable[[Path], Any], told: str
) -> None:
    bundle = sign_model(fingerprint_folder(model), signer)
    act(model)
    with pytest.raises(EvidenceError, match=told):
        verify_model(bundle, model, [signer.public])


def test_every_flipped_byte_of_a_bundle_is_refused_or_without_meaning(model: Path, signer: PemSigner) -> None:
    """The hint of the key and the log entries (none) are not signed; everything that is read is."""
    bundle = sign_model(fingerprint_folder(model), signer)
    expected = verify_model(bundle, model, [signer.public])
    hidden = range(bundle.index(b"verificationMaterial"), len(bundle))
    accepted = []
    for position in range(len(bundle) - 1):
        flipped = bytearray(bundle)
        flipped[position] ^= 0x01
        try:
            assert verify_model(bytes(flipped), model, [signer.public]) == expected
        except EvidenceError:
            continue
        accepted.append(position)
    key_id = bundle.index(b'"keyid":"')
    unsigned = set(hidden) | set(range(key_id, bundle.index(b",", key_id)))
    assert set(accepted) <= unsigned, [bundle[p - 5 : p + 5] for p in set(accepted) - unsigned]


def test_another_key_is_refused(model: Path, signer: PemSigner) -> None:
    bundle = sign_model(fingerprint_folder(model), signer)
    with pytest.raises(EvidenceError, match="signed by 0 of the 1 trusted keys"):
        verify_model(bundle, model, [new_key("ecdsa-p256", name="mallory").public])
    with pytest.raises(UsageError, match="need a P-256 key"):
        sign_model(fingerprint_folder(model), new_key("ed25519", name="log"))


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(statement: dict[str, Any]) -> None:
        place: Any = statement
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("_type", to="https://in-toto.io/Statement/v0.1"),
        _set("predicateType", to="https://model_signing/Digests/v0.1"),
        _set("subject", to=[]),
        _set("subject", 0, "digest", to={"sha256": "0" * 64}),
        _set("subject", 0, "digest", "sha512", to="0"),
        _set("predicate", "serialization", "method", to="shards"),
        _set("predicate", "serialization", "hash_type", to="blake2b"),
        _set("predicate", "resources", 0, "algorithm", to="md5"),
        _set("predicate", "resources", 0, "digest", to="zz"),
        _set("predicate", "resources", 0, "name", to="a.c"),
        _set("predicate", "resources", 0, "name", to=["a"]),
        _set("predicate", "resources", to=7),
        _set("predicate", to=None),
    ],
)
def test_statements_of_other_kinds_are_refused(
    model: Path, signer: PemSigner, change: Callable[[dict[str, Any]], None]
) -> None:
    bundle = damage(sign_model(fingerprint_folder(model), signer), change, signer)
    with pytest.raises(EvidenceError, match="no statement of"):
        verify_model(bundle, model, [signer.public])


@pytest.mark.parametrize("bundle", [b"", b"{}", b"[]", b"\xff", b'{"mediaType": "x"}', b"[" * 9999])
def test_what_is_no_bundle_is_refused(model: Path, signer: PemSigner, bundle: bytes) -> None:
    with pytest.raises(EvidenceError):
        verify_model(bundle, model, [signer.public])


def test_a_path_that_leads_out_of_the_folder_is_never_found(model: Path, signer: PemSigner) -> None:
    (model.parent / "outside").write_bytes(b"dash")
    bundle = sign_model(fingerprint_folder(model), signer)

    def traverse(statement: dict[str, Any]) -> None:
        entry = next(e for e in statement["predicate"]["resources"] if e["name"] == "a-b")
        entry["name"] = "../outside"

    with pytest.raises(EvidenceError, match=r"../outside is missing"):
        verify_model(damage(bundle, traverse, signer), model, [signer.public])


# -- the reference implementation -----------------------------------------------------------------


@pytest.fixture(scope="module")
def reference_tool(tmp_path_factory: pytest.TempPathFactory) -> str:
    """``model_signing``: what MODELASSAY_MODEL_SIGNING names, else installed into a fresh place."""
    given = os.environ.get("MODELASSAY_MODEL_SIGNING")
    if given:
        return given
    place = tmp_path_factory.mktemp("model-signing")
    try:
        subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True)
        # pyopenssl: needed by model-signing 1.1.1, which does not declare it
        install = [str(place / "bin" / "pip"), "install", "-q", "model-signing>=1.1", "pyopenssl"]
        subprocess.run(install, check=True, capture_output=True, timeout=280)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired, OSError) as error:
        pytest.skip(f"model-signing cannot be installed here ({error}); set MODELASSAY_MODEL_SIGNING")
    return str(place / "bin" / "model_signing")


@pytest.mark.slow
def test_the_reference_tool_accepts_ours_and_refuses_tampered_models(
    model: Path, signer: PemSigner, tmp_path: Path, reference_tool: str
) -> None:
    (tmp_path / "key.pub.pem").write_bytes(public_pem(signer.public))
    (tmp_path / "other.pub.pem").write_bytes(public_pem(new_key("ecdsa-p256", name="other").public))
    (tmp_path / "model.sig").write_bytes(sign_model(fingerprint_folder(model), signer))

    def accepted(key: str = "key.pub.pem", signature: str = "model.sig") -> bool:
        tool = [reference_tool, "verify", "key", str(model), "--signature", str(tmp_path / signature)]
        done = subprocess.run(
            [*tool, "--public_key", str(tmp_path / key)], capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr
        return done.returncode == 0 and "Verification succeeded" in done.stdout

    assert accepted()
    assert not accepted(key="other.pub.pem")
    forged = json.loads((tmp_path / "model.sig").read_bytes())
    payload = base64.b64decode(forged["dsseEnvelope"]["payload"]).replace(b'"model"', b'"modem"')
    forged["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    (tmp_path / "forged.sig").write_text(json.dumps(forged), encoding="utf-8")
    assert not accepted(signature="forged.sig")
    for change, undo in (
        (lambda: (model / "a.c").write_bytes(b"Dot"), lambda: (model / "a.c").write_bytes(b"dot")),
        (lambda: (model / "a" / "b").rename(model / "b"), lambda: (model / "b").rename(model / "a" / "b")),
        (lambda: (model / "new").touch(), lambda: (model / "new").unlink()),
    ):
        change()
        assert not accepted()
        undo()
        assert accepted()


@pytest.mark.slow
def test_ours_accepts_the_reference_tools_and_refuses_tampered_models(
    model: Path, signer: PemSigner, tmp_path: Path, reference_tool: str
) -> None:
    (tmp_path / "key.pem").write_bytes(signer.pem(None))
    signature = tmp_path / "reference.sig"
    tool = [reference_tool, "sign", "key", str(model), "--signature", str(signature)]
    subprocess.run([*tool, "--private_key", str(tmp_path / "key.pem")], check=True, capture_output=True)
    signed = verify_model(signature.read_bytes(), model, [signer.public])
    assert ".cache/huggingface/note" in signed.covered  # the reference tool leaves git's files out only
    shutil.rmtree(model / ".cache")
    with pytest.raises(EvidenceError, match=r"huggingface/note is missing"):
        verify_model(signature.read_bytes(), model, [signer.public])
