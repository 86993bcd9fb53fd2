"""The shape of what events say."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from modelassay.records import EventKind


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an event says; one subclass for each kind."""

    kind: ClassVar[EventKind]
