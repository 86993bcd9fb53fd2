"""Scanners: what a rollout's text shows of exploits, manipulation and drift, one family a file.

Every scanner has the shape of `modelassay.training.frame.Scanner`; installed ones are found by entry point
(group ``modelassay.scanners``) and opened by name (`opening`). Beside ``scan``, each has
``quote(prompt, completion)``: the verbatim words that a flag rests on. Text is hostile: it is searched and
parsed, never run, and no string makes a scanner fail.
"""
