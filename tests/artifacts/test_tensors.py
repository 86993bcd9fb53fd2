"""Tensor digests against plain slices of the files and against the safetensors library."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelassay.artifacts import fingerprint_folder
from modelassay.artifacts.reading import read_file
from modelassay.artifacts.safetensors import LONGEST_HEADER, parse_header
from modelassay.artifacts.shards import shard_names
from modelassay.artifacts.tensors import TensorDigest, TensorHasher, TensorTable, tensor_changes
from modelassay.errors import EvidenceError, UsageError


def _beside(name: str) -> Any:
    """A module next to this one; test folders are no packages."""
    spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


files = _beside("safetensors_files")
WEIGHTS = {
    "layer.0.weight": ("F32", [2, 3], os.urandom(24)),
    "layer.0.bias": ("BF16", [4], os.urandom(8)),
    "empty": ("F16", [0, 7], b""),
    "scalar": ("I64", [], os.urandom(8)),
    "packed": ("F4", [4], os.urandom(2)),
    "größe": ("U8", [3], os.urandom(3)),
}


def digests(data: bytes, block: int = 7) -> dict[str, TensorDigest]:
    hasher = TensorHasher(len(data), where="file")
    for start in range(0, len(data), block):
        hasher.update(memoryview(data)[start : start + block])
    return {tensor.name: tensor for tensor in hasher.finish()}


# -- digests --------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [1, 7, 8, 9, 64, 1 << 18])
def test_a_digest_is_that_of_its_line_and_its_bytes(block: int) -> None:
    found = digests(files.written(WEIGHTS, format="pt"), block)
    assert set(found) == set(WEIGHTS)
    for name, (dtype, shape, content) in WEIGHTS.items():
        line = f"{dtype} [{','.join(map(str, shape))}]\n".encode()
        assert found[name].sha256 == hashlib.sha256(line + content).hexdigest()
        assert (found[name].dtype, list(found[name].shape)) == (dtype, shape)


def test_anyone_can_recompute_a_digest_in_a_shell(tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("sha256sum is not installed")
    data = files.written(WEIGHTS)
    (tmp_path / "model.safetensors").write_bytes(data)
    start = data.index(WEIGHTS["layer.0.weight"][2]) + 1
    command = f"{{ printf 'F32 [2,3]\\n'; tail -c +{start} model.safetensors | head -c 24; }} | sha256sum"
    told = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert told.stdout.split()[0] == digests(data)["layer.0.weight"].sha256


def test_file_and_tensors_are_digested_in_one_pass(tmp_path: Path) -> None:
    data = files.written({"a": ("U8", [1 << 20], os.urandom(1 << 20)), **WEIGHTS})
    (tmp_path / "model.safetensors").write_bytes(data)
    passed: list[int] = []
    reading = read_file(tmp_path / "model.safetensors", tensors=True, advance=passed.append)
    assert sum(passed) == len(data)
    assert reading.sha256 == hashlib.sha256(data).hexdigest()
    assert {t.name: t for t in reading.tensors or ()} == digests(data)


def test_the_library_writes_what_is_read_here(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    save_file = pytest.importorskip("safetensors.torch").save_file
    tensors = {
        "a": torch.arange(6, dtype=torch.float32).reshape(2, 3),
        "b": torch.arange(4).to(torch.bfloat16),
        "c": torch.tensor([], dtype=torch.float16),
    }
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    found = fingerprint_folder(tmp_path, tensors=True).tensors
    assert found["a"].sha256 == hashlib.sha256(b"F32 [2,3]\n" + tensors["a"].numpy().tobytes()).hexdigest()
    assert found["b"].dtype == "BF16"
    assert found["c"].sha256 == hashlib.sha256(b"F16 [0]\n").hexdigest()


def test_neither_torch_nor_numpy_is_imported() -> None:
    program = (
        "import sys; import modelassay.artifacts;"
        "print([m for m in ('torch', 'safetensors', 'numpy', 'transformers') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


# -- identity -------------------------------------------------------------------------------------


def test_the_identity_survives_other_shards(tmp_path: Path) -> None:
    names = list(WEIGHTS)
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "model.safetensors").write_bytes(files.written(WEIGHTS))
    parts = {f"model-{n}-of-3.safetensors": {k: WEIGHTS[k] for k in names[n::3]} for n in range(3)}
    files.write_shards(tmp_path / "three", parts)
    one = fingerprint_folder(tmp_path / "one", tensors=True)
    three = fingerprint_folder(tmp_path / "three", tensors=True)
    assert one.digest != three.digest
    assert one.tensors.identity == three.tensors.identity
    lines = sorted(f"{tensor.sha256}  {name}\n".encode()[66:] for name, tensor in one.tensors.items())
    text = b"".join(one.tensors[line.decode().rstrip("\n")].sha256.encode() + b"  " + line for line in lines)
    assert one.tensors.identity == "sha256:" + hashlib.sha256(text).hexdigest()
    other = dict(WEIGHTS) | {"scalar": ("I64", [], bytes(8))}
    (tmp_path / "one" / "model.safetensors").write_bytes(files.written(other))
    assert fingerprint_folder(tmp_path / "one", tensors=True).tensors.identity != one.tensors.identity


def test_one_name_in_two_files_is_refused(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors"):
        (tmp_path / name).write_bytes(files.written({"same": ("U8", [1], b"x")}))
    with pytest.raises(UsageError, match=r"b.safetensors: the tensor 'same' is in two files"):
        _ = fingerprint_folder(tmp_path, tensors=True).tensors


def test_changes_are_told_apart() -> None:
    base = TensorTable.of({"f": digests(files.written(WEIGHTS)).values()})
    tuned = dict(WEIGHTS) | {
        "layer.0.weight": ("F32", [2, 3], os.urandom(24)),
        "layer.0.bias": ("F16", [4], WEIGHTS["layer.0.bias"][2]),
        "packed": ("F4", [2, 2], WEIGHTS["packed"][2]),
        "new": ("U8", [1], b"x"),
    }
    del tuned["scalar"]
    changes = tensor_changes(base, TensorTable.of({"g": digests(files.written(tuned)).values()}))
    assert changes.added == ("new",)
    assert changes.removed == ("scalar",)
    assert changes.changed == ("layer.0.weight",)
    assert changes.drifted == ("layer.0.bias", "packed")
    assert changes.same == ("empty", "größe")


# -- indexes --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../other/model.safetensors", "/etc/model.safetensors", "a/../../x.safetensors", "..\\x.safetensors",
     "x\0.safetensors", "weights.bin", ".hidden.safetensors", 7, None],
)  # fmt: skip
def test_an_index_cannot_lead_out_of_the_folder(tmp_path: Path, name: Any) -> None:
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": name}}).encode()
    with pytest.raises(UsageError, match=r"leads out of the folder|is no safetensors file"):
        shard_names(index, where="index")
    (tmp_path / "model.safetensors.index.json").write_bytes(index)
    (tmp_path / "model-1.safetensors").write_bytes(files.written(WEIGHTS))
    with pytest.raises(UsageError, match="is damaged"):
        fingerprint_folder(tmp_path, tensors=True)


@pytest.mark.parametrize(
    "index",
    [b"", b"[]", b"{}", b'{"weight_map": []}', b'{"weight_map": {}}', b"\xff", b"[" * 100_000,
     b'{"weight_map": {"a": "x.safetensors", "a": "y.safetensors"}}'],
)  # fmt: skip
def test_a_damaged_index_is_refused(index: bytes) -> None:
    with pytest.raises(UsageError, match="is damaged"):
        shard_names(index, where="index")


def test_missing_weights_are_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no weights in safetensors"):
        fingerprint_folder(tmp_path, tensors=True)
    files.write_shards(tmp_path, {"model-1.safetensors": WEIGHTS, "model-2.safetensors": {}})
    index = {"weight_map": {"a": "model-1.safetensors", "b": "model-3.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(UsageError, match=r"1 of 2 weight files are missing, such as model-3.safetensors"):
        fingerprint_folder(tmp_path, tensors=True)


# -- unsound files --------------------------------------------------------------------------------


def entry(dtype: Any = "U8", shape: Any = (1,), offsets: Any = (0, 1), **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets, **more}


UNSOUND = {
    "unknown dtype": (json.dumps({"a": entry("F1")}), b"x", "unknown dtype 'F1'"),
    "dtype no text": (json.dumps({"a": entry(["F32"])}), b"x", "unknown dtype"),
    "negative size": (json.dumps({"a": entry(shape=[-1])}), b"x", "no lists of sizes"),
    "size is a truth value": (json.dumps({"a": entry(shape=[True])}), b"x", "no lists of sizes"),
    "size with a fraction": (json.dumps({"a": entry(shape=[1.0])}), b"x", "no lists of sizes"),
    "three offsets": (json.dumps({"a": entry(offsets=[0, 1, 1])}), b"x", "no lists of sizes"),
    "bytes do not fit shape": (json.dumps({"a": entry(shape=[2])}), b"x", "does not have the bytes"),
    "backwards": (json.dumps({"a": entry(shape=[0], offsets=[1, 0])}), b"x", "does not have the bytes"),
    "product overflows": (
        json.dumps({"a": entry(shape=[2**62, 2**62, 0], offsets=[0, 0])}), b"", "does not have the bytes",
    ),
    "beyond the file": (json.dumps({"a": entry(shape=[9], offsets=[0, 9])}), b"x", "end at byte"),
    "bytes left over": (json.dumps({"a": entry()}), b"xy", "end at byte"),
    "no tensors, but bytes": ("{}", b"x", "end at byte"),
    "gap": (json.dumps({"a": entry(offsets=[1, 2])}), b"xy", "leaves a gap"),
    "overlap": (
        json.dumps({"a": entry(shape=[2], offsets=[0, 2]), "b": entry(shape=[2], offsets=[1, 3])}),
        b"xyz", "overlaps",
    ),
    "same bytes twice": (json.dumps({"a": entry(), "b": entry()}), b"x", "overlaps"),
    "key missing": (json.dumps({"a": {"dtype": "U8", "shape": [1]}}), b"x", "does not have exactly"),
    "key too many": (json.dumps({"a": entry(extra=1)}), b"x", "does not have exactly"),
    "no object": (json.dumps({"a": 1}), b"x", "does not have exactly"),
    "metadata no texts": (json.dumps({"__metadata__": {"a": 1}}), b"", "metadata"),
    "line break in name": (json.dumps({"a\nb": entry()}), b"x", "control characters"),
    "half a surrogate": ('{"\\ud800": {"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', b"x", "control"),
    "empty name": (json.dumps({"": entry()}), b"x", "empty name"),
    "duplicate name": ('{"a": {}, "a": {}}', b"", "names 'a' twice"),
    "duplicate key": (
        '{"a": {"dtype":"U8","dtype":"I8","shape":[1],"data_offsets":[0,1]}}', b"x", "'dtype' twice",
    ),
    "not a number": ('{"a": NaN}', b"", "holds NaN"),
    "no object at all": ("[]", b"", "does not begin with {"),
    "leading space": (" {}", b"", "does not begin with {"),
    "something behind": ("{} {}", b"", "no JSON"),
    "no UTF-8": (b"{\xff}", b"", "no JSON"),
    "huge number": ('{"a": ' + "9" * 5000 + "}", b"", "no JSON"),
    "nested without end": ('{"a":' * 200_000, b"", "no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNSOUND)
def test_what_the_format_does_not_allow_is_refused(case: str) -> None:
    header, data, message = UNSOUND[case]
    with pytest.raises(UsageError, match=message):
        digests(files.sealed(header if isinstance(header, bytes) else header.encode(), data), 1 << 16)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "shorter than 8 bytes"),
        (b"1234567", "shorter than 8 bytes"),
        ((LONGEST_HEADER + 1).to_bytes(8, "little") + b"{}", "longer than 100000000"),
        ((2**64 - 1).to_bytes(8, "little"), "longer than 100000000"),
        ((3).to_bytes(8, "little") + b"{}", "longer than the file"),
    ],
)
def test_lengths_that_lie_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        digests(data)


def test_a_file_of_no_tensors_is_sound() -> None:
    assert digests(files.sealed(b"{}")) == {}


@pytest.mark.parametrize("keep", [4, 20, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    (tmp_path / "model.safetensors").write_bytes(files.written(WEIGHTS)[:keep])
    with pytest.raises(UsageError, match="no sound safetensors file"):
        fingerprint_folder(tmp_path, tensors=True)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=300), st.booleans(), st.integers(1, 400))
def test_garbage_is_refused_or_read_but_never_crashes(data: bytes, framed: bool, block: int) -> None:
    text = files.sealed(data) if framed else data
    try:
        digests(text, block)
    except (UsageError, EvidenceError):
        return
    assert (
        parse_header(text[8 : 8 + int.from_bytes(text[:8], "little")], file_size=len(text), where="x") == ()
    )


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.sampled_from(["F32", "U8", "BF16", "__metadata__"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["dtype", "shape", "data_offsets", "__metadata__", "a", "b"]) | st.text(max_size=3),
        inner, max_size=4,
    ),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.text(max_size=4), _JSON, max_size=4), st.binary(max_size=16))
def test_headers_of_any_json_are_refused_or_read(header: dict[str, Any], data: bytes) -> None:
    text = files.sealed(json.dumps(header).encode(), data)
    try:
        found = digests(text)
    except (UsageError, EvidenceError):
        return
    assert set(found) == set(header) - {"__metadata__"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_one_flipped_bit_changes_a_digest_or_is_refused(data: st.DataObject) -> None:
    text = bytearray(files.written(WEIGHTS))
    sound = TensorTable.of({"f": digests(bytes(text)).values()})
    header = int.from_bytes(text[:8], "little")
    position = data.draw(st.integers(0, len(text) - 1))
    text[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        flipped = TensorTable.of({"f": digests(bytes(text)).values()})
    except UsageError:
        return
    if position >= 8 + header:
        assert flipped.identity != sound.identity
    elif flipped.identity == sound.identity:
        assert json.loads(text[8 : 8 + header]) == json.loads(files.written(WEIGHTS)[8 : 8 + header])
