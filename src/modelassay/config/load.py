"""Read a plan and its policy: file, ``--set`` overrides, checks that need no model."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import msgspec
import yaml

from modelassay.config.coerce import to_record
from modelassay.config.plan import ModelReference, Plan
from modelassay.config.presets import DEFAULT, on_preset, preset, preset_names
from modelassay.config.source import Source, read_yaml
from modelassay.errors import ConfigError, UnknownNameError, UsageError
from modelassay.records import Policy, RiskContext
from modelassay.records.dated import last_day

_STEP = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_KEY = re.compile(r"[^.\[\]]+(\.[^.\[\]]+|\[\d+\])*")
_LARGEST_SEED = 2**63 - 1
_LONGEST_S = 7 * 24 * 3600
_LONGEST_DAYS = 3650
_LONGEST_NAME = 500
_LONGEST_TEXT = 200_000


def load_plan(path: Path, overrides: Sequence[str] = ()) -> Plan:
    """The plan in the file at `path`, after ``key=value`` overrides.

    Raises:
        ConfigError: naming file, line, key and mend.
    """
    source = override(read_yaml(path), overrides)
    plan = to_record(source, Plan)
    _check_plan(plan, source)
    return _with_texts(plan, source, path.parent)


def _with_texts(plan: Plan, source: Source, folder: Path) -> Plan:
    """`plan` with the text of the file in place of each evaluator setting ``@FILE``.

    The text then is part of the plan: another text under the same name is another audit.
    """
    evaluators = list(plan.evaluators)
    for index, reference in enumerate(evaluators):
        settings = dict(reference.settings)
        for key, value in settings.items():
            if isinstance(value, str) and value.startswith("@"):
                place = f"$.evaluators[{index}].settings.{key}"
                settings[key] = _text_of(folder / value[1:], source, place)
        evaluators[index] = msgspec.structs.replace(reference, settings=settings)
    return msgspec.structs.replace(plan, evaluators=tuple(evaluators))


def _text_of(path: Path, source: Source, place: str) -> str:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise source.error(place, f"{path} cannot be read as text: {error}", "check the path") from None
    if len(text) > _LONGEST_TEXT:
        raise source.error(place, f"{path} has more than {_LONGEST_TEXT:,} characters", "shorten it")
    return text


def load_policy(path: Path) -> Policy:
    """The policy in the file at `path`.

    One that `extends` a policy of the package holds that one with its own keys in place.

    Raises:
        ConfigError: naming file, line, key and mend.
        UnknownNameError: it extends a policy that does not come with the package.
    """
    written = read_yaml(path)
    source = on_preset(written)
    policy = to_record(source, Policy)
    if policy.name in preset_names():
        raise written.error(
            "$.name",
            f"{policy.name!r} is the name of a policy of the package, which this is not",
            "give it a name of its own",
        )
    if policy.version != 1:
        raise source.error("$.version", f"version {policy.version} is not known", "write version: 1")
    if policy.expires_days > _LONGEST_DAYS:
        raise source.error("$.expires_days", f"must be at most {_LONGEST_DAYS}", "such as expires_days: 90")
    return policy


def open_policy(said: str, folder: Path, *, where: str = "") -> Policy:
    """The policy called `said`: one of the package by its name, else a file, relative to `folder`.

    Args:
        where: what names it, for errors.

    Raises:
        ConfigError: of the file, naming line, key and mend.
        UnknownNameError: a bare name of neither.
    """
    if said in preset_names():
        return preset(said)
    path = folder / said
    if not path.exists() and not Path(said).suffix and Path(said).name == said:
        raise UnknownNameError("policy", said, preset_names(), where=where)
    return load_policy(path)


def policy_of(plan: Plan, folder: Path) -> Policy:
    """The policy that `plan` names (relative to `folder`), in the plan's deployment context."""
    return in_context(open_policy(plan.policy or DEFAULT, folder, where="policy"), plan.context)


def in_context(policy: Policy, context: RiskContext | None) -> Policy:
    """`policy` for a deployment context, which can tighten it, never loosen it."""
    if context is None:
        return policy
    return msgspec.structs.replace(policy, risk=stricter_context(policy.risk, context))


LOWER_RISK = RiskContext(
    exposure="internal", users="expert", autonomy="text", scale="limited", data="curated"
)


def stricter_context(one: RiskContext, other: RiskContext) -> RiskContext:
    """Factor by factor the higher risk of the two: a plan can tighten its policy, never loosen it."""
    chosen = {
        name: getattr(other if getattr(one, name) == getattr(LOWER_RISK, name) else one, name)
        for name in RiskContext.__struct_fields__
    }
    return RiskContext(**chosen)


def override(source: Source, overrides: Sequence[str]) -> Source:
    """`source` with each ``key.inner[0]=value`` put in; values are read as YAML."""
    data = copy.deepcopy(source.data)
    paths = list(source.overridden)
    for text in overrides:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not _KEY.fullmatch(key):
            raise UsageError(f"{text!r} is not key=value", where="--set", mend="such as --set repeats=3")
        _put(data, key, _value(key, value))
        paths.append(f"$.{key}")
    return Source(name=source.name, data=data, lines=source.lines, overridden=tuple(paths))


def _value(key: str, text: str) -> Any:
    """`text` as YAML; a ``@FILE`` needs no quotes here, where the shell has had its turn already."""
    if text.startswith("@"):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(
            f"{text!r} is not a YAML value",
            where=f"--set {key}",
            mend="quote the whole for the shell, such as --set 'datasets=[starter]'",
        ) from error


def _put(data: Any, key: str, value: Any) -> None:
    steps: list[str | int] = [name or int(index) for name, index in _STEP.findall(key)]
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        try:
            if following is None:
                data[step] = value
                return
            if isinstance(data, dict):
                data.setdefault(step, [] if isinstance(following, int) else {})
            if isinstance(data[step], str):
                # A shorthand: the one string stands for a record with that field.
                data[step] = {"model" if step in {"baseline", "candidate"} else "use": data[step]}
            data = data[step]
        except (IndexError, KeyError, TypeError):
            raise UsageError(f"there is no {key!r} to set", where="--set") from None


def _check_plan(plan: Plan, source: Source) -> None:
    """What types cannot say; each objection names the key."""
    for side in ("baseline", "candidate"):
        _check_model(getattr(plan, side), f"$.{side}", source)
    if not plan.datasets:
        raise source.error("$.datasets", "no dataset is named", "write datasets: [starter]")
    _check_dates([each.dated for each in plan.datasets], "$.datasets", source)
    if not plan.evaluators:
        raise source.error("$.evaluators", "no evaluator is named", "write evaluators: [refusal]")
    if not plan.name.strip():
        raise source.error("$.name", "is empty", "give the audit a name for lists and reports")
    release = plan.release
    names = {"$.name": plan.name, "$.release.line": release.line, "$.release.target": release.target}
    for key, text in names.items():
        if len(text) > _LONGEST_NAME or not text.isprintable():
            raise source.error(key, f"must be one line of at most {_LONGEST_NAME} characters")
    for index, expression in enumerate(plan.slices):
        tags = [part.strip() for part in expression.split("*")]
        if not all(tags) or len(set(tags)) < len(tags):
            mend = "write one tag, or different tags joined by *, such as category*language"
            raise source.error(f"$.slices[{index}]", f"{expression!r} cannot be read", mend)
    if plan.repeats < 1:
        raise source.error("$.repeats", "must be 1 or more")
    if not 0 <= plan.seed <= _LARGEST_SEED:
        raise source.error("$.seed", f"must be between 0 and {_LARGEST_SEED}")
    temperature = _decimal(plan.decoding.temperature, "$.decoding.temperature", source)
    if temperature < 0:
        raise source.error("$.decoding.temperature", "must not be negative")
    if not 0 < _decimal(plan.decoding.top_p, "$.decoding.top_p", source) <= 1:
        raise source.error("$.decoding.top_p", "must be above 0 and at most 1")
    if plan.decoding.max_tokens < 1:
        raise source.error("$.decoding.max_tokens", "must be 1 or more")
    _check_red_team(plan, source)
    _check_budget(plan, source)


def _check_dates(dates: Sequence[str], key: str, source: Source) -> None:
    for index, dated in enumerate(dates):
        if dated and last_day(dated) is None:
            mend = "write YYYY-MM-DD, or YYYY-MM where only the month is known"
            raise source.error(f"{key}[{index}].dated", f"{dated!r} is no date", mend)


def _check_red_team(plan: Plan, source: Source) -> None:
    attacked = plan.red_team
    if attacked is None:
        return
    if not attacked.attacks:
        raise source.error("$.red_team.attacks", "no attack is named", "see `modelassay redteam list`")
    if not attacked.kinds:
        raise source.error("$.red_team.kinds", "no kind is named", "write kinds: [harmful]")
    _check_dates([each.dated for each in attacked.attacks], "$.red_team.attacks", source)
    for name in ("limit", "forms"):
        if getattr(attacked, name) < 0:
            raise source.error(f"$.red_team.{name}", "must not be negative", "0 means all")


def _check_budget(plan: Plan, source: Source) -> None:
    budget = plan.budget
    money = _decimal(budget.money, "$.budget.money", source)
    if not math.isfinite(budget.minutes):
        raise source.error("$.budget.minutes", "is not a number of minutes", "0 means no limit")
    if budget.requests < 0 or budget.tokens < 0 or budget.minutes < 0 or money < 0:
        raise source.error("$.budget", "a limit must not be negative", "0 means no limit")
    if money and not (plan.baseline.price and plan.candidate.price):
        raise source.error("$.budget.money", "needs a price for both models", "add price: under each model")
    for place, evaluator in enumerate(plan.evaluators):
        for judge in _judges_in(evaluator.settings) if money else ():
            if not (isinstance(judge, Mapping) and judge.get("price")):
                raise source.error(
                    f"$.evaluators[{place}]",
                    f"a budget in money needs the price of the judge model of {evaluator.use!r}",
                    "write it as {model: …, price: {input_per_million: …, output_per_million: …}}",
                )


def _judges_in(settings: Mapping[str, Any]) -> Iterator[Any]:
    """Judge models, as the settings of an evaluator name them."""
    yield from (settings[key] for key in ("model", "judge") if key in settings)
    panel = settings.get("panel")
    yield from panel if isinstance(panel, list | tuple) else ()


def _check_model(model: ModelReference, path: str, source: Source) -> None:
    if ":" not in model.model:
        raise source.error(
            f"{path}.model", f"{model.model!r} names no kind of model", "such as hf:PATH or openai:MODEL@URL"
        )
    for name in ("concurrency", "batch_size"):
        if getattr(model, name) < 1:
            raise source.error(f"{path}.{name}", "must be 1 or more")
    if not 0 < model.timeout_s <= _LONGEST_S:
        raise source.error(f"{path}.timeout_s", f"must be above 0 and at most {_LONGEST_S} seconds")
    if model.retries < 0:
        raise source.error(f"{path}.retries", "must not be negative")
    if model.price:
        for name in ("input_per_million", "output_per_million"):
            if _decimal(getattr(model.price, name), f"{path}.price.{name}", source) < 0:
                raise source.error(f"{path}.price.{name}", "must not be negative")


def _decimal(text: str, path: str, source: Source) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise source.error(path, f"{text!r} is not a number") from None
    if not number.is_finite():
        raise source.error(path, f"{text!r} is not a number")
    return number


__all__ = [
    "ConfigError",
    "in_context",
    "load_plan",
    "load_policy",
    "open_policy",
    "override",
    "policy_of",
    "stricter_context",
]
