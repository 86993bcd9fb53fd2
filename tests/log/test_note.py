"""Signed notes and tree heads: what Go's x/mod note refuses is refused here too."""

from __future__ import annotations

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelassay.errors import EvidenceError
from modelassay.log.keys import PemSigner, new_key
from modelassay.log.note import (
    Ed25519Verifier,
    Note,
    SignatureLine,
    TreeHead,
    Vkey,
    note_key_id,
    open_note,
    parse_note,
    sign_note,
    signature_line,
    vkey_of,
)

TEXT = b"If you think cryptography is the answer,\n\nthen you do not know what the question is.\n"


@pytest.fixture(scope="module")
def keys() -> list[PemSigner]:
    return [new_key("ed25519", name=name) for name in ("alice.example", "bob.example/log")]


def verifier(key: PemSigner) -> Ed25519Verifier:
    return Ed25519Verifier(vkey_of(key.public))


def test_a_note_is_text_and_lines_that_the_specification_describes(keys: list[PemSigner]) -> None:
    data = sign_note(TEXT, keys)
    text, _, lines = data.partition(b"\n\n\xe2\x80\x94 ")
    assert text + b"\n" == TEXT
    name, encoded = (b"\xe2\x80\x94 " + lines).splitlines()[0].decode().removeprefix("— ").split(" ")
    raw = base64.b64decode(encoded)
    assert name == "alice.example"
    assert raw[:4] == hashlib.sha256(b"alice.example\n\x01" + keys[0].public.raw).digest()[:4]
    assert keys[0].public.verifies(TEXT, raw[4:])
    opened = open_note(data, [verifier(key) for key in keys])
    assert opened.text == TEXT
    assert [line.name for line in opened.verified] == ["alice.example", "bob.example/log"]


def test_signatures_of_unknown_keys_are_passed_over_and_none_known_is_refused(keys: list[PemSigner]) -> None:
    alice, bob = keys
    assert [line.name for line in open_note(sign_note(TEXT, keys), [verifier(bob)]).verified] == [
        bob.public.name
    ]
    with pytest.raises(EvidenceError, match=r"no signature by a key that is trusted here.*alice"):
        open_note(sign_note(TEXT, [alice]), [verifier(bob)])
    with pytest.raises(EvidenceError, match="no signature"):
        open_note(sign_note(TEXT, [alice]), [])


def test_a_wrong_signature_of_a_known_key_spoils_the_note(keys: list[PemSigner]) -> None:
    alice, bob = keys
    forged = signature_line(b"other text\n", alice)
    data = bytes(Note(TEXT, (signature_line(TEXT, bob), forged)))
    with pytest.raises(EvidenceError, match=r"alice\.example is not on this text"):
        open_note(data, [verifier(alice), verifier(bob)])


def test_the_same_name_with_another_key_is_another_key(keys: list[PemSigner]) -> None:
    impostor = new_key("ed25519", name=keys[0].public.name)
    with pytest.raises(EvidenceError, match="no signature"):
        open_note(sign_note(TEXT, [impostor]), [verifier(keys[0])])
    both = bytes(Note(TEXT, (signature_line(TEXT, impostor), signature_line(TEXT, keys[0]))))
    assert len(open_note(both, [verifier(keys[0])]).verified) == 1


def test_a_key_that_signs_twice_counts_once(keys: list[PemSigner]) -> None:
    line = signature_line(TEXT, keys[0])
    assert open_note(bytes(Note(TEXT, (line, line))), [verifier(keys[0])]).verified == (line,)


def test_a_hundred_signatures_are_read_and_one_more_is_not(keys: list[PemSigner]) -> None:
    line = signature_line(TEXT, keys[0])
    others = [SignatureLine(f"x{n}", b"abcd", b"sig") for n in range(100)]
    assert open_note(bytes(Note(TEXT, (line, *others[:99]))), [verifier(keys[0])]).verified == (line,)
    with pytest.raises(EvidenceError, match="more than 100"):
        open_note(bytes(Note(TEXT, (line, *others))), [verifier(keys[0])])


GOOD = "— alice.example q83vASM0VniavN7wEjRWeJq83vA="


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"text\n",
        b"text\n\n",
        f"text\n{GOOD}\n".encode(),
        f"text\n\n{GOOD}".encode(),
        f"text\n\n{GOOD}\n\n".encode(),
        f"text\n\n {GOOD}\n".encode(),
        f"text\n\n{GOOD}\r\n".encode(),
        f"te\txt\n\n{GOOD}\n".encode(),
        f"te\0xt\n\n{GOOD}\n".encode(),
        b"te\xffxt\n\n" + GOOD.encode() + b"\n",
        f"text\n\n{GOOD}\nmore\n".encode(),
        b"text\n\n- alice.example q83vASM0Vnia\n",
        "text\n\n—alice.example q83vASM0Vnia\n".encode(),
        "text\n\n— alice+example q83vASM0Vnia\n".encode(),
        "text\n\n— ali\u00a0ce q83vASM0Vnia\n".encode(),
        "text\n\n—  q83vASM0Vnia\n".encode(),
        "text\n\n— alice.example\n".encode(),
        "text\n\n— alice.example \n".encode(),
        "text\n\n— alice.example q83vAQ==\n".encode(),
        "text\n\n— alice.example q83vASM0Vni!\n".encode(),
        "text\n\n— alice.example q83vASM=\n — b q83vASM=\n".encode(),
        "text\n\n— alice.example q83vASN=\n".encode(),
        "text\n\n— alice.example q83vASM0Vnia q83vASM0Vnia\n".encode(),
    ],
)
def test_malformed_notes_are_refused(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        parse_note(data)


def test_a_note_of_a_mebibyte_is_not_even_read() -> None:
    with pytest.raises(EvidenceError, match="at most"):
        parse_note(b"x" * (2**20 + 1))


@given(st.binary(max_size=400))
def test_whatever_parses_is_written_back_as_it_was(data: bytes) -> None:
    try:
        note = parse_note(data)
    except EvidenceError:
        return
    assert bytes(note) == data


@given(st.text(max_size=80), st.lists(st.tuples(st.text(max_size=8), st.binary(max_size=9)), max_size=3))
def test_notes_read_back_or_are_refused(text: str, lines: list[tuple[str, bytes]]) -> None:
    try:
        data = bytes(Note(text.encode(), tuple(SignatureLine(n, raw[:4], raw[4:]) for n, raw in lines)))
        assert bytes(parse_note(data)) == data
    except (EvidenceError, UnicodeEncodeError):
        return


def test_every_part_and_every_nearby_spelling_of_a_vkey_is_refused(keys: list[PemSigner]) -> None:
    vkey = str(vkey_of(keys[0].public))
    assert Vkey.parse(vkey) == vkey_of(keys[0].public)
    parts = {vkey[i:j] for i in range(len(vkey)) for j in range(i, len(vkey) + 1)} - {vkey}
    near = {vkey[:i] + chr(ord(c) + 1) + vkey[i + 1 :] for i, c in enumerate(vkey)}
    for wrong in (*parts, *near, vkey + "\n", " " + vkey, vkey.upper()):
        with pytest.raises(EvidenceError):
            Vkey.parse(wrong)


def vkey_text(name: str, data: bytes) -> str:
    key_id = note_key_id(name, data[0], data[1:]).hex() if data else "00000000"
    return f"{name}+{key_id}+{base64.b64encode(data).decode()}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (vkey_text("a", b""), "not a vkey"),
        (vkey_text("a", b"\x02" + bytes(32)), "unknown type 0x02"),
        (vkey_text("a", b"\xff" + bytes(32)), "unknown type 0xff"),
        (vkey_text("a", b"\x01" + bytes(31)), "31 bytes"),
        (vkey_text("a", b"\x01" + bytes(33)), "33 bytes"),
        (vkey_text("", b"\x01" + bytes(32)), "not a vkey"),
        (vkey_text("a b", b"\x01" + bytes(32)), "not a vkey"),
        (vkey_text("a", b"\x01" + bytes(32)).replace("+", "+0", 1), "not a vkey"),
    ],
)
def test_vkeys_of_other_kinds_are_refused(text: str, reason: str) -> None:
    with pytest.raises(EvidenceError, match=reason):
        Vkey.parse(text)


def test_a_witness_key_does_not_open_tree_heads(keys: list[PemSigner]) -> None:
    with pytest.raises(EvidenceError, match="does not sign tree heads"):
        Ed25519Verifier(vkey_of(keys[0].public, key_type=4))


def test_a_signer_that_returns_nonsense_is_found_out(keys: list[PemSigner]) -> None:
    class Broken:
        public = keys[0].public

        def sign(self, message: bytes) -> bytes:
            return bytes(64)

    with pytest.raises(EvidenceError, match="own key does not verify"):
        sign_note(TEXT, [Broken()])


def test_tree_heads_read_back() -> None:
    head = TreeHead("acme.example/log", 20852163, bytes(range(32)))
    assert head.text == b"acme.example/log\n20852163\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"
    assert TreeHead.parse(head.text) == head


ROOT = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="


@pytest.mark.parametrize(
    "text",
    [
        "",
        f"a\n1\n{ROOT}",
        f"a\n01\n{ROOT}\n",
        f"a\n+1\n{ROOT}\n",
        f"a\n-1\n{ROOT}\n",
        f"a\n1e3\n{ROOT}\n",
        f"a\n١\n{ROOT}\n",
        f"a\n\n{ROOT}\n",
        f"a\n9223372036854775808\n{ROOT}\n",
        f"a\n{10**30}\n{ROOT}\n",
        f"\n1\n{ROOT}\n",
        f"a\n1\n{ROOT[:-4]}\n",
        f"a\n1\n{ROOT[:-2]}9=\n",
        f"a\n1\n{ROOT} \n",
        f"a\n1\n{ROOT}\nextension\n",
        f"a\n1\n{ROOT}\n\n",
    ],
)
def test_malformed_tree_heads_are_refused(text: str) -> None:
    with pytest.raises(EvidenceError):
        TreeHead.parse(text.encode())
