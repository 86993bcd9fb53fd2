"""Pre-deployment → gate → post-deployment in one document: what monitoring is given of a sealed audit.

`hand_over` is a pure function of `SealedFacts` (what was sealed, and what people and the store say of it) and
of what was asked for; the same input gives the same bytes. `document` is the contract with whoever watches,
published as ``docs/schemas/handover.schema.json``; `read_handover` is its strict reader.
"""

from modelassay.handover.document import Handover, handover_bytes, read_handover
from modelassay.handover.facts import SealedFacts
from modelassay.handover.handing import RefusedError, hand_over

__all__ = ["Handover", "RefusedError", "SealedFacts", "hand_over", "handover_bytes", "read_handover"]
