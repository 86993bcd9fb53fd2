"""Beginnings of answers after which a local model no longer refuses, for the attack ``prefill``."""
