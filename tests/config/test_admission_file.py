"""Admission policy files: what is read, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from modelassay.config import load_admission
from modelassay.config.schema import json_schema
from modelassay.errors import ConfigError

ADMISSION = """\
version: 1
keys: [ci.pub, release.pub]
signatures: 2
people: anna.pub
person_required: true
log: log.vkey
target: https://models.example/med-assist
max_age: 90m
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "admission.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_policy_is_read_with_exact_durations_and_strict_defaults(tmp_path: Path) -> None:
    policy = load_admission(write(tmp_path, ADMISSION))
    assert policy.people == ("anna.pub",)
    assert (policy.max_age_s, policy.clock_skew_s) == (5400, 300)
    assert policy.outcomes == ("deploy", "deploy-monitored")
    assert not policy.waivers


@pytest.mark.parametrize(
    ("before", "after", "place", "what"),
    [
        ("signatures: 2", "signatres: 2", ":3: signatres", "did you mean 'signatures'"),
        ("signatures: 2", "signatures: 3", ":3: signatures", "3 of 2 keys"),
        ("signatures: 2", "signatures: 0", ":3: signatures", "0 of 2 keys"),
        ("signatures: 2", "signatures: 1.5", ":3: signatures", "whole number"),
        ("version: 1", "version: 2", ":1: version", "2"),
        ("keys: [ci.pub, release.pub]", "keys: []", ":2: keys", "no key"),
        ("people: anna.pub", "people: []", ":5: person_required", "no person"),
        ("people: anna.pub\nperson_required: true", "waivers: true", ":4: waivers", "nobody"),
        ("log: log.vkey\n", "", ":1", "'log' is missing"),
        ("log: log.vkey", "log: ''", ":6: log", "empty"),
        ("target: https://models.example/med-assist\n", "", ":1", "'target' is missing"),
        ("max_age: 90m", "max_age: 1.5h", ":8: max_age", "not a duration"),
        ("max_age: 90m", "max_age: 90", ":8: max_age", "not a duration"),
        ("max_age: 90m", "max_age: 0h", ":8: max_age", "not a duration"),
        ("max_age: 90m", "max_age: 365d", ":8: max_age", "at most"),
        ("max_age: 90m", "outcomes: []", ":8: outcomes", "nothing"),
        ("max_age: 90m", "outcomes: [review]", ":8: outcomes[0]", "deploy-monitored"),
        ("max_age: 90m", "outcomes: [block]", ":8: outcomes[0]", "deploy-monitored"),
        ("max_age: 90m", "policy_digests: [abc]", ":8: policy_digests[0]", "not a digest"),
        ("max_age: 90m", "waivers: perhaps", ":8: waivers", "true or false"),
    ],
)
def test_mistakes_name_line_and_key(tmp_path: Path, before: str, after: str, place: str, what: str) -> None:
    assert before in ADMISSION
    with pytest.raises(ConfigError) as caught:
        load_admission(write(tmp_path, ADMISSION.replace(before, after)))
    assert place in caught.value.where
    assert what in str(caught.value)


def test_the_published_schema_takes_what_the_reader_takes() -> None:
    schema = json_schema("admission")
    jsonschema.validate(yaml.safe_load(ADMISSION.replace("people: anna.pub", "people: [anna.pub]")), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(ADMISSION + "mode: open\n"), schema)
    described = schema["$defs"]["AdmissionPolicy"]["properties"]
    assert [key for key, value in described.items() if not value.get("description")] == []
