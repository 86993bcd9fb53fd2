"""Manual red teaming: a person talks to candidate and baseline side by side, and notes what they find.

A session is a list of events (`events`), each on the disk before anything follows from it; what stands where
(`state`) is computed from them. `Session` is what a terminal or a browser drives; `evidence` makes an
`Examination` of it.
"""

from modelassay.redteam.sessions.events import SEVERITIES, SessionLog
from modelassay.redteam.sessions.evidence import examination_of, write_session
from modelassay.redteam.sessions.session import Session
from modelassay.redteam.sessions.state import Conversation, Note, Said, State, state_of

__all__ = [
    "SEVERITIES",
    "Conversation",
    "Note",
    "Said",
    "Session",
    "SessionLog",
    "State",
    "examination_of",
    "state_of",
    "write_session",
]
