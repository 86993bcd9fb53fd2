"""What a candidate's hidden states say, beside its base's: basis, refusal direction, separability, lens."""

from modelassay.whitebox.activations.check import ActivationsCheck, examine_activations

__all__ = ["ActivationsCheck", "examine_activations"]
