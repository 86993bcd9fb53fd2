"""Suffixes that lift a local model's refusals, by optimisation, for the attack ``adversarial_suffix``."""
