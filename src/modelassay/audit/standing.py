"""Where an audit stands in the log: which id it has, its opening event, which audits are still open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from modelassay.audit.seal import lineage_bytes, policy_bytes
from modelassay.canonical import digest_bytes
from modelassay.config import plan_digest, substance
from modelassay.errors import UnknownNameError, UsageError
from modelassay.evidence.commitments import order_digest
from modelassay.evidence.events import AuditOpened, Body, DatasetRegistered, LineageDeclared, PolicyChanged
from modelassay.evidence.examined import examination_digests
from modelassay.evidence.facts import dataset_refs, evaluator_refs, model_ref, source_refs
from modelassay.evidence.ledger import HISTORICAL, History, Ledger, Logged, histories_of
from modelassay.evidence.parts import Order, Origin
from modelassay.records import DatasetPin, TargetIdentity

if TYPE_CHECKING:
    from modelassay.audit.opened import Opened


def log_opening(
    ledger: Ledger, opened: Opened, *, again: bool = False, parent: Parent | None = None
) -> History:
    """What the log says of this audit, which is opened there now unless it was before.

    With it are logged datasets that are used for the first time, the declared lineage, and a policy that is
    not the one by which the release line was judged before.

    Args:
        again: open a new attempt of an audit that came to its end.
        parent: the audit whose answers are judged again; that is no attempt of its own.

    Raises:
        StoreError: the log cannot be written.
        EvidenceError: the log is damaged.
    """
    base = _identifier(opened, parent)
    found: list[History] = []

    def bodies(known: Sequence[Logged]) -> Sequence[Body]:
        histories = histories_of(known)
        audit = current_id(base, histories, again=again)
        if audit in histories:
            found.append(histories[audit])
            return ()
        openings = [h.opening for h in histories.values() if h.opening.line == opened.plan.line]
        attempts = sum(body.parent is None for body in openings)
        body = _opening(opened, audit, attempt=parent.attempt if parent else attempts + 1, parent=parent)
        context = (*_first_uses(opened, known), *_policy_change(opened, openings, body))
        return (*context, *_lineage(body, opened), body)

    logged = ledger.append_if(bodies, *HISTORICAL, DatasetRegistered)
    return found[0] if found else History(opened=logged[-1])


def current_id(base: str, histories: Mapping[str, History], *, again: bool = False) -> str:
    """The id of the attempt to go on with: `base`, then ``base-2`` and so on after one that was given up.

    Args:
        again: begin another one also after one that was closed.
    """
    for number in count(1):
        name = base if number == 1 else f"{base}-{number}"
        history = histories.get(name)
        later = f"{base}-{number + 1}" in histories
        if history is None or not (later or history.aborted or (again and history.closed)):
            return name
    raise AssertionError("unreachable")


def history_like(histories: Mapping[str, History], audit: str) -> History:
    """The history of the audit with id `audit`, or of the only one whose id starts so.

    Raises:
        UnknownNameError: no such audit.
        UsageError: several.
    """
    matching = [audit] if audit in histories else [name for name in histories if name.startswith(audit)]
    if not matching:
        raise UnknownNameError("audit", audit, histories)
    if len(matching) > 1:
        raise UsageError(f"{len(matching)} audits start with {audit!r}", mend="write more of the id")
    return histories[matching[0]]


def audit_id(name: str, *made_of: Any) -> str:
    """A readable id that is the same for the same substance: a slug of `name`, ten hexadecimal digits."""
    digest = digest_bytes(msgspec.json.encode(made_of, order="sorted"))
    slug = "-".join("".join(c if c.isalnum() and c.isascii() else " " for c in name.lower()).split())
    return f"{slug[:40].strip('-') or 'audit'}-{digest[7:17]}"


class OpenAudit(msgspec.Struct, frozen=True, kw_only=True):
    """An audit that was opened and has no sealed folder."""

    audit: str
    name: str
    line: str
    attempt: int
    opened: str
    aborted: str = ""
    """When it was given up; empty while it is open."""
    reason: str = ""
    """Why it was given up."""


def unfinished(histories: Mapping[str, History]) -> list[OpenAudit]:
    """Audits that were opened and not closed, and those that were given up."""
    found = []
    for audit, history in histories.items():
        if history.closed is None:
            body, aborted = history.opening, history.aborted
            found.append(
                OpenAudit(
                    audit=audit,
                    name=body.name,
                    line=body.line,
                    attempt=body.attempt,
                    opened=history.opened.event.time,
                    aborted=aborted.event.time if aborted else "",
                    reason=aborted.event.body["reason"] if aborted else "",
                )
            )
    return found


def left_open(histories: Mapping[str, History], audit: str) -> list[OpenAudit]:
    """Audits of its release line that were opened before `audit`, and neither closed nor given up since."""
    this = histories[audit]
    earlier = {
        name: history
        for name, history in histories.items()
        if history.opening.line == this.opening.line and history.opened.place.seq < this.opened.place.seq
    }
    return [each for each in unfinished(earlier) if not each.aborted]


class Parent(NamedTuple):
    """The audit whose answers are judged again."""

    origin: Origin
    attempt: int
    """Its number in its release line."""


def _identifier(opened: Opened, parent: Parent | None) -> str:
    identities = [_by_files(side.identity) for side in opened.sides]
    datasets = [_without_selection(pin) for pin in opened.asked.pins]
    made_of: tuple[Any, ...] = (opened.policy, datasets, identities, opened.pins, opened.lineage)
    if opened.examinations:
        made_of = (*made_of, examination_digests(opened.examinations))
    if parent is not None:
        made_of = (*made_of, parent.origin, opened.reviewed)
    return audit_id(opened.plan.name, substance(opened.plan), *made_of)


def _without_selection(pin: DatasetPin) -> dict[str, Any]:
    """`pin` without how its rows were chosen: that is the plan's, and ids are older than what a pin says."""
    told = msgspec.to_builtins(pin)
    return {key: value for key, value in told.items() if key not in ("whole", "where", "left_out")}


def _by_files(identity: TargetIdentity) -> TargetIdentity:
    """`identity` without facts of its tokenizer: they follow from its files, and ids are older than they."""
    artifacts = (
        msgspec.structs.replace(each, details={}) if each.kind == "tokenizer" else each
        for each in identity.artifacts
    )
    return msgspec.structs.replace(identity, artifacts=tuple(artifacts))


def _opening(opened: Opened, audit: str, *, attempt: int, parent: Parent | None) -> AuditOpened:
    from modelassay.evidence.drawing import share_of  # brings in the statistics, which looking up needs not

    plan = opened.plan
    baseline, candidate = (model_ref(side.identity) for side in opened.sides)
    keys = [question.key for question in opened.questions]
    return AuditOpened(
        audit=audit,
        name=plan.name,
        line=plan.line,
        attempt=attempt,
        plan=plan_digest(plan),
        policy=digest_bytes(policy_bytes(opened.policy)),
        order=Order(seed=plan.seed, questions=len(keys), digest=order_digest(keys)),
        datasets=dataset_refs(opened.asked.pins),
        evaluators=evaluator_refs(opened.pins),
        baseline=baseline,
        candidate=candidate,
        drawn=opened.suite.committed(share_of(attempt)) if opened.suite else None,
        parent=parent.origin if parent else None,
        examinations=examination_digests(opened.examinations),
        imported=source_refs(opened.imported),
    )


def _first_uses(opened: Opened, known: Sequence[Logged]) -> list[Body]:
    """An event for each dataset that the log has not seen at this digest."""
    seen = {
        (e.event.body["name"], e.event.body["digest"])
        for e in known
        if e.event.kind == DatasetRegistered.kind
    }
    return [
        DatasetRegistered(
            name=pin.name, digest=pin.digest, rows=pin.rows, source=pin.source, licence=pin.licence
        )
        for pin in opened.asked.pins
        if (pin.name, pin.digest) not in seen
    ]


def _policy_change(opened: Opened, attempts: Sequence[AuditOpened], body: AuditOpened) -> list[Body]:
    """An event when the line was judged by another policy at its last attempt."""
    if not attempts or attempts[-1].policy == body.policy:
        return []
    before, name = attempts[-1].policy, opened.policy.name
    return [PolicyChanged(line=body.line, name=name, before=before, after=body.policy)]


def _lineage(body: AuditOpened, opened: Opened) -> list[Body]:
    """An event for what the candidate is declared to be made from."""
    if opened.lineage is None:
        return []
    digest = digest_bytes(lineage_bytes(opened.lineage))
    return [LineageDeclared(audit=body.audit, subject=body.candidate.fingerprint, lineage=digest)]
