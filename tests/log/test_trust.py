"""Trust policies: who must have signed a tree head for it to be believed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError, UsageError
from modelassay.log.cosignature import cosign
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import COSIGNATURE, Note, TreeHead, parse_note, sign_note, vkey_of
from modelassay.log.trust import NONE, TrustPolicy, load_trust, read_trust, trust_in

ORIGIN = "acme.example/log"
NOW = 1_795_000_000
WITNESSES = ("x1", "x2", "x3", "y1", "y2")


@pytest.fixture(scope="module")
def keys() -> dict[str, PemSigner]:
    return {name: new_key("ed25519", name=f"{name}.example/w") for name in WITNESSES}


@pytest.fixture(scope="module")
def policy_text(log_key: PemSigner, keys: dict[str, PemSigner]) -> str:
    """The example of c2sp.org/tlog-policy, with keys."""
    witnesses = [f"witness {n} {vkey_of(k.public, key_type=COSIGNATURE)}" for n, k in keys.items()]
    return "\n".join(
        [
            "# who may be believed",
            f"log {vkey_of(log_key.public)} https://log.example/",
            "",
            *witnesses,
            "group X-witnesses 2 x1 x2 x3",
            " group\tY-witnesses  any y1 y2 ",
            "group X-and-Y all X-witnesses Y-witnesses",
            "quorum X-and-Y",
            "",
        ]
    )


@pytest.fixture(scope="module")
def policy(policy_text: str) -> TrustPolicy:
    return read_trust(policy_text.encode(), where="policy")


def note_by(signer: PemSigner, cosigners: list[PemSigner], *, time: int = NOW, origin: str = ORIGIN) -> bytes:
    text = TreeHead(origin, 3, b"\x07" * 32).text
    note = parse_note(sign_note(text, [signer]))
    return bytes(note.with_signatures(cosign(text, key, time) for key in cosigners))


@pytest.mark.parametrize(
    ("cosigners", "enough"),
    [
        ("x1 x2 y1", True),
        ("x2 x3 y2", True),
        ("x1 x2 x3 y1 y2", True),
        ("x1 y1", False),
        ("x1 x2 x3", False),
        ("y1 y2", False),
        ("", False),
    ],
)
def test_groups_speak_when_enough_of_them_signed(
    cosigners: str, enough: bool, policy: TrustPolicy, keys: dict[str, PemSigner], log_key: PemSigner
) -> None:
    note = note_by(log_key, [keys[name] for name in cosigners.split()])
    if enough:
        trusted = policy.open_head(note, now=NOW)
        assert trusted.witnesses == dict.fromkeys(cosigners.split(), NOW)
        assert trusted.head.size == 3
        assert trusted.lost == ""
    else:
        with pytest.raises(EvidenceError, match="too few witnesses: the quorum 'X-and-Y'"):
            policy.open_head(note, now=NOW)


def test_without_the_log_s_own_signature_no_witness_helps(
    policy: TrustPolicy, keys: dict[str, PemSigner], log_key: PemSigner
) -> None:
    stranger = new_key("ed25519", name=ORIGIN)
    with pytest.raises(EvidenceError, match="not signed by its log's key"):
        policy.open_head(note_by(stranger, list(keys.values())), now=NOW)
    # The key of a log that is trusted, under the name of another log.
    with pytest.raises(EvidenceError, match="not signed by its log's key"):
        policy.open_head(note_by(log_key, list(keys.values()), origin="other.example/log"), now=NOW)


def test_a_wrong_cosignature_and_one_from_the_future_spoil_the_note(
    policy: TrustPolicy, keys: dict[str, PemSigner], log_key: PemSigner
) -> None:
    good = parse_note(note_by(log_key, list(keys.values())))
    wrong = cosign(TreeHead(ORIGIN, 4, b"\x07" * 32).text, keys["x3"], NOW)
    with pytest.raises(EvidenceError, match="not on this text"):
        policy.open_head(bytes(good.with_signatures([wrong])), now=NOW)
    with pytest.raises(EvidenceError, match="from the future"):
        policy.open_head(note_by(log_key, list(keys.values()), time=NOW + 3600), now=NOW)


def test_a_witness_that_signs_many_times_counts_once(
    log_key: PemSigner, keys: dict[str, PemSigner], policy: TrustPolicy
) -> None:
    text = TreeHead(ORIGIN, 3, b"\x07" * 32).text
    lines = [cosign(text, keys["x1"], NOW + second) for second in range(3)]
    note = parse_note(note_by(log_key, [keys["y1"]]))
    many = bytes(Note(note.text, (*note.signatures, *lines)))
    with pytest.raises(EvidenceError, match="too few"):
        policy.open_head(many, now=NOW)


def test_asking_for_no_witness_says_what_is_lost(policy_text: str, log_key: PemSigner) -> None:
    none = read_trust(policy_text.replace("quorum X-and-Y", "quorum none").encode())
    trusted = none.open_head(note_by(log_key, []), now=NOW)
    assert none.quorum == NONE
    assert "one history" in trusted.lost
    with pytest.raises(EvidenceError, match="no witness is named"):
        trust_in([vkey_of(log_key.public)])
    assert trust_in([vkey_of(log_key.public)], unwitnessed=True).open_head(note_by(log_key, [])).lost


def test_by_default_any_one_witness_is_enough(log_key: PemSigner, keys: dict[str, PemSigner]) -> None:
    vkeys = [vkey_of(keys[name].public, key_type=COSIGNATURE) for name in ("x1", "x2")]
    simple = trust_in([vkey_of(log_key.public)], vkeys)
    assert simple.open_head(note_by(log_key, [keys["x2"]]), now=NOW).witnesses == {"witness-2": NOW}
    with pytest.raises(EvidenceError, match="too few"):
        simple.open_head(note_by(log_key, [keys["x3"]]), now=NOW)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("quorum X-and-Y\n", "", "no quorum"),
        ("quorum X-and-Y\n", "quorum X-and-Y\nquorum none\n", "second quorum"),
        ("quorum X-and-Y\n", "quorum nobody\n", "not defined above"),
        ("quorum X-and-Y\n", "quorum X-and-Y", "cut off"),
        ("group X-witnesses 2 x1", "group X-witnesses 4 x1", "not a number from 1 to 3"),
        ("group X-witnesses 2 x1", "group X-witnesses 0 x1", "not a number from 1 to 3"),
        ("group X-witnesses 2 x1", "group X-witnesses 02 x1", "not a number"),
        ("group X-witnesses 2 x1", "group X-witnesses most x1", "not a number"),
        ("group X-witnesses 2 x1", "group x1 2 x1", "taken"),
        ("group X-witnesses 2 x1", "group none 2 x1", "taken"),
        ("any y1 y2", "any y1 x2", "in a group already"),
        ("any y1 y2", "any y1 y1", "in a group already"),
        ("any y1 y2", "any y1 X-and-Y", "not defined above"),
        ("any y1 y2", "any y1 none", "not defined above"),
        ("any y1 y2", "any", "not a line"),
        ("witness x1 ", "witness none ", "taken"),
        ("witness x1 ", "witness x2 ", "taken"),
        ("witness x1 ", "whiteness x1 ", "not a line"),
        ("# who", "\x00# who", "control characters"),
        ("# who", "# who\r", "control characters"),
        ("https://log.example/", "https://log.example/ more", "not a line"),
        ("log acme", "log  acnme", "vkey"),
    ],
)
def test_malformed_policies_are_refused(old: str, new: str, told: str, policy_text: str) -> None:
    assert old in policy_text
    with pytest.raises(EvidenceError, match=told):
        read_trust(policy_text.replace(old, new, 1).encode(), where="policy")


def test_no_key_stands_twice_and_no_log_witnesses_itself(
    policy_text: str, log_key: PemSigner, keys: dict[str, PemSigner]
) -> None:
    itself = vkey_of(log_key.public, name="w.example", key_type=COSIGNATURE)
    again = vkey_of(keys["x1"].public, name="another.example", key_type=COSIGNATURE)
    for line in (f"witness w {itself}", f"witness w {again}", f"log {vkey_of(log_key.public)}"):
        with pytest.raises(EvidenceError, match="stands twice"):
            read_trust(f"{line}\n{policy_text}".encode())
    plain = vkey_of(new_key("ed25519", name="w.example").public)
    with pytest.raises(EvidenceError, match="does not cosign"):
        read_trust(f"witness w {plain}\n{policy_text}".encode())
    with pytest.raises(EvidenceError, match="does not sign tree heads"):
        read_trust(f"log {vkey_of(plain_key(), key_type=COSIGNATURE)}\n{policy_text}".encode())


def plain_key() -> object:
    return new_key("ed25519", name="l.example").public


def test_names_are_octets_and_errors_name_the_line(policy_text: str, tmp_path: Path) -> None:
    odd = policy_text.encode().replace(b"X-and-Y", b"\xff\xe2\x84\xaa")
    assert read_trust(odd).quorum == b"\xff\xe2\x84\xaa".decode("utf-8", "surrogateescape")
    path = tmp_path / "trust.policy"
    path.write_text(policy_text.replace("group X-and-Y all", "group X-and-Y some"))
    number = policy_text.split("\n").index("group X-and-Y all X-witnesses Y-witnesses") + 1
    with pytest.raises(EvidenceError) as refused:
        load_trust(path)
    assert refused.value.where == f"{path}:{number}"
    with pytest.raises(UsageError, match="cannot be read"):
        load_trust(tmp_path / "none")


@given(
    st.lists(
        st.sampled_from([b"log", b"witness", b"group", b"quorum", b"none", b"a", b"1", b"\n", b" ", b"\xff"])
    )
)
def test_any_words_are_read_or_refused(words: list[bytes]) -> None:
    try:
        read = read_trust(b" ".join(words) + b"\n")
    except EvidenceError:
        return
    assert read.quorum == NONE
