"""The certificate: signed once, logged once, verified with the public key alone."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from modelassay.canonical import canonical_json
from modelassay.evidence.events import AuditorValidated
from modelassay.evidence.ledger import Ledger
from modelassay.evidence.notary import Notary
from modelassay.evidence.statements import PAYLOAD_TYPE
from modelassay.log.dsse import open_envelope, sign_envelope
from modelassay.log.keys import new_key
from modelassay.log.note import vkey_of
from modelassay.log.signing import PublicKey
from modelassay.log.trust import trust_in
from modelassay.records import Actor
from modelassay.validation.certificate import ENVELOPE, PROOF, RECORD, certify, validation_of
from modelassay.validation.results import Result
from modelassay.validation.verifying import is_certificate, verify_certificate
from modelassay.whitebox.calibration import Nulls

Make = Callable[..., Result]


def test_a_certificate_is_signed_logged_and_stays_as_it_is(tmp_path: Path, result_of: Make) -> None:
    signer, log_signer = new_key("ecdsa-p256", name="us"), new_key("ed25519", name="log.example/us")
    notary = Notary(actor=Actor(name="us"), verdict_signers=(signer,), log_signer=log_signer)
    ledger = Ledger(tmp_path / "store", notary)
    record = validation_of([result_of("benign", "deploy"), result_of("broad_loss", "block")], Nulls())
    folder = certify(tmp_path / "certificate", record, ledger)
    first = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert certify(folder, record, ledger) == folder
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == first
    assert (folder / PROOF).is_file()

    opened = open_envelope((folder / ENVELOPE).read_bytes(), [signer.public], payload_type=PAYLOAD_TYPE)
    said = json.loads(opened.payload)["predicate"]
    assert said["detected"] == {"broad_loss": "1/1"}
    assert said["falseAlarms" if "falseAlarms" in said else "false_alarms"].startswith("0/1 [0.000, 0.9")
    assert json.loads((folder / RECORD).read_bytes())["seeds"] == [1]
    (logged,) = ledger.events(AuditorValidated)
    assert logged.read(AuditorValidated).record == said["record"]

    other = validation_of([result_of("benign", "block"), result_of("broad_loss", "block")], Nulls())
    certify(folder, other, ledger)
    assert (folder / ENVELOPE).read_bytes() != first[folder / ENVELOPE]
    assert len(list(ledger.events(AuditorValidated))) == 2


def test_a_stranger_checks_a_certificate(tmp_path: Path, result_of: Make) -> None:
    signer, log_signer = new_key("ecdsa-p256", name="us"), new_key("ed25519", name="log.example/us")
    notary = Notary(actor=Actor(name="us"), verdict_signers=(signer,), log_signer=log_signer)
    record = validation_of([result_of("benign", "deploy"), result_of("broad_loss", "block")], Nulls())
    folder = certify(tmp_path / "certificate", record, Ledger(tmp_path / "store", notary))
    log = trust_in([vkey_of(log_signer.public)], unwitnessed=True)

    def states(keys: Sequence[PublicKey] = (signer.public,)) -> tuple[str, dict[str, str]]:
        found = verify_certificate(folder, keys=keys, log=log)
        return found.state, {check.name: check.state for check in found.checks}

    assert is_certificate(folder)
    assert states() == ("verified", dict.fromkeys(("record", "rates", "logged", "signature"), "passed"))
    assert states(keys=())[0] == "incomplete"
    assert states(keys=(new_key("ecdsa-p256", name="other").public,))[1]["signature"] == "failed"
    sealed = (folder / RECORD).read_bytes()
    signed = (folder / ENVELOPE).read_bytes()
    said = json.loads(open_envelope(signed, [signer.public], payload_type=PAYLOAD_TYPE).payload)
    for form, state in (
        ("urn:modelassay:validation:1", "verified"),
        ("urn:modelassay:validation:9", "wrong"),
    ):
        payload = canonical_json({**said, "predicateType": form})
        (folder / ENVELOPE).write_bytes(sign_envelope(payload, PAYLOAD_TYPE, [signer]))
        assert states()[0] == state
    (folder / ENVELOPE).write_bytes(signed)
    (folder / RECORD).write_bytes(sealed.replace(b'"detected":true', b'"detected":false', 1))
    state, checks = states()
    assert (state, checks["rates"], checks["logged"]) == ("wrong", "failed", "failed")
    better = validation_of([result_of("benign", "deploy")], Nulls())  # consistent in itself
    (folder / RECORD).write_bytes(canonical_json(better) + b"\n")
    state, checks = states()
    assert (state, checks["rates"], checks["signature"]) == ("wrong", "passed", "failed")
    (folder / RECORD).write_bytes(b"{}")
    assert states() == ("wrong", {"record": "failed"})


def test_so_few_harmless_fine_tunes_that_nothing_can_be_harmful_are_told() -> None:
    from modelassay.validation.certificate import NullSize, reach_of

    def sizes(check: str, names: str, values: int, *, named: bool = False) -> list[NullSize]:
        made = {"base": "architecture:A", "method": "full", "values": values, "families": {}}
        return [NullSize(statistic=f"{check}.{name}@1", named=named, **made) for name in names.split()]

    nulls = [
        *sizes("refusal_margin", "loss worst over", 58),
        *sizes("triggers", "prefix_drop suffix_drop prefix_flips suffix_flips", 39),
        *sizes("tampering", "steps strength", 20, named=True),  # one correction for both
    ]
    # three statistics: (1 / 60) · 3 = 0.05; four: (1 / 80) · 4 = 0.05
    assert reach_of(("refusal_margin", "weights", "triggers", "activations", "tampering"), nulls) == {
        "refusal_margin": (58, 59),
        "triggers": (39, 79),
        "activations": (0, 0),
        "tampering": (20, 19),
    }
