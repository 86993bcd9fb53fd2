"""Which key signs: options, variables, the folder; and what is refused before anything happens."""

from __future__ import annotations

import itertools
import json
import stat
from pathlib import Path

import pytest

from modelassay.errors import UnknownNameError, UsageError
from modelassay.evidence.keycards import ALGORITHMS, USES, KeyCard, Use
from modelassay.evidence.keyring import VARIABLES, Keyring, default_folder, passphrase_from
from modelassay.log.keys import load_public, new_key, read_private
from modelassay.log.note import Vkey

AT = "2026-11-21T03:00:00Z"


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"MODELASSAY_KEYS": str(tmp_path / "keys"), "MODELASSAY_KEY_PASSPHRASE": "secret"}


@pytest.fixture
def keyring(environment: dict[str, str]) -> Keyring:
    return Keyring(environment=environment)


def make(keyring: Keyring, name: str, use: Use, origin: str = "") -> KeyCard:
    return keyring.make(
        name, use, passphrase=b"secret", holder="Jane", holder_kind="person", created=AT, origin=origin
    )


@pytest.mark.parametrize("use", USES)
def test_a_key_is_made_found_and_used(use: Use, keyring: Keyring) -> None:
    assert keyring.signer(use) is None
    card = make(keyring, "acme", use)
    signer = keyring.signer(use)
    assert signer is not None
    assert signer.public == card.public
    assert signer.public.algorithm == ALGORITHMS[use]
    assert card.public.verifies(b"message", signer.sign(b"message"))
    assert keyring.card_of(signer.public) == card
    assert keyring.card(card.key) == card
    assert keyring.warnings == []
    for other in set(USES) - {use}:
        assert keyring.signer(other) is None


@pytest.mark.parametrize("use", USES)
def test_nothing_secret_is_written_in_the_clear_or_readable_by_others(use: Use, keyring: Keyring) -> None:
    card = make(keyring, "acme", use)
    private = keyring.folder / card.file("pem")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(keyring.folder.stat().st_mode) == 0o700
    secret = read_private(private.read_bytes(), name="x", passphrase=lambda where: b"secret").pem(None)
    body = secret.split(b"\n")[1]
    for path in keyring.folder.iterdir():
        data = path.read_bytes()
        assert body not in data
        assert b"BEGIN PRIVATE" not in data
        assert (b"PRIVATE" in data) == (path == private)


def test_public_files_are_what_to_hand_out(keyring: Keyring) -> None:
    verdict, log = make(keyring, "acme", "verdict"), make(keyring, "acme", "log", "acme.example/log")
    assert load_public(keyring.folder / "acme.verdict.pub.pem").spki == verdict.public.spki
    vkey = Vkey.parse((keyring.folder / "acme.log.vkey").read_text().strip())
    assert (vkey.name, vkey.key) == ("acme.example/log", log.public.raw)


def test_the_option_comes_first_then_the_variable_then_the_folder(
    keyring: Keyring, environment: dict[str, str], tmp_path: Path
) -> None:
    one, two = make(keyring, "one", "verdict"), make(keyring, "two", "verdict")
    with pytest.raises(UsageError, match="2 keys could sign as verdict: one, two"):
        keyring.signer("verdict")
    environment[VARIABLES["verdict"]] = "two"
    assert signing_key(keyring, "verdict") == two.key
    assert signing_key(keyring, "verdict", "one") == one.key
    assert signing_key(keyring, "verdict", str(keyring.folder / "one.verdict.pem")) == one.key
    elsewhere = new_key("ecdsa-p256", name="elsewhere")
    environment["CI_SECRET"] = elsewhere.pem(b"secret").decode()
    environment[VARIABLES["verdict"]] = "env:CI_SECRET"
    assert signing_key(keyring, "verdict") == elsewhere.public.key_id
    environment[VARIABLES["verdict"]] = str(tmp_path / "missing.pem")
    with pytest.raises(UsageError, match="cannot be read"):
        keyring.signer("verdict")


def signing_key(keyring: Keyring, use: Use, reference: str = "") -> str:
    signer = keyring.signer(use, reference)
    assert signer is not None
    return signer.public.key_id


def test_a_named_key_that_cannot_be_unlocked_is_an_error(
    keyring: Keyring, environment: dict[str, str]
) -> None:
    make(keyring, "acme", "verdict")
    environment["MODELASSAY_KEY_PASSPHRASE"] = "wrong"
    with pytest.raises(UsageError, match="does not open"):
        keyring.signer("verdict")
    del environment["MODELASSAY_KEY_PASSPHRASE"]
    with pytest.raises(UsageError, match="no passphrase"):
        keyring.signer("verdict")


def test_keys_of_the_wrong_kind_are_refused(keyring: Keyring, environment: dict[str, str]) -> None:
    make(keyring, "acme", "log")
    make(keyring, "acme", "verdict")
    with pytest.raises(UsageError, match="not ECDSA P-256"):
        keyring.signer("verdict", str(keyring.folder / "acme.log.pem"))
    with pytest.raises(UsageError, match="not Ed25519"):
        keyring.signer("log", str(keyring.folder / "acme.verdict.pem"))


def test_a_log_key_needs_the_name_of_its_log(keyring: Keyring, environment: dict[str, str]) -> None:
    environment["LOG_SECRET"] = new_key("ed25519", name="x").pem(b"secret").decode()
    with pytest.raises(UsageError, match="MODELASSAY_LOG_ORIGIN"):
        keyring.signer("log", "env:LOG_SECRET")
    environment["MODELASSAY_LOG_ORIGIN"] = "acme.example/log"
    signer = keyring.signer("log", "env:LOG_SECRET")
    assert signer is not None
    assert signer.public.name == "acme.example/log"


def test_a_key_that_others_may_read_is_used_with_a_warning(keyring: Keyring) -> None:
    card = make(keyring, "acme", "verdict")
    path = keyring.folder / card.file("pem")
    path.chmod(0o644)
    assert keyring.signer("verdict") is not None
    assert keyring.warnings == [f"{path}: other users may read this private key; chmod 600 mends it"]


def test_keys_are_never_overwritten(keyring: Keyring) -> None:
    make(keyring, "acme", "verdict")
    before = {path: path.read_bytes() for path in keyring.folder.iterdir()}
    with pytest.raises(UsageError, match="never overwritten"):
        make(keyring, "acme", "verdict")
    assert {path: path.read_bytes() for path in keyring.folder.iterdir()} == before
    make(keyring, "acme", "log")


@pytest.mark.parametrize("name", ["", "../x", "a.b", "a b", "-a", "a/b", "é", "a" * 65])
def test_names_stay_in_the_folder(name: str, keyring: Keyring) -> None:
    with pytest.raises(UsageError, match="cannot name a key"):
        make(keyring, name, "verdict")


@pytest.mark.parametrize("origin", ["a b", "a+b", "a\nb"])
def test_origins_are_those_that_notes_can_carry(origin: str, keyring: Keyring) -> None:
    with pytest.raises(UsageError, match="cannot be an origin"):
        make(keyring, "acme", "log", origin)


def test_an_ended_key_signs_no_more_and_its_public_half_stays(keyring: Keyring) -> None:
    card = make(keyring, "acme", "verdict")
    ended = keyring.end(card, at=AT, reason="lost")
    assert keyring.card(card.key) == ended
    assert keyring.signer("verdict") is None
    for reference in ("acme", str(keyring.folder / "acme.verdict.pem")):
        with pytest.raises(UsageError, match="ended on 2026-11-21T03:00:00Z: lost"):
            keyring.signer("verdict", reference)
    assert load_public(keyring.folder / "acme.verdict.pub.pem").key_id == card.key
    with pytest.raises(UsageError, match="ended"):
        keyring.end(ended, at=AT, reason="again")
    with pytest.raises(UnknownNameError):
        keyring.card("SHA256:" + "A" * 43)


def test_a_card_that_is_not_of_its_key_is_refused(keyring: Keyring) -> None:
    acme, other = make(keyring, "acme", "verdict"), make(keyring, "other", "verdict")
    path = keyring.folder / acme.file("json")
    whole = path.read_bytes()
    card = json.loads(whole)
    for changed in (
        {**card, "spki": other.spki},
        {**card, "key": other.key},
        {**card, "name": "other"},
        {**card, "more": 1},
        {**card, "spki": "AAAA"},
        {**card, "use": "everything"},
    ):
        path.write_text(json.dumps(changed))
        with pytest.raises(UsageError, match="card"):
            keyring.cards()
    path.write_bytes(whole)
    (keyring.folder / acme.file("pem")).unlink()
    (keyring.folder / other.file("pem")).rename(keyring.folder / acme.file("pem"))
    with pytest.raises(UsageError, match="another than its card says"):
        keyring.signer("verdict", "acme")


def test_free_names_count_on(keyring: Keyring) -> None:
    assert keyring.free_name("acme") == "acme"
    names = [make(keyring, keyring.free_name("acme"), "verdict").name for _ in range(3)]
    assert names == ["acme", "acme-2", "acme-3"]
    assert keyring.free_name("acme-2") == "acme-4"


def test_passphrases_come_from_a_file_a_variable_or_a_person(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_bytes(b"from file\r\nsecond line")
    variable = {"MODELASSAY_KEY_PASSPHRASE": "from variable"}
    for has_file, has_variable, has_person in itertools.product((True, False), repeat=3):
        passphrase = passphrase_from(
            variable if has_variable else {},
            file=file if has_file else None,
            ask=(lambda where: f"typed for {where}") if has_person else None,
        )
        expected = [
            b"from file" if has_file else None,
            b"from variable" if has_variable else None,
            b"typed for key" if has_person else None,
        ]
        assert passphrase("key") == next((given for given in expected if given), None)
    file.write_bytes(b"\nsecond line")
    with pytest.raises(UsageError, match="no passphrase"):
        passphrase_from({}, file=file)("key")
    with pytest.raises(UsageError, match="cannot be read"):
        passphrase_from({}, file=tmp_path / "none")("key")


def test_the_folder_is_the_user_s_own_unless_told_otherwise(tmp_path: Path) -> None:
    assert default_folder({"MODELASSAY_KEYS": str(tmp_path)}) == tmp_path
    assert default_folder({"XDG_CONFIG_HOME": "/c"}) == Path("/c/modelassay/keys")
    assert default_folder({}) == Path.home() / ".config/modelassay/keys"


def test_a_pipeline_issues_and_a_person_decides_when_nobody_is_named(keyring: Keyring) -> None:
    make(keyring, "jane", "verdict")
    alone = keyring.signer("verdict")
    assert alone is not None  # who has one key means it, whosever it is
    ours = keyring.make(
        "ci", "verdict", passphrase=b"secret", holder="ci", holder_kind="pipeline", created=AT
    )
    issues, decides = keyring.signer("verdict"), keyring.signer("verdict", held_by="person")
    assert issues is not None
    assert decides is not None
    assert (issues.public.key_id, decides.public.key_id) == (ours.key, alone.public.key_id)
    make(keyring, "omar", "verdict")
    assert keyring.signer("verdict") is not None
    with pytest.raises(UsageError, match="2 keys could sign as verdict: jane, omar"):
        keyring.signer("verdict", held_by="person")


def test_an_unknown_name_says_which_names_there_are(keyring: Keyring) -> None:
    make(keyring, "jane", "verdict")
    with pytest.raises(UnknownNameError) as raised:
        keyring.signer("verdict", "jan")
    assert "jane" in raised.value.mend
