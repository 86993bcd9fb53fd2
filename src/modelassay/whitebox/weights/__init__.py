"""Weights of two models held against each other, tensor by tensor, without loading either."""

from modelassay.whitebox.weights.appraisal import weight_findings
from modelassay.whitebox.weights.comparing import WeightComparison, compare_weights
from modelassay.whitebox.weights.declaring import Declared
from modelassay.whitebox.weights.opening import Weights, open_weights
from modelassay.whitebox.weights.spectra import Spectrum, delta_spectra
from modelassay.whitebox.weights.tallying import TensorDelta
from modelassay.whitebox.weights.task_vectors import TaskVectors, task_vectors

__all__ = [
    "Declared",
    "Spectrum",
    "TaskVectors",
    "TensorDelta",
    "WeightComparison",
    "Weights",
    "compare_weights",
    "delta_spectra",
    "open_weights",
    "task_vectors",
    "weight_findings",
]
