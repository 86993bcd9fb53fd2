"""``modelassay fingerprint`` as a user meets it."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from modelassay.cli import run
from modelassay.log.keys import new_key, public_pem


def safetensors(**tensors: bytes) -> bytes:
    header, data = {}, b""
    for name, content in tensors.items():
        offsets = [len(data), len(data) + len(content)]
        header[name] = {"dtype": "U8", "shape": [len(content)], "data_offsets": offsets}
        data += content
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "my model"
    folder.mkdir()
    (folder / "config.json").write_text('{"dtype": "bfloat16"}', encoding="utf-8")
    (folder / "tokenizer_config.json").write_text('{"chat_template": "{{ messages }}"}', encoding="utf-8")
    (folder / "generation_config.json").write_text('{"temperature": 0.7}', encoding="utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(a=b"one", b=b"two", c=b""))
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text("x", encoding="utf-8")
    return folder


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "lora"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    (folder / "adapter_model.safetensors").write_bytes(safetensors(x=b"lora"))
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> str:
    assert run(["fingerprint", *map(str, arguments)]) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


def found(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> Any:
    assert run(["fingerprint", *map(str, arguments), "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_the_command_that_is_shown_gives_the_digest_that_is_shown(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    text = told(capsys, model)
    digest = text.split()[0].removeprefix("sha256:")
    line = next(line for line in text.splitlines() if line.startswith("recompute: "))
    command = line.removeprefix("recompute: ")
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == digest
    assert "4 files" in text
    assert "left out: .git" in text
    everything = found(capsys, model, "--all")
    assert ".git/HEAD" in everything["files"]
    done = subprocess.run(["sh", "-c", everything["recompute"]], capture_output=True, text=True, check=True)
    assert "sha256:" + done.stdout.split()[0] == everything["digest"] != "sha256:" + digest


def test_the_command_holds_for_a_hub_cache(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blobs = tmp_path / "models--a--b" / "blobs"
    snapshot = tmp_path / "models--a--b" / "snapshots" / "rev"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "1").write_bytes(b"x")
    (snapshot / "file").symlink_to("../../blobs/1")
    result = found(capsys, snapshot)
    done = subprocess.run(["sh", "-c", result["recompute"]], capture_output=True, text=True, check=True)
    assert "sha256:" + done.stdout.split()[0] == result["digest"]


def test_every_part_is_a_subject(
    model: Path, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "system.txt").write_text("Be kind.", encoding="utf-8")
    result = found(capsys, model, "--adapter", f"{adapter}@0.50", "--system-prompt", tmp_path / "system.txt")
    kinds = [artifact["kind"] for artifact in result["artifacts"]]
    assert kinds == [
        "model", "adapter", "tokenizer", "chat_template", "system_prompt", "quantisation",
        "generation_config",
    ]  # fmt: skip
    composition = result["composition"]
    assert composition["model"] == result["digest"]
    assert composition["adapters"] == [{"digest": result["artifacts"][1]["digest"], "weight": "0.5"}]
    alone = found(capsys, adapter)
    assert alone["digest"] == composition["adapters"][0]["digest"]
    assert [artifact["kind"] for artifact in alone["artifacts"]] == ["adapter"]
    assert "adapter" in told(capsys, model, "--adapter", adapter)


def test_tensors_that_changed_are_named(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tuned = tmp_path / "tuned"
    shutil.copytree(model, tuned)
    (tuned / "model.safetensors").write_bytes(safetensors(a=b"ONE", b=b"two", d=b"new"))
    result = found(capsys, tuned, "--base", model)
    assert result["changes"] == {
        "base": str(model), "added": ["d"], "removed": ["c"], "changed": ["a"], "drifted": [], "same": ["b"],
    }  # fmt: skip
    assert result["tensors"]["count"] == 3
    assert result["tensors"]["each"]["a"]["shape"] == [3]
    text = told(capsys, tuned, "--base", model)
    assert "1 changed, 0 of another dtype or shape, 1 added, 1 removed, 1 the same" in text
    assert "  changed  a\n" in text


def test_sums_are_written_and_checked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sums = tmp_path / "SHA256SUMS"
    told(capsys, model, "--sums", sums)
    assert "exactly the 4 files" in told(capsys, model, "--check", sums)
    if shutil.which("sha256sum"):
        subprocess.run(["sha256sum", "-c", "--strict", str(sums)], cwd=model, check=True, capture_output=True)
    (model / "config.json").write_text("{", encoding="utf-8")  # no JSON any more, and told as changed
    (model / "new").touch()
    (model / "tokenizer_config.json").unlink()
    error = told(capsys, model, "--check", sums, code=13)
    assert "1 changed (config.json); 1 missing (tokenizer_config.json); 1 added (new)" in error


@pytest.mark.parametrize(
    "text",
    ["abc  file\n", "0" * 64 + "  ../file\n", "0" * 64 + "  /file\n", ("0" * 64 + "  a\n") * 2, "\n",
     "0" * 64 + "  a\r\n", "\\" + "0" * 64 + "  a\\nb\n", "0" * 64 + " a\n", "\udcff"],
)  # fmt: skip
def test_damaged_sums_are_refused(
    model: Path, tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "SHA256SUMS").write_bytes(text.encode("utf-8", "surrogateescape"))
    told(capsys, model, "--check", tmp_path / "SHA256SUMS", code=13)


def test_models_are_signed_and_checked(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = new_key("ecdsa-p256", name="ci")
    (tmp_path / "ci.pem").write_bytes(key.pem(None))
    (tmp_path / "ci.pem").chmod(0o600)
    (tmp_path / "ci.pub.pem").write_bytes(public_pem(key.public))
    assert "my model.sig" in told(capsys, model, "--sign", tmp_path / "ci.pem")
    verify = ("--verify", tmp_path / "my model.sig", "--key", tmp_path / "ci.pub.pem")
    assert "signature holds: 4 files" in told(capsys, model, *verify)
    assert "not covered by the signature: .git/" in told(capsys, model, *verify)
    told(capsys, model, "--verify", tmp_path / "my model.sig", code=2)
    (model / "config.json").write_text("{", encoding="utf-8")
    assert "config.json was changed" in told(capsys, model, *verify, code=13)


def test_nothing_is_written_into_the_folder(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error = told(capsys, model, "--sums", model / "SHA256SUMS", code=2)
    assert "change its fingerprint" in error
    assert not (model / "SHA256SUMS").exists()


def test_mistakes_are_told(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no such folder" in told(capsys, tmp_path / "absent", code=2)
    assert "is not the weight" in told(capsys, model, "--adapter", "lora@zero", code=2)
    assert "needs the files" in told(capsys, "openai:m@http://127.0.0.1:1/v1", "--tensors", code=2)
    assert "name the folder" in told(capsys, "hf:acme/model", code=2)
    (tmp_path / "empty").mkdir()
    assert "holds no files" in told(capsys, tmp_path / "empty", code=2)


# -- served models --------------------------------------------------------------------------------


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A real endpoint on loopback whose answers can be changed and made to vary."""
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Endpoint(BaseHTTPRequestHandler):
        mood = "calm"
        asked = 0

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            Endpoint.asked += 1
            question = body["messages"][-1]["content"]
            answer = f"{question} {Endpoint.asked if Endpoint.mood == 'restless' else Endpoint.mood}"
            self._send({
                "model": body["model"],
                "choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": answer}}],
            })  # fmt: skip

        def do_GET(self) -> None:
            self._send({"data": [{"id": "tiny"}]})

        def _send(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OPENAI_API_KEY", "")
    Endpoint.reference = f"openai:tiny@http://127.0.0.1:{server.server_port}/v1"  # type: ignore[attr-defined]
    yield Endpoint
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_probe_is_a_weaker_subject(served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    plain = found(capsys, served.reference)
    assert [artifact["kind"] for artifact in plain["artifacts"]] == ["served_model"]
    assert plain["strength"] == "served name"
    assert served.asked == 0
    first = found(capsys, served.reference, "--probe")
    assert first["digest"] == plain["digest"]
    probe = first["artifacts"][-1]
    assert (probe["kind"], probe["details"]["strength"]) == ("behaviour", "behaviour")
    assert probe["details"]["repeated"] == probe["details"]["questions"] == "16"
    assert len({value for name, value in probe["details"].items() if name.startswith("answer.")}) == 16
    assert found(capsys, served.reference, "--probe")["artifacts"][-1] == probe
    served.mood = "other"
    other = found(capsys, served.reference, "--probe")
    assert other["digest"] == first["digest"]
    assert other["artifacts"][-1]["digest"] != probe["digest"]
    text = told(capsys, served.reference, "--probe")
    assert "the same digest does not show that nothing did" in text


def test_answers_that_vary_are_told(served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    served.mood = "restless"
    text = told(capsys, served.reference, "--probe")
    assert "0 of 16 answers came out the same" in text
    assert "another digest shows nothing either" in text
