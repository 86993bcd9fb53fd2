"""A small audit, sealed, signed by two keys, logged and witnessed; and a verifier who trusts all of them."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType

import pytest

from modelassay.evidence.bundle import Bundle, open_bundle
from modelassay.evidence.notary import Notary
from modelassay.evidence.verification import Trust, Verification, verify_bundle
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import COSIGNATURE, SignatureLine, TreeHead, parse_note, vkey_of
from modelassay.log.reader import LogReader
from modelassay.log.trust import TrustPolicy, trust_in
from modelassay.log.witness import Request, Witness, write_request
from modelassay.records import Actor

BENCHMARKS = Path(__file__).resolve().parents[3] / "benchmarks"
SAMPLES = 24


class DirectWitness:
    """The witness itself, asked without HTTP."""

    def __init__(self, signer: PemSigner, log: PemSigner, state: Path) -> None:
        self.name = signer.public.name
        self._witness = Witness(signer, [vkey_of(log.public)], state)

    def cosign(self, checkpoint: bytes, log: LogReader) -> Sequence[SignatureLine]:
        head = TreeHead.parse(parse_note(checkpoint).text)
        old = self._witness.latest(head.origin).size
        proof = tuple(log.consistency_proof(old, head.size))
        line = self._witness.add_checkpoint(
            write_request(Request(old_size=old, proof=proof, checkpoint=checkpoint))
        )
        return parse_note(checkpoint.partition(b"\n\n")[0] + b"\n\n" + line).signatures


@dataclass
class House:
    """Somebody who audits: keys, a store, a clock."""

    store: Path
    made: ModuleType
    first: PemSigner = field(default_factory=lambda: new_key("ecdsa-p256", name="ci"))
    second: PemSigner = field(default_factory=lambda: new_key("ecdsa-p256", name="officer"))
    log: PemSigner = field(default_factory=lambda: new_key("ed25519", name="log.example/1"))
    witness: PemSigner = field(default_factory=lambda: new_key("ed25519", name="witness.example"))

    @property
    def notary(self) -> Notary:
        return Notary(
            actor=Actor(name="tests", key=self.first.public.key_id),
            verdict_signers=(self.first, self.second),
            log_signer=self.log,
            witnesses=(DirectWitness(self.witness, self.log, self.store / "witness"),),
        )

    @property
    def policy(self) -> TrustPolicy:
        return trust_in([vkey_of(self.log.public)], [vkey_of(self.witness.public, key_type=COSIGNATURE)])

    @property
    def trust(self) -> Trust:
        return Trust(keys=(self.first.public, self.second.public), threshold=2, log=self.policy)

    def seal(self, name: str = "made up", **options: object) -> Path:
        folder: Path = self.made.seal_audit(
            self.store, self.notary, **{"samples": SAMPLES, "name": name, **options}
        )
        return folder

    def verify(self, bundle: Bundle, **changes: object) -> Verification:
        return verify_bundle(bundle, replace(self.trust, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def made() -> ModuleType:
    """The benchmarks' maker of audits."""
    spec = importlib.util.spec_from_file_location("sealed_audits", BENCHMARKS / "sealed_audits.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["sealed_audits"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def new_house(made: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], House]:
    return lambda: House(store=tmp_path_factory.mktemp("house"), made=made)


@pytest.fixture(scope="session")
def house(new_house: Callable[[], House]) -> House:
    return new_house()


@pytest.fixture(scope="session")
def folder(house: House) -> Path:
    """The bundle; no test may change it."""
    return house.seal()


@pytest.fixture(scope="session")
def bundle(folder: Path) -> Bundle:
    return open_bundle(folder)
