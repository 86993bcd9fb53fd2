"""What the claims of a verdict rest on beside its findings, read from the sealed files again."""

from __future__ import annotations

from modelassay.canonical import Digest
from modelassay.evidence.chain import Chain
from modelassay.evidence.commitments import order_digest
from modelassay.evidence.contents import Contents
from modelassay.evidence.facts import calibration_ids
from modelassay.evidence.recompute import order_of
from modelassay.records import Ground


def ground_of(contents: Contents, chain: Chain) -> Ground:
    """The ground of the audit's claims.

    Where answers are withheld, or only some were drawn, the order is taken from ``audit.opened``, which holds
    its digest.

    Raises:
        EvidenceError: the answers are not in an order.
        NotDoneError: not all were asked and shown, and the opening event is not there.
    """
    record = contents.record
    order = order_of(contents)
    keys = [key for key in order if key is not None]
    whole = len(keys) == len(order) and record.sequential is None
    return Ground(
        seed=record.seed,
        questions=len(contents.samples.lines) * record.epochs,
        asked=len(order),
        order=order_digest(keys) if whole else Digest(chain.opened.body.order.digest),
        calibrations=calibration_ids(record.evaluators),
    )
