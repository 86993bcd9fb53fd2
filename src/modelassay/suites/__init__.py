"""Datasets: the starter suite, public sources by name, and files of the user's own.

A *suite* is a dataset with its pin. `open_suite` reads one as a plan names it, `merge` puts several
together, `sources` lists what is known by name, and `Dataset` is the view for Python.
"""

from modelassay.suites.dataset import Dataset
from modelassay.suites.download import Progress
from modelassay.suites.evaluation import DatasetEvaluation, Rate
from modelassay.suites.locate import default_cache_dir
from modelassay.suites.pins import pin_digest
from modelassay.suites.source import Location, Source, SourceFile
from modelassay.suites.sources import source, sources
from modelassay.suites.suite import DATASET_TAG, STARTER, Suite, merge, open_suite, overlaps

__all__ = [
    "DATASET_TAG",
    "STARTER",
    "Dataset",
    "DatasetEvaluation",
    "Location",
    "Progress",
    "Rate",
    "Source",
    "SourceFile",
    "Suite",
    "default_cache_dir",
    "merge",
    "open_suite",
    "overlaps",
    "pin_digest",
    "source",
    "sources",
]
