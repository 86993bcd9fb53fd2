"""The auditor audited: organisms with planted faults put through every check, and what was found of them.

`zoo` says which organisms, `examining` looks into each, `behaviour` audits each, `campaign` does all that and
can be stopped anywhere, `matrix` sums up, `certificate` signs, `nulls` measures what harmless fine-tunes do.
"""
