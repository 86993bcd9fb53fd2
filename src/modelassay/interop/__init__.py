"""Results of other tools, read strictly and paired: the materials of an imported audit.

`read_run` tells the format of a file and reads it into a `Run`; `pair_runs` matches two runs by question;
`choose_measures` makes measures of their scorers. Pure but for reading the files; nothing here compares.
"""

from modelassay.interop.comparable import check_comparable
from modelassay.interop.formats import FORMATS, read_run
from modelassay.interop.measures import Chosen, Scale, choose_measures
from modelassay.interop.pairing import SIDES, Paired, pair_runs
from modelassay.interop.run import Item, KnownDecoding, Mark, Run, Scorer, SourceFile, merged

__all__ = [
    "FORMATS",
    "SIDES",
    "Chosen",
    "Item",
    "KnownDecoding",
    "Mark",
    "Paired",
    "Run",
    "Scale",
    "Scorer",
    "SourceFile",
    "check_comparable",
    "choose_measures",
    "merged",
    "pair_runs",
    "read_run",
]
