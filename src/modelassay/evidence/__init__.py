"""Evidence with meaning: events, statements, sealed bundles, their verification, and admission.

`log` keeps bytes; this room gives them the words of `records`, recomputes findings and verdicts from
what was sealed, and never needs an evaluator, a model, a network or a store to check a bundle.
"""
