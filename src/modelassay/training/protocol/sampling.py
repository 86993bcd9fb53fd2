"""Whether a checkpoint can have sampled the tokens that were logged: their scores held against the settings.

What z means (`training.protocol.scoring`) depends on how tokens were drawn. The settings of a run are read
for that in whatever framework's words; without a temperature among them there is no verdict by z. A z far
below 0 shows tokens that the checkpoint does not sample. One far above 0 shows nothing fine: a lower
temperature, top-p in an engine of its own, and tokens that somebody chose all lead to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from modelassay.records import RunCheckpoint, RunFinding
from modelassay.training.findings import decimal, not_assessable, run_finding
from modelassay.training.protocol.scoring import Logged, TokenScores
from modelassay.training.run import Run

CHECK = "teacher_forced"
SURPRISING = 4.0
"""A z of logged tokens beyond it, on either side, is not chance: six in 100,000, two-sided."""
NEAR = 0.1
"""Log-probabilities that differ by more count as different (bfloat16 engines differ by some hundredths)."""
FEWEST_TOKENS = 200
NO_TEMPERATURE = "the record does not say at what temperature tokens were sampled"

_OTHERS = frozenset(
    ("val", "valid", "validation", "eval", "evaluation", "evaluator", "test", "judge", "grader", "reward",
     "rm", "teacher", "distill", "distillation", "critic", "user", "simulator")
)  # fmt: skip
"""Words in the name of a setting by which it is not about rollouts of training."""
_OF_ROLLOUTS = (
    r"(?:.*\.)?(?:(?:rollout|sampling|sample|generation|generate|train|vllm|sglang|actor|policy)_)?{}"
)
_WHOLE: Mapping[str, float] = {
    "top_p": 1.0, "top_k": 0.0, "min_p": 0.0, "typical_p": 1.0, "repetition_penalty": 1.0,
    "presence_penalty": 0.0, "frequency_penalty": 0.0,
}  # fmt: skip
"""What leaves the distribution as it is; top-k also at −1."""


def sampling_of(run: Run) -> tuple[float | None, str]:
    """The temperature of a run's rollouts, and why z does not hold for it, empty when it does.

    Settings are known by the last part of their dotted name (``actor_rollout_ref.rollout.temperature`` of
    verl, ``policy.generation.temperature`` of NeMo-RL, ``temperature`` of TRL, OpenRLHF and open-instruct,
    ``sampling.temperature`` of prime-rl); those of evaluations, judges and the like are left out. The
    temperature is None where none is recorded or several are.
    """
    settings = run.manifest.configuration
    said = dict(_numbers(settings, "temperature"))
    if len(set(said.values())) > 1:
        names = ", ".join(f"{name} {value:g}" for name, value in sorted(said.items()))
        return None, f"the settings name several temperatures ({names})"
    temperature = next(iter(said.values()), None)
    if temperature is None:
        return None, NO_TEMPERATURE
    if temperature <= 0 or any(word == "false" for _, word in _named(settings, "do_sample")):
        return temperature, f"tokens were not sampled (temperature {temperature:g})"
    if changed := _changed(run):
        return temperature, f"{changed} was changed while the run went on"
    for name, neutral in _WHOLE.items():
        for _, value in _numbers(settings, name):
            if value != neutral and not (name == "top_k" and value < 0):
                return temperature, f"tokens were sampled from another distribution ({name} {value:g})"
    return temperature, ""


def _named(settings: Mapping[str, str], name: str) -> Iterator[tuple[str, str]]:
    """Settings of rollouts that are called `name`, whatever they stand under."""
    pattern = re.compile(_OF_ROLLOUTS.format(name))
    for full, value in settings.items():
        words = re.split(r"[._-]", full.lower())
        if pattern.fullmatch(full.lower()) and _OTHERS.isdisjoint(words):
            yield full, value.strip().lower()


def _numbers(settings: Mapping[str, str], name: str) -> Iterator[tuple[str, float]]:
    for full, text in _named(settings, name):
        try:
            yield full, float(text)
        except ValueError:
            continue  # "null" and the like leave it to the framework


def _changed(run: Run) -> str:
    """A setting of sampling that the record says was changed; empty when none was."""
    for event in run.events():
        setting = event.body.get("setting")
        if event.kind != "configuration.changed" or not isinstance(setting, str):
            continue
        if any(any(_named({setting: ""}, name)) for name in ("temperature", "do_sample", *_WHOLE)):
            return setting
    return ""


def scores_finding(
    checkpoint: RunCheckpoint,
    step: int,
    rollouts: Sequence[Logged],
    scores: TokenScores,
    why_not: str = "",
    *,
    temperature: float | None = 1.0,
    run: str,
) -> RunFinding:
    """Whether `checkpoint` can have sampled the tokens recorded at `step`.

    Args:
        run: id of the run that recorded both.
        rollouts: what was scored.
        why_not: why z does not hold for this run; log-probabilities that were recorded still count.
        temperature: of the sampling; None where it is not known, so that log-probabilities which differ say
            nothing either.
    """
    about = {"run": run, "from": checkpoint.name, "digest": checkpoint.digest or "", "step": str(step)}
    tokens = len(scores.logp)
    if tokens < FEWEST_TOKENS:
        return not_assessable(CHECK, f"only {tokens} tokens of step {step} are recorded", about=about)
    logged = [p for each in rollouts if each.logprobs for p in each.logprobs]
    said, holds, values = [], True, {"tokens": decimal(tokens)}
    if len(logged) == tokens:
        near, words, differences = _compared(logged, scores)
        if not near and temperature is None:
            return not_assessable(CHECK, why_not or NO_TEMPERATURE, about=about, question=_HOW)
        said, holds, values = [words], near, {**values, **differences}
    elif why_not:
        return not_assessable(CHECK, why_not, about=about, question=_HOW if temperature is None else "")
    if not why_not:
        z = scores.surprise
        if holds and z > SURPRISING:
            return not_assessable(CHECK, _likelier(tokens, step, z), about=about, question=_CHOSEN)
        said.append(f"have z = {z:.2f}, where chance gives values around 0 with deviation 1")
        holds, values["z"] = holds and z > -SURPRISING, decimal(z)
    return _verdict(about, f"{' and '.join(said)}", holds=holds, values=values)


_HOW = "At what temperature, and from what part of the vocabulary, were the tokens sampled?"
_CHOSEN = "Were these tokens sampled with top-p or at a lower temperature, or were they chosen?"


def _likelier(tokens: int, step: int, z: float) -> str:
    return (
        f"the {tokens:,} tokens recorded at step {step} are likelier than sampling at this temperature gives "
        f"(z = {z:.2f}, where chance gives values around 0 with deviation 1)"
    )


def _compared(logged: Sequence[float], scores: TokenScores) -> tuple[bool, str, dict[str, Decimal]]:
    """Whether recorded log-probabilities are those of the scores; the same in words and numbers."""
    off = [abs(one - two) for one, two in zip(logged, scores.logp.tolist(), strict=True)]
    mean, share = sum(off) / len(off), sum(each > NEAR for each in off) / len(off)
    said = f"differ from those recorded by {mean:.3g} on average, by more than {NEAR:g} in {share:.1%}"
    values = {"mean_difference": decimal(mean), "share_different": decimal(share)}
    return share < NEAR and mean < NEAR, said, values


def _verdict(
    about: Mapping[str, str], said: str, *, holds: bool, values: Mapping[str, Decimal]
) -> RunFinding:
    verb = "can have sampled" if holds else "did not sample"
    step = about["step"]
    return run_finding(
        CHECK,
        "consistent" if holds else "inconsistent",
        f"{about['from']} {verb} the {values['tokens']:,} tokens recorded at step {step}: "
        f"their log-probabilities {said}.",
        about=about,
        state="shown_fine" if holds else "shown_harmful",
        severity="none" if holds else "high",
        assurance="T2",
        values=values,
        method="teacher-forced scores of the logged tokens",
        question="" if holds else f"Which policy sampled the rollouts of step {step}?",
    )
