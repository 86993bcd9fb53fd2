"""The evidence log: bytes only. Tiles, tree heads, proofs, signatures, witnesses, and their verification.

Knows nothing of audits: it keeps and checks bytes, with the standard library and `cryptography` alone,
so that a stranger can read it whole and need nothing else to check a log.
"""
