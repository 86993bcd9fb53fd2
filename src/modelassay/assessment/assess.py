"""A training run assessed: the only place that knows the order of it.

Read every rollout once through every scanner → gates, which say what is no evidence → does the log follow
from the rollouts → how far the run can be believed → for each behaviour that occurs: reinforced? emerged?
patched or resolved? → over-optimised? → how the developer answered → questions, clauses, timeline. The same
run and files give the same record, byte for byte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np

from modelassay.assessment import behaviours as behaving
from modelassay.assessment.absent_parts import not_fine_without
from modelassay.assessment.asked_checkpoints import Held, held_to_checkpoints
from modelassay.assessment.assurance import Assured, assure, raised
from modelassay.assessment.classing import read_classes
from modelassay.assessment.counted_checkpoints import counted_alone, trajectories
from modelassay.assessment.evaluations import Evaluations, arms_of, read_evaluations, variants_of
from modelassay.assessment.handed_data import handed_over
from modelassay.assessment.handed_tasks import handed_tasks
from modelassay.assessment.heldout import heldout_findings
from modelassay.assessment.inputs import file_digest, inputs_of, read_told
from modelassay.assessment.parts_read import as_far_as_checked
from modelassay.assessment.preferring import preference_findings
from modelassay.assessment.profiles import Facts, clauses_of
from modelassay.assessment.quoting import quoted
from modelassay.assessment.request import Request, places_in_log
from modelassay.assessment.summary import headline, not_assessed, plain_name, questions, ranked
from modelassay.assessment.timeline import timeline_of
from modelassay.assessment.unread_calls import as_far_as_read, unread_calls
from modelassay.assessment.unread_languages import as_far_as_understood, unread_languages
from modelassay.canonical import canonical_json, digest_of
from modelassay.errors import EvidenceError
from modelassay.records import (
    Assessment,
    RunEvent,
    RunFinding,
    RunMetrics,
    RunPhase,
)
from modelassay.records.findings import AssuranceTier
from modelassay.training.agents import agents_of
from modelassay.training.analyses.developer_response import assess_response
from modelassay.training.analyses.environment_pressure import assess_environments
from modelassay.training.analyses.fix_class import FixClassed
from modelassay.training.analyses.fix_in_record import recorded_of
from modelassay.training.analyses.form import assess_form
from modelassay.training.analyses.length import assess_length
from modelassay.training.analyses.response_context import ResponseContext
from modelassay.training.coverage_gate import torn_ends, unread_lines
from modelassay.training.event_times import Order, in_order
from modelassay.training.frame import Frame, Scanner, read_frame
from modelassay.training.gates import Gates, run_gates
from modelassay.training.happenings import Episode, episodes
from modelassay.training.lacking import lacks_of
from modelassay.training.other_rewards import other_rewards_of
from modelassay.training.reconciled import reconciliation_findings
from modelassay.training.reconciliation import prompt_tokens_of, reconcile
from modelassay.training.run import Run
from modelassay.training.scanners.foreign_texts import ForeignTexts
from modelassay.training.scanners.opening import open_scanners
from modelassay.training.scanners.template_collapse import TemplateCollapse
from modelassay.training.scanners.unread_calls import UnreadCalls
from modelassay.training.size_changes import size_changes_of
from modelassay.training.stretches import stretches_of
from modelassay.training.understanding import understood
from modelassay.training.verdict_gate import judge_gate, verdicts_of
from modelassay.version import __version__

LIMITS = (
    "Nothing here proves that no other run was made: what was never recorded leaves no trace here.",
    "Scanners find what they know; a behaviour without a scanner is not in this report.",
    "Reward differentials speak of what was rewarded, not of what the model wants.",
    "What the developer says of alarms, fixes and verifications is taken as written down; whether it was "
    "written down in time is checked where a log says when, and a fix against code, settings and data where "
    "the record tells of them.",
)


_TRAINING: Final[tuple[RunPhase, ...]] = ("train",)
_EVALUATIONS: Final[tuple[RunPhase, ...]] = ("eval",)
_BOTH: Final = (*_TRAINING, *_EVALUATIONS)


@dataclass(frozen=True)
class _Read:
    """A run, read once."""

    run: Run
    frame: Frame
    gates: Gates
    events: tuple[RunEvent, ...]
    metrics: tuple[RunMetrics, ...]
    scanners: tuple[Scanner, ...]
    classes: tuple[FixClassed, ...]
    """Classes that the assessor gave fixes."""
    places: Mapping[str, int]
    """See `request.places_in_log`."""
    unread: UnreadCalls
    foreign: ForeignTexts

    def as_far_as_read(self, findings: Iterable[RunFinding]) -> tuple[RunFinding, ...]:
        """`findings`, none of which calls fine what was not read or not understood."""
        return as_far_as_understood(as_far_as_read(findings, self.unread), self.foreign)

    @property
    def valid(self) -> Frame:
        """The frame as statistics may use it: what is invalid counts as failed."""
        return replace(self.frame, failed=self.gates.invalid)


def assess(run: Run, request: Request, progress: Callable[[int], None] = lambda rows: None) -> Assessment:
    """Assess `run`.

    Args:
        progress: told after each batch how many rollouts have been read.

    Raises:
        UsageError: a file or name of the request cannot be used.
        EvidenceError: the run, or something given with it, is damaged or contradicts itself.
    """
    read = _read(run, request, progress)
    gates = read.gates
    reconciled = _reconciled(read)
    assured = assure(run, reconciled, request.proofs)
    shown = behaving.occurring(read.valid)
    fixes = _fixes(read, request)
    held = _evaluations(read, request, fixes)
    resolved, settings, with_arms = _resolutions(read, shown, request, fixes, held)
    told = with_arms or request.events is not None  # beside the rollouts it rests on what was handed over
    found: list[RunFinding] = [
        *unread_lines(run),
        *torn_ends(run),
        *unread_calls(read.unread),
        *unread_languages(read.foreign),
        *_judged(read),
        *read.as_far_as_read(_of_rollouts(read, request, shown, fixes)),
        *assess_response(read.events, _context(read, request)),
    ]
    findings = ranked(
        quoted(
            run,
            not_fine_without(
                as_far_as_checked(
                    (
                        *raised((*gates.findings, *found), assured.tier, _limits(assured, request)),
                        *raised(
                            gates.on_remainder(read.as_far_as_read(resolved), _BOTH),
                            assured.tier,
                            {"resolution": "T1"} if told else {},
                        ),
                        *raised(reconciled, assured.tier, {"reconciliation": "T2"}),
                    ),
                    assured.withheld,
                    assured.unchallenged,
                ),
                assured.gaps,
            ),
            read.scanners,
        )
        + assured.findings
        + raised((*_handed(run, request), *(held.findings if held else ())), "T1", {})
    )
    record = _record(read, request, assured, shown, findings, settings)
    try:
        canonical_json(record)
    except ValueError as error:
        raise EvidenceError(f"the run holds what evidence may not: {error}", where=str(run.folder)) from error
    return record


def _read(run: Run, request: Request, progress: Callable[[int], None]) -> _Read:
    """The run through every scanner, its events in order, and what its gates say."""
    scanners = open_scanners(request.scanners, request.patterns)
    unread, foreign = UnreadCalls(), ForeignTexts()
    frame = read_frame(run, (*scanners, unread, foreign), progress)
    events = in_order((*run.events(), *read_told(request.events)))
    classes = read_classes(request.classes, events)
    gates = run_gates(frame, run.manifest, run.coverage())
    metrics, places = tuple(run.metrics()), places_in_log(request)
    return _Read(run, frame, gates, events, metrics, scanners, classes, places, unread, foreign)


def _of_rollouts(
    read: _Read, request: Request, shown: Sequence[str], fixes: Sequence[behaving.FixPoint]
) -> Iterator[RunFinding]:
    """What statistics over the rollouts find that the gates let through, as far as enough was let through."""
    on_remainder = read.gates.on_remainder
    for name in shown:
        yield from on_remainder(_behaviour(read, name, fixes), _TRAINING)
    yield from on_remainder(behaving.in_evaluations(read.valid), _EVALUATIONS)
    for each in heldout_findings(read.valid, read.metrics, read.run.manifest, request.held_out):
        scored = each.slice["held_out"] in read.frame.rewards  # else it was logged, maybe of evaluations
        yield from on_remainder((each,), _TRAINING if scored else _BOTH)
    yield from on_remainder(assess_length(read.valid), _TRAINING)
    yield from on_remainder(_form(read), _TRAINING)
    yield from on_remainder(assess_environments(read.valid, read.run), _TRAINING)


def _record(
    read: _Read,
    request: Request,
    assured: Assured,
    shown: Sequence[str],
    findings: tuple[RunFinding, ...],
    settings: Mapping[str, str],
) -> Assessment:
    run = read.run
    inputs = inputs_of(run, request)
    facts = Facts(
        run.manifest,
        run.coverage(),
        run.datasets(),
        len(run.checkpoints()),
        frozenset(name for each in read.metrics[:50] for name in each.values),
        findings,
    )
    scanners = {scanner.name: scanner.version for scanner in read.scanners}
    settings = {**request.settings, **settings}
    told = [inputs, request.declaration, scanners, settings, __version__]
    return Assessment(
        id=f"{plain_name(run.manifest.id)}-{request.profile}-{digest_of(told)[7:17]}",
        run=run.manifest,
        coverage=run.coverage(),
        profile=request.profile,
        declaration=request.declaration,
        headline=headline(findings, assured.tier),
        assurance=assured.steps,
        tier=assured.tier,
        findings=findings,
        questions=questions(findings),
        not_assessed=not_assessed(findings, run, fixes=bool(settings.get("fixes"))),
        clauses=clauses_of(request.profile, facts),
        timeline=timeline_of(read.frame, read.gates, shown, read.events, read.run, findings),
        rollouts=len(read.frame),
        scanners=scanners,
        settings=settings,
        inputs=inputs,
        limits=LIMITS,
        tool_version=__version__,
    )


def _reconciled(read: _Read) -> tuple[RunFinding, ...]:
    coverage = read.run.coverage()
    result = reconcile(
        read.frame,
        read.metrics,
        group_size=read.run.manifest.group_size,
        prompt_tokens=prompt_tokens_of(read.run),
        repeated=coverage.repeated_steps if coverage else (),
        stretch=stretches_of(read.run),
        lacks=lacks_of(read.run),
        survivors=read.run.manifest.population == "trained_on",
        agents=agents_of(read.run),
        changes=size_changes_of(read.run),
        other_rewards=other_rewards_of(read.run),
    )
    return reconciliation_findings(result, read.frame)


def _judged(read: _Read) -> tuple[RunFinding, ...]:
    """Of judges' verdicts, where the record has any."""
    if all(batch.column(0).null_count == batch.num_rows for batch in read.run.batches(["grader_output"])):
        return ()
    finding = judge_gate(verdicts_of(read.run))[1]
    return () if finding is None else (finding,)


def _form(read: _Read) -> tuple[RunFinding, ...]:
    """Whether completions came to be alike, where the scanner that sees it was asked."""
    seen = (each.steps for each in read.scanners if isinstance(each, TemplateCollapse))
    return tuple(f for steps in seen for f in assess_form(steps, read.gates.invalid_steps))


def _fixes(read: _Read, request: Request) -> tuple[behaving.FixPoint, ...]:
    fixed_at = request.fixed_at
    if fixed_at is None and (request.stages or read.run.manifest.continues) and request.evaluations:
        fixed_at = 0  # it continues the run of an incident: all of it may be after a fix
    return behaving.fix_points(_episodes(read), fixed_at)


def _episodes(read: _Read) -> tuple[Episode, ...]:
    """Alarms and what was done about them; what cannot be understood is named by `assess_response`."""
    listed = understood(read.events)[0]
    return episodes(listed, Order(listed, places=read.places))


def _behaviour(read: _Read, name: str, fixes: Sequence[behaving.FixPoint]) -> tuple[RunFinding, ...]:
    invalid = sorted(read.gates.invalid_steps)
    return behaving.reinforcement_and_emergence(read.valid, name, read.run.manifest, invalid, fixes)


def _evaluations(read: _Read, request: Request, fixes: Sequence[behaving.FixPoint]) -> Held | None:
    """Evaluations of checkpoints that are what they are called; None where there are none."""
    if request.evaluations is None:
        return None
    run = read.run.manifest.id
    held = held_to_checkpoints(read_evaluations(request.evaluations), run, read.run.checkpoints())
    return held if fixes else replace(held, findings=(*held.findings, *trajectories(held.given, run)))


def _resolutions(
    read: _Read,
    shown: Sequence[str],
    request: Request,
    fixes: Sequence[behaving.FixPoint],
    held: Held | None,
) -> tuple[tuple[RunFinding, ...], dict[str, str], bool]:
    """Patched or resolved, what was chosen for it, and whether checkpoints were asked."""
    settings = {"fixes": ", ".join(str(fix.after) for fix in fixes)} if fixes else {}
    counted = counted_alone(held.given, read.valid.flags) if held else []
    asked: dict[str, dict[int, behaving.Asked]] = {name: {} for name in (*shown, *counted)}
    for name, fix in product(asked, fixes):
        given = held.usable(read.run.manifest.id, request.stages.values(), fix.after) if held else None
        if given is not None:
            asked[name][fix.after], chosen = _arms(given, name, read, request, fix)
            settings |= {f"compared {fix.name}".strip(): chosen} if chosen else {}
    found = [
        finding
        for name in shown
        for finding in behaving.resolutions(read.valid, name, fixes, asked[name], read.run.manifest)
    ]
    found += [f for name in counted for f in behaving.counted_resolutions(name, fixes, asked[name])]
    found += behaving.fixes_without_step(_episodes(read))
    return tuple(found), settings, any(one.arms for each in asked.values() for one in each.values())


def _arms(
    given: Evaluations, name: str, read: _Read, request: Request, fix: behaving.FixPoint
) -> tuple[behaving.Asked, str]:
    """What checkpoints before and after `fix` answered, and which they are."""
    if name not in given.behaviours:
        return behaving.Asked(), ""
    arms, stages = arms_of(
        given,
        name,
        read.run.manifest.id,
        request.stages,
        fixed=fix.after > 0,
        since=fix.after,
        environments=read.frame.envs,
        between=None if fix.until is None else (fix.after, fix.until),
    )
    if stages is None:
        return behaving.Asked(), ""
    between = f", between {' '.join(stages.between)}" if stages.between else ""
    return (
        behaving.Asked(arms, variants_of(given, name, stages, read.frame.envs)),
        f"base {stages.base}, incident {stages.incident}, after {stages.after}{between}",
    )


def _handed(run: Run, request: Request) -> tuple[RunFinding, ...]:
    """Of training data and task files that were handed over."""
    reviewed = handed_over(request.data, run.datasets(), _preferred(request))
    return (*reviewed, *handed_tasks(request.tasks))


def _preferred(request: Request) -> tuple[RunFinding, ...]:
    """Of pairs among training data that was handed over."""
    return preference_findings(request.data, request.scanners, request.patterns) if request.data else ()


def _context(read: _Read, request: Request) -> ResponseContext:
    train = read.frame.step[read.frame.is_train]
    coverage = read.run.coverage()
    handed = [path for path in (request.evaluations, *request.proofs.further) if path is not None]
    return ResponseContext(
        last_step=int(np.max(train, initial=0)),
        missing_steps=coverage.missing_steps if coverage else (),
        repeated_steps=coverage.repeated_steps if coverage else (),
        logged=request.logged,
        unseen=request.unseen,
        classes=read.classes,
        environments=frozenset(filter(None, read.frame.envs)),
        recorded=recorded_of(read.events, read.run.manifest.configuration, read.run.datasets()),
        handed=frozenset(file_digest(path) for path in handed),
        places=read.places,
        log_opened=request.proofs.log.opened,
    )


def _limits(assured: Assured, request: Request) -> dict[str, AssuranceTier]:
    """Checks that rest on something else than rollouts.

    Events that were told apart from the run were never committed to, and every alarm is read beside them.
    """
    committed = assured.events_committed and request.events is None
    return {
        "developer_response": "T4" if committed else "T0",
        "overoptimisation": "T2",
    }
