"""A judge model, or a panel of them: any target, asked a rubric's question about each answer.

One verdict an answer, greedy, as JSON with a quotation from the answer that shows it; a verdict that cannot
be read, or an adverse one whose quotation is not in the answer, is asked for once more, and then the answer
is unscored. An answer that speaks to its grader or names the best label is judged twice, as written and
without those words, and the stricter reading counts. Settings put the question in both orders, several
times, or to several judges; how votes become a reading is told in `modelassay.evaluators.judging.votes`.
Answers are judged whole or not at all.

A judge's error is its own: compare scores only within one judge (its fingerprint is part of the version), and
measure it against people's labels before trusting a difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from modelassay.canonical import digest_of
from modelassay.errors import ConfigError
from modelassay.evaluators.answers import unreadable
from modelassay.evaluators.attacked import under_attack
from modelassay.evaluators.encoded_answers import read_decoded
from modelassay.evaluators.judging.bench import Seat, Spent, together
from modelassay.evaluators.judging.prompt import (
    PROMPT_VERSION,
    Case,
    Material,
    case_of,
    labels_needing,
    lacking,
    material_of,
    reminder,
)
from modelassay.evaluators.judging.verdict import EvidenceRule, Verdict, read_verdict, reply_schema
from modelassay.evaluators.judging.votes import Ballot, Decided, View, Vote, settle
from modelassay.evaluators.rubric import RUBRICS, Rubric, read_rubric
from modelassay.evaluators.settings import read_settings
from modelassay.evaluators.single import SingleAnswer
from modelassay.protocols import Target
from modelassay.records import (
    Decoding,
    Failure,
    Measure,
    Reading,
    Reply,
    Request,
    Sample,
    Score,
    Transcript,
    Unscored,
)


class Judging(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every judge model, whichever evaluator asks it."""

    max_tokens: int = 400
    """Most tokens of one verdict of a judge."""
    max_characters: int = 40_000
    """An answer that makes more characters with its request and sources is not put to a judge."""
    evidence: EvidenceRule = "adverse"
    """Which verdicts need a quotation that is in the answer: adverse ones, ``always`` or ``never``."""
    swap: bool = False
    """Ask in both orders of the labels; answers that are compared are always shown in both orders."""
    samples: int = 1
    """Verdicts of each judge, whose majority counts; more than one needs a temperature."""
    temperature: float = 0.0
    """Of the judge's replies; 0 is greedy."""
    quorum: int = 0
    """How many judges of a panel must agree; 0 for more than half."""
    judge_seed: int = 0
    """Changes the marks that fence the material, and with them every question."""


class JudgeSettings(Judging, frozen=True, kw_only=True):
    """Settings of ``llm_judge``, beside ``model`` or ``panel``."""

    rubric: Any = ""
    """Name of a rubric at hand, or a rubric written out (`modelassay.evaluators.rubric`)."""


class LanguageModelJudge(SingleAnswer):
    """Puts a rubric's question about each answer to a judge or a panel.

    Args:
        target: the judge; in a plan it is opened from the setting ``model``.
        panel: several judges in place of one; in a plan, models under ``panel``.
        settings: see `JudgeSettings`.

    Raises:
        ConfigError: no judge or no rubric, a rubric that cannot be used, or settings that do not go together.
    """

    name = "llm_judge"
    reads_attacks = True

    def __init__(
        self, target: Target | None = None, *, panel: Sequence[Target] = (), **settings: Any
    ) -> None:
        where = f"evaluators: {self.name}: settings"
        read = read_settings(JudgeSettings, self.name, settings, ("model", "panel"))
        judges = tuple(panel) if target is None else (target, *panel)
        if not judges:
            raise ConfigError(
                "no judge is named", where=f"{where}: model", mend="write it as you would write `baseline:`"
            )
        if not read.rubric:
            raise ConfigError(
                "no rubric is named", where=f"{where}: rubric", mend="known: " + ", ".join(RUBRICS)
            )
        check_judging(read, len(judges), where)
        self.rubric: Rubric = read_rubric(read.rubric, f"{where}: rubric")
        self.measures: Sequence[Measure] = (self.rubric.measure, under_attack(self.rubric.measure))
        self.spent = Spent()
        """What judging took since this judge was made."""
        self._judging: Judging = read
        self._seats = tuple(Seat(judge) for judge in judges)
        self._decoding = Decoding(temperature=f"{read.temperature:g}", max_tokens=read.max_tokens)
        self._needing = labels_needing(self.rubric, read.evidence)

    @property
    def version(self) -> str:
        """Changes with the words put to the judge, the rubric, the settings and, once known, the judges."""
        judging = msgspec.structs.asdict(self._judging)
        told = {name: str(judging[name]) for name in Judging.__struct_fields__}
        digest = digest_of([[seat.fingerprint for seat in self._seats], self.rubric.digest, told])
        return f"{PROMPT_VERSION}+{digest.removeprefix('sha256:')[:12]}"

    @property
    def applies_to(self) -> str:
        """See `SingleAnswer.applies_to`."""
        return " and ".join(
            (f"{' or '.join(self.rubric.kinds)} requests", *map("a {}".format, self.rubric.needs))
        )

    async def prepare(self) -> None:
        """Find out who judges, which settles `version`.

        Raises:
            TargetError: a judge cannot be asked at all.
            ConfigError: a panel seats one judge twice.
        """
        for seat in self._seats:
            await seat.identify()
        if len({seat.fingerprint for seat in self._seats}) < len(self._seats):
            raise ConfigError(
                "a panel seats one judge twice", where=f"evaluators: {self.name}: panel", mend="name others"
            )

    async def score(self, items: Sequence[tuple[Sample, Transcript]]) -> Sequence[Score]:
        """One score for each item of a kind that the rubric is about, and that has what it needs.

        Raises:
            TargetError: the judge cannot be asked any more.
        """
        judged = [
            (sample, transcript)
            for sample, transcript in items
            if sample.kind in self.rubric.kinds and not lacking(self.rubric, sample, transcript)
        ]
        outcomes = await read_decoded(self.outcomes, judged)
        return [
            Score(
                key=transcript.key,
                target=transcript.target,
                evaluator=f"{self.name}@{self.version}",
                measure=self.measures[1 if sample.attacked else 0].name,
                outcome=outcome,
            )
            for (sample, transcript), outcome in zip(judged, outcomes, strict=True)
        ]

    async def outcomes(self, items: Sequence[tuple[Sample, Transcript]]) -> list[Reading | Unscored]:
        """Readings of `items` of any kind, judges asked again where a first verdict cannot be used.

        Raises:
            TargetError: a judge cannot be asked any more.
        """
        await self.prepare()
        files = [_File.open(self.rubric, self._judging, *item) for item in items]
        asked = [
            _Asked(file, view, case)
            for file in files
            if isinstance(file, _File)
            for view, case in self._questions(file.material)
        ]
        await together(
            self._hear(seat, [each for each in asked if each.view.seat == number])
            for number, seat in enumerate(self._seats)
        )
        return [file if isinstance(file, Unscored) else self._outcome(file) for file in files]

    def _questions(self, material: Material) -> list[tuple[View, Case]]:
        """Every way in which one answer is put to every judge."""
        swaps = (False, True) if self._judging.swap or self.rubric.pairwise else (False,)
        redactions = (False, True) if material.redactable else (False,)
        seed = self._judging.judge_seed
        cases = {
            (swapped, redacted): case_of(self.rubric, material, swapped=swapped, redacted=redacted, seed=seed)
            for swapped in swaps
            for redacted in redactions
        }
        return [
            (View(seat, sample, redacted, swapped), case)
            for seat in range(len(self._seats))
            for sample in range(self._judging.samples)
            for (swapped, redacted), case in cases.items()
        ]

    async def _hear(self, seat: Seat, asked: list[_Asked]) -> None:
        """Ask one judge, and once more where its verdict cannot be used."""
        waiting = [(each, each.case.messages) for each in asked]
        for _ in range(2):
            replies = await seat.ask([self._request(each, messages) for each, messages in waiting])
            again = []
            for (each, messages), reply in zip(waiting, replies, strict=True):
                self.spent.add(reply)
                each.file.spent.add(reply)
                verdict = self._verdict(each.case, reply)
                each.file.said[each.view] = verdict
                if isinstance(verdict, Unscored) and isinstance(reply, Reply):
                    again.append((each, (*messages, reply.message, reminder(each.case, verdict))))
            waiting = again

    def _request(self, asked: _Asked, messages: tuple[Any, ...]) -> Request:
        return Request(
            messages=messages,
            decoding=self._decoding,
            seed=asked.view.sample,
            reply_schema=reply_schema(list(asked.case.labels)),
        )

    def _verdict(self, case: Case, reply: Reply | Failure) -> Verdict | Unscored:
        if isinstance(reply, Failure):
            return Unscored(reason=f"judge request failed: {reply.kind}")
        return read_verdict(reply.message.content, case.labels, case.mark, case.quoted, self._needing)

    def _outcome(self, file: _File) -> Reading | Unscored:
        outcome = settle(self.rubric, file.said, self._judging.quorum)
        raw = msgspec.json.encode(self._ballot(file, outcome)).decode()
        if isinstance(outcome, Unscored):
            return Unscored(reason=outcome.reason, raw=raw)
        return Reading(value=outcome.value, label=outcome.label, raw=raw, evidence=outcome.evidence)

    def _ballot(self, file: _File, outcome: Decided | Unscored) -> Ballot:
        votes = tuple(
            Vote(
                self._seats[view.seat].short,
                "+".join(
                    name
                    for name, said in (
                        (str(view.sample + 1), view.sample > 0),
                        ("redacted", view.redacted),
                        ("swapped", view.swapped),
                    )
                    if said
                ),
                each.label if isinstance(each, Verdict) else "",
                each.reason if isinstance(each, Unscored) else "",
            )
            for view, each in sorted(file.said.items())
        )
        label = outcome.label if isinstance(outcome, Decided) else None
        agreeing = sum(vote.label == label for vote in votes)
        return Ballot(
            votes=votes,
            agreement="" if label is None else f"{agreeing}/{len(votes)}",
            flags=_flags(file, outcome),
            requests=file.spent.requests,
            input_tokens=file.spent.input_tokens,
            output_tokens=file.spent.output_tokens,
        )


def check_judging(judging: Judging, judges: int, where: str) -> None:
    """Object to settings of a judge that do not go together.

    Raises:
        ConfigError: a bad number, several samples without a temperature, or a quorum that cannot be met.
    """
    problems: list[tuple[bool, str, str, str]] = [
        (judging.max_tokens < 1, "max_tokens", "a verdict needs tokens", "400 is plenty"),
        (judging.max_characters < 1, "max_characters", "no answer is so short", "40000 suits most judges"),
        (judging.samples < 1, "samples", "a judge must be asked", "1 is the default"),
        (not 0.0 <= judging.temperature <= 5.0, "temperature", "not a temperature", "0.7, for instance"),
        (
            judging.samples > 1 and judging.temperature == 0.0,
            "samples",
            "several samples of a greedy judge are one sample",
            "set `temperature: 0.7`, or leave `samples` out",
        ),
        (
            judging.quorum < 0 or judging.quorum > judges or 0 < 2 * judging.quorum <= judges,
            "quorum",
            f"{judging.quorum} of {judges} judges cannot decide",
            "more than half of the panel, and no more than it has",
        ),
    ]
    for wrong, setting, what, mend in problems:
        if wrong:
            raise ConfigError(what, where=f"{where}: {setting}", mend=mend)


class _File(msgspec.Struct):
    """One answer before the bench, and what is said of it."""

    material: Material
    said: dict[View, Verdict | Unscored]
    spent: Spent

    @classmethod
    def open(
        cls, rubric: Rubric, judging: Judging, sample: Sample, transcript: Transcript
    ) -> _File | Unscored:
        problem = unreadable(transcript)
        if problem is not None:
            return problem
        if len(transcript.answer) > judging.max_characters:
            return Unscored(reason="too long for the judge")
        if lacking(rubric, sample, transcript):
            return Unscored(reason="nothing to judge by")
        material = material_of(rubric, sample, transcript)
        if material.characters > judging.max_characters:
            return Unscored(reason="too long for the judge")
        return cls(material, {}, Spent())


class _Asked(msgspec.Struct, frozen=True):
    """One way of putting one answer to one judge."""

    file: _File
    view: View
    case: Case


Flag = Literal["addresses the judge", "redaction decides", "order decides", "no evidence"]


def _flags(file: _File, outcome: Decided | Unscored) -> tuple[Flag, ...]:
    """What was noticed about one answer."""
    labels = {view: each.label for view, each in file.said.items() if isinstance(each, Verdict)}

    def moved(**turned: bool) -> bool:
        """Whether a verdict changes with the view."""
        return any(
            labels.get(msgspec.structs.replace(view, **turned), label) != label
            for view, label in labels.items()
        )

    found: list[tuple[Flag, bool]] = [
        ("addresses the judge", file.material.speaks),
        ("redaction decides", moved(redacted=True)),
        ("order decides", moved(swapped=True)),
        ("no evidence", isinstance(outcome, Decided) and outcome.evidence is None),
    ]
    return tuple(flag for flag, is_so in found if is_so)
