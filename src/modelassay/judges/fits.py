"""Which labelled sets of the data folder tell the error of which evaluator, and what their labels mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from modelassay.judges.calibration import Positive
from modelassay.judges.labelled import Columns, LabelledAnswers, read_labelled
from modelassay.judges.measure import Task
from modelassay.records import SampleKind


class Fit(msgspec.Struct, frozen=True, kw_only=True):
    """One set for some measures of one evaluator."""

    evaluator: str
    """Name in a plan."""
    path: str
    """In the data folder."""
    columns: Columns
    measures: tuple[str, ...]
    positive: Positive
    """Which end of the measures people's positive label is."""
    kind: SampleKind = "harmful"
    """Of all requests, so that the measures apply."""
    language: str = "en"
    """Of rows that do not state theirs."""
    recipe: str = ""
    """The trained classifier whose readings the evaluator's are."""
    seen: str = ""
    """How far rules were made on these rows."""

    @property
    def task(self) -> Task:
        """What is measured."""
        return Task(measures=self.measures, positive=self.positive, path=self.path, seen=self.seen)

    @property
    def set(self) -> str:
        """Name of the set: the folder, and the beginning of the file's name where it has one."""
        folder, _, file = self.path.rpartition("/")
        part = file.split("labelled")[0].rstrip("_")
        return f"{folder}/{part}" if part else folder

    def answers(self, data: Path) -> LabelledAnswers:
        """The rows under `data`.

        Raises:
            DatasetError: the file is absent or not of its format.
        """
        return read_labelled(
            data / self.path,
            self.columns,
            name=self.set,
            kind=self.kind,
            language=self.language,
        )


_PARTLY_SEEN = "prompts partly seen while the rules were written"
_XSTEST, _XSTEST_RESPONSE = "xstest/labelled_dev.jsonl", "xstest_response/refusal_labelled_dev.jsonl"
_REFUSED = Columns(label="label_refusal", category="type")
_FULLY = Columns(label="label", positive=("2_full_refusal",), category="type")


def _refusals() -> Iterator[Fit]:
    """A partial refusal is not help with a benign request, and not a refusal of a harmful one."""
    for path, fully in ((_XSTEST, _FULLY), (_XSTEST_RESPONSE, _REFUSED)):
        yield Fit(
            evaluator="refusal",
            path=path,
            columns=fully,
            measures=("refusal", "borderline_refusal"),
            positive="wanted",
            seen=_PARTLY_SEEN,
        )
        for evaluator, measures in (
            ("refusal", ("over_refusal",)),
            ("over_refusal", ("exaggerated_safety", "needless_refusal")),
        ):
            yield Fit(
                evaluator=evaluator,
                path=path,
                columns=_REFUSED,
                measures=measures,
                positive="unwanted",
                kind="benign",
                seen=_PARTLY_SEEN,
            )


def _attacked() -> Iterator[Fit]:
    """Answers under attacks that people call jailbroken or not: templates of others around 100 requests."""
    for evaluator, measures, recipe in (
        ("refusal", ("red_team", "red_team_borderline"), ""),
        ("content_safety", ("content_safety_under_attack",), "response_harm"),
    ):
        yield Fit(
            evaluator=evaluator,
            path="gptfuzz_labelled/labelled_dev.jsonl",
            columns=Columns(request="prompt", label="label_harmful"),
            measures=measures,
            positive="unwanted",
            recipe=recipe,
        )


def _harm() -> Iterator[Fit]:
    paths = {
        "harmbench/labelled_dev.jsonl": "functional_category",
        "xstest_response/harm_labelled_dev.jsonl": "",
        "gptfuzz_labelled/labelled_dev.jsonl": "",
        "jailbreakbench/gcg50_labelled_dev.jsonl": "category",
        "beavertails/labelled_dev.jsonl": "",
        "safe_rlhf_mini/labelled_dev.jsonl": "",
        "safe_rlhf_wg/labelled_dev.jsonl": "",
    }
    for path, category in paths.items():
        yield Fit(
            evaluator="content_safety",
            path=path,
            columns=Columns(label="label_harmful", category=category),
            measures=("content_safety",),
            positive="unwanted",
            recipe="response_harm",
        )


def _toxic() -> Iterator[Fit]:
    sets = (
        ("openai_moderation/labelled_dev.jsonl", "label_harmful", ""),
        ("hatecheck/labelled_dev.jsonl", "label_hateful", "target_ident"),
        ("toxicchat/labelled_dev.jsonl", "label_harmful", ""),
    )
    for path, label, category in sets:
        yield Fit(
            evaluator="toxicity",
            path=path,
            columns=Columns(prompt="", response="text", label=label, category=category),
            measures=("toxicity",),
            positive="unwanted",
            kind="benign",
            recipe="toxicity",
        )


def _unfaithful() -> Iterator[Fit]:
    sets = (
        ("begin/labelled_dev.jsonl", "label_hallucination", "source", "message"),
        ("faithdial_audit/labelled_dev.jsonl", "label_hallucination", "source", "history"),
        ("faithbench/labelled_dev.jsonl", "label_hallucination", "source", ""),
    )
    for path, label, context, prompt in sets:
        yield Fit(
            evaluator="faithfulness",
            path=path,
            columns=Columns(prompt=prompt, label=label, context=context, model="model"),
            measures=("faithfulness",),
            positive="unwanted",
            kind="benign",
            recipe="faithfulness",
        )
    yield Fit(
        evaluator="faithfulness",
        path="trustllm/claims_labelled_dev.jsonl",
        columns=Columns(
            prompt="", response="claim", label="label_unsupported", context="evidence", category="source_set"
        ),
        measures=("faithfulness",),
        positive="unwanted",
        kind="benign",
        recipe="faithfulness",
    )


def _injected() -> Iterator[Fit]:
    """Whether a secret came out, for both evaluators that look for one; and whether a text is an attack."""
    for evaluator, measure in (
        ("prompt_injection", "prompt_injection"),
        ("secret_leakage", "secret_leakage"),
    ):
        yield Fit(
            evaluator=evaluator,
            path="tensor_trust/extraction_labelled_dev.jsonl",
            columns=Columns(prompt="", label="label_extraction", tags=("access_code",)),
            measures=(measure,),
            positive="unwanted",
            kind="borderline" if evaluator == "prompt_injection" else "benign",
        )
    yield Fit(
        evaluator="prompt_injection",
        path="deepset_injection/labelled_dev.jsonl",
        columns=Columns(
            prompt="text", response="", label="label_injection", language="", needed=("prompt", "label")
        ),
        measures=("injection_attempt",),
        positive="unwanted",
        kind="borderline",
        language="",
        recipe="injection",
    )


def _inconsistent() -> Iterator[Fit]:
    yield Fit(
        evaluator="is_factually_consistent",
        path="trustllm/claims_labelled_dev.jsonl",
        columns=Columns(
            prompt="", response="claim", label="label_unsupported", context="evidence", category="source_set"
        ),
        measures=("factual_consistency",),
        positive="unwanted",
        kind="benign",
    )
    yield Fit(
        evaluator="is_factually_consistent",
        path="halueval_general/labelled_dev.jsonl",
        columns=Columns(label="label_hallucination"),
        measures=("internal_consistency",),
        positive="unwanted",
        kind="benign",
    )


FITS: tuple[Fit, ...] = (
    *_refusals(), *_attacked(), *_harm(), *_toxic(), *_unfaithful(), *_injected(), *_inconsistent(),
)  # fmt: skip
"""Every set that tells the error of an evaluator of the package."""


def fits_of(evaluator: str) -> tuple[Fit, ...]:
    """The sets for one evaluator."""
    return tuple(fit for fit in FITS if fit.evaluator == evaluator)
