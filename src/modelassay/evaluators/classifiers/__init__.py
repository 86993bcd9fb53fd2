"""Classifier models from the Hugging Face hub, or from a folder, as the engine of an evaluator.

`open_classifier` reads the setting ``classifier:``, `HubClassifier` finds, fingerprints, loads and asks the
model; a module per family knows what its models are asked and how their answer is read. The formats of the
prompts are those that the models were trained on, as their model cards give them.
"""

from __future__ import annotations

from modelassay.evaluators.classifiers.hub import ClassifierSettings, HubClassifier, open_classifier
from modelassay.evaluators.classifiers.questions import Exchange, Judgement, Question

__all__ = ["ClassifierSettings", "Exchange", "HubClassifier", "Judgement", "Question", "open_classifier"]
