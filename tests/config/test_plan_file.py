"""Plan and policy files: what is read, and what each mistake says."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from modelassay.config import (
    ExaminationReference,
    Plan,
    load_plan,
    load_policy,
    plan_digest,
    policy_of,
    stricter_context,
)
from modelassay.config.load import LOWER_RISK
from modelassay.config.schema import json_schema
from modelassay.config.source import parse_yaml
from modelassay.errors import ConfigError, UsageError
from modelassay.records import Percent, Policy, RiskContext

PLAN = """\
version: 1
name: release
baseline: hf:models/base
candidate:
  model: openai:tuned@http://127.0.0.1:8000/v1
  price: {input_per_million: 0.5, output_per_million: 1.50}
datasets:
  - starter
  - {use: mine.jsonl, columns: {prompt: question}, limit: 10}
decoding: {temperature: 0.7, max_tokens: 64}
"""


def write(folder: Path, text: str, name: str = "plan.yaml") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_plan_is_read_with_shorthands_and_exact_numbers(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN))
    assert plan.baseline.model == "hf:models/base"
    assert plan.candidate.price is not None
    assert plan.candidate.price.output_per_million == "1.5"
    assert plan.decoding.temperature == "0.7"
    assert plan.datasets[1].columns == {"prompt": "question"}
    assert plan.evaluators[0].use == "refusal"


@pytest.mark.parametrize(
    ("change", "line", "key", "what"),
    [
        (("datasets:", "datsets:"), 7, "datsets", "did you mean 'datasets'"),
        (("input_per_million", "inptu_per_million"), 6, "candidate.price.inptu_per_million", "did you mean"),
        (("name: release\n", "name: release\nname: again\n"), 3, "name", "given twice"),
        (("version: 1", "version: 2"), 1, "version", "2"),
        (("temperature: 0.7", "temperature: warm"), 10, "decoding.temperature", "not a number"),
        (("temperature: 0.7", "temperature: -1"), 10, "decoding.temperature", "negative"),
        (("max_tokens: 64", "max_tokens: 0"), 10, "decoding.max_tokens", "1 or more"),
        (("max_tokens: 64", "max_tokens: many"), 10, "decoding.max_tokens", "whole number"),
        (("limit: 10", "limit: [1]"), 9, "datasets[1].limit", "whole number"),
        (("hf:models/base", "models/base"), 3, "baseline.model", "names no kind of model"),
        (("1.50}", "-1}"), 6, "candidate.price.output_per_million", "negative"),
        (("name: release", 'name: " "'), 2, "name", "is empty"),
    ],
)
def test_every_mistake_names_file_line_and_key(
    tmp_path: Path, change: tuple[str, str], line: int, key: str, what: str
) -> None:
    path = write(tmp_path, PLAN.replace(*change))
    with pytest.raises(ConfigError) as caught:
        load_plan(path)
    assert caught.value.where == f"{path}:{line}: {key}"
    assert what in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "is empty"),
        ("- a\n- b\n", "must be a mapping"),
        ("version: [1\n", "line 1|plan.yaml:[12]"),
        ("version: 1\nname: !!python/object:os.system x\n", "tag"),
        ("a: &x [*x]\n", "refers to itself"),
        ("system_prompt: @system.txt\n", "put text that starts with @ in quotes"),
    ],
)
def test_files_that_are_no_plan(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what):
        load_plan(write(tmp_path, text))


def test_missing_keys_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'name' is missing"):
        load_plan(write(tmp_path, PLAN.replace("name: release\n", "")))


def test_not_utf8_and_absent(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    with pytest.raises(ConfigError, match="no such file"):
        load_plan(path)
    path.write_bytes(b"version: 1\nname: \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8") as caught:
        load_plan(path)
    assert caught.value.where.endswith("plan.yaml:2")


def test_overrides_reach_into_shorthands_and_lists(tmp_path: Path) -> None:
    path = write(tmp_path, PLAN)
    plan = load_plan(
        path, ["repeats=4", "baseline.concurrency=2", "datasets[1].limit=7", "decoding.temperature=1"]
    )
    assert plan.repeats == 4
    assert plan.baseline.model == "hf:models/base"
    assert plan.baseline.concurrency == 2
    assert plan.datasets[1].limit == 7
    assert plan.decoding.temperature == "1"
    for bad in ("repeats", "=1", "datasets[9].limit=1"):
        with pytest.raises(UsageError):
            load_plan(path, [bad])
    with pytest.raises(ConfigError, match="did you mean 'repeats'"):
        load_plan(path, ["repeat=4"])


def test_overrides_expand_a_shorthand_in_a_list(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN), ["datasets[0].limit=3"])
    assert plan.datasets[0].use == "starter"
    assert plan.datasets[0].limit == 3


def test_an_override_may_start_with_an_at_sign(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN), ["candidate.system_prompt=@system.txt"])
    assert plan.candidate.system_prompt == "@system.txt"


@pytest.mark.parametrize("text", ["..=3", "[0]=3", "a..b=1", "a.=1", "datasets[x]=1", "repeats={"])
def test_overrides_that_are_no_key_or_no_value(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_plan(write(tmp_path, PLAN), [text])
    assert caught.value.where.startswith("--set")
    assert caught.value.mend


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("repeats=abc", "repeats"),
        ("candidate.timeout_s=.inf", "candidate.timeout_s"),
        ("candidate.timeout_s=.nan", "candidate.timeout_s"),
        ("budget.minutes=.nan", "budget.minutes"),
        ("budget.minutes=.inf", "budget.minutes"),
        ("seed=99999999999999999999999", "seed"),
        ("seed=-1", "seed"),
        ("slices=[category, category**]", "slices[1]"),
        ("slices=[a*a]", "slices[0]"),
        ("context.exposure=everywhere", "context.exposure"),
        ("context={exposure: everywhere}", "context.exposure"),
    ],
)
def test_a_wrong_override_is_said_to_be_one(tmp_path: Path, text: str, key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_plan(write(tmp_path, PLAN), [text])
    assert caught.value.where == f"--set {key}"


def test_a_wrong_word_names_the_right_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known: internal, public"):
        load_plan(write(tmp_path, PLAN), ["context.exposure=everywhere"])


def test_a_verdict_cannot_hold_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("version: 1\nexpires_days: 99999999999\n")
    with pytest.raises(ConfigError, match="must be at most 3650") as caught:
        load_policy(path)
    assert caught.value.where == f"{path}:2: expires_days"


def test_money_needs_prices(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="price for both"):
        load_plan(write(tmp_path, PLAN + "budget: {money: 5}\n"))


def test_policy_percentages(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        'version: 1\nbands: {deploy: 4%, deploy-monitored: 0.125, review: "30 %"}\n'
        'floors:\n  - {measure: refusal, slice: {language: "*"}, at_least: 85%}\n',
        "policy.yaml",
    )
    policy = load_policy(path)
    assert policy.bands.deploy == Percent(basis_points=400)
    assert policy.bands.deploy_monitored == Percent(basis_points=1250)
    assert policy.floors[0].slice == {"language": "*"}


@pytest.mark.parametrize(
    "value",
    ["5", "120%%", "five", "-1%", "0.123456%", "true", "[1]", ".nan", ".inf", "-.inf", "nan", "sNaN", "inf"],
)
def test_ambiguous_percentages_are_refused(tmp_path: Path, value: str) -> None:
    path = write(tmp_path, f"version: 1\nbands: {{deploy: {value}}}\n", "policy.yaml")
    with pytest.raises(ConfigError) as caught:
        load_policy(path)
    assert caught.value.where == f"{path}:2: bands.deploy"


def test_context_can_only_tighten(tmp_path: Path) -> None:
    write(tmp_path, "version: 1\nrisk: {exposure: public, data: untrusted}\n", "policy.yaml")
    text = PLAN + "policy: policy.yaml\ncontext: {exposure: internal, autonomy: actions}\n"
    plan = load_plan(write(tmp_path, text))
    risk = policy_of(plan, tmp_path).risk
    assert (risk.exposure, risk.autonomy, risk.data) == ("public", "actions", "untrusted")


def _factors() -> st.SearchStrategy[RiskContext]:
    return st.builds(
        RiskContext,
        exposure=st.sampled_from(["public", "internal"]),
        users=st.sampled_from(["general", "vulnerable", "expert"]),
        autonomy=st.sampled_from(["actions", "text"]),
        scale=st.sampled_from(["high", "limited"]),
        data=st.sampled_from(["untrusted", "curated"]),
    )


@given(_factors(), _factors())
def test_the_stricter_context_keeps_every_higher_risk(one: RiskContext, other: RiskContext) -> None:
    both = stricter_context(one, other)
    for name in RiskContext.__struct_fields__:
        low = getattr(LOWER_RISK, name)
        raised = getattr(one, name) != low or getattr(other, name) != low
        assert (getattr(both, name) != low) == raised


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    try:
        source = parse_yaml(text, "plan.yaml")
    except ConfigError:
        return
    assert isinstance(source.data, dict)


def test_schemas_accept_what_we_accept(tmp_path: Path) -> None:
    for kind in ("plan", "policy"):
        jsonschema.Draft202012Validator.check_schema(json_schema(kind))
    jsonschema.validate(yaml.safe_load(PLAN), json_schema("plan"))
    wrong = yaml.safe_load(PLAN.replace("datasets:", "datsets:"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, json_schema("plan"))
    jsonschema.validate({"version": 1, "bands": {"deploy": "5%"}}, json_schema("policy"))


def test_every_field_of_the_schema_is_described() -> None:
    undescribed = [
        f"{record}.{name}"
        for kind in ("plan", "policy")
        for record, definition in json_schema(kind)["$defs"].items()
        for name, field in definition.get("anyOf", [definition])[-1].get("properties", {}).items()
        if "description" not in field
    ]
    assert undescribed == []


def test_default_policy_is_the_template() -> None:
    from importlib.resources import files

    text = (files("modelassay.cli") / "templates" / "policy.yaml").read_text("utf-8")
    from modelassay.config import DEFAULT_POLICY, preset
    from modelassay.config.coerce import to_record

    default = msgspec.structs.replace(preset(DEFAULT_POLICY), name="default")
    assert to_record(parse_yaml(text, "policy.yaml"), Policy) == default


def test_a_plan_names_its_release(tmp_path: Path) -> None:
    plan = load_plan(
        write(tmp_path, PLAN + "release: {line: med-assist, target: 'https://registry.example/med'}")
    )
    assert (plan.line, plan.release.target) == ("med-assist", "https://registry.example/med")
    assert load_plan(write(tmp_path, PLAN)).line == "release"
    for text in ('release: {line: "a\\nb"}', f"release: {{target: {'x' * 501}}}"):
        with pytest.raises(ConfigError, match=r"release\.\w+: must be one line"):
            load_plan(write(tmp_path, PLAN + text))


def test_what_changes_no_answer_changes_no_digest(tmp_path: Path) -> None:
    plan = load_plan(write(tmp_path, PLAN))
    defaults = "repeats: 1\nrelease: {line: ''}\nlineage: null"
    for same in ("budget: {minutes: 1.5}", "notes: [look here]", "output: {store: elsewhere}", defaults):
        assert plan_digest(load_plan(write(tmp_path, PLAN + same))) == plan_digest(plan)
    for other in ("seed: 2", "release: {target: 'https://b.example'}", "repeats: 3"):
        assert plan_digest(load_plan(write(tmp_path, PLAN + other))) != plan_digest(plan)
    sealed = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)
    assert plan_digest(sealed) == plan_digest(plan)


def test_an_examination_is_a_file_or_a_file_with_what_the_plan_vouches_for(tmp_path: Path) -> None:
    taken = "examinations: [a.json, {file: b.json, candidate-model: 'openai:m@http://x/v1'}]\n"
    plan = load_plan(write(tmp_path, PLAN + taken))
    vouched = ExaminationReference(file="b.json", candidate_model="openai:m@http://x/v1")
    assert plan.examinations == ("a.json", vouched)
    jsonschema.validate(
        yaml.safe_load((PLAN + taken).replace("candidate-m", "candidate_m")), json_schema("plan")
    )
    again = msgspec.json.decode(msgspec.json.encode(plan), type=Plan)
    assert (again, plan_digest(again)) == (plan, plan_digest(plan))
    with pytest.raises(ConfigError, match="unknown key 'model'"):
        load_plan(write(tmp_path, PLAN + "examinations: [{file: b.json, model: m}]\n"))
    with pytest.raises(ConfigError, match="'file' is missing"):
        load_plan(write(tmp_path, PLAN + "examinations: [{candidate_model: m}]\n"))
