"""Bringing a behaviour back: arms of re-elicitation that every checkpoint can be put to alike.

Attacks (`modelassay.redteam`, such as a prefill or a paraphrase) ask in another way; a check (`retuning`)
tunes a copy for a few steps first. What they bring up shows what a model can still do, not what it would do:
see `analyses.resolution` for what follows.
"""
