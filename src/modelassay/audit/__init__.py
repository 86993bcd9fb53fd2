"""The audit: from a plan to a sealed folder with verdict and report, logged and signed.

`conduct` knows the order of things; `parts` opens what a plan names and `opened` keeps it at hand, `forecast`
says what it would take, `standing` logs the opening, `asking` asks, `judging` compares and decides,
`examples` and `limits` choose what a reader sees, `seal` writes the folder. Read `conduct` first.

Only what reads finished audits is at hand here; who runs one imports `conduct.audit`, which brings in
the engine and the statistics.
"""

from modelassay.audit.parts import Places
from modelassay.audit.seal import audit_ids, read_audit

__all__ = ["Places", "audit_ids", "read_audit"]
