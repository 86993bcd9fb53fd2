"""Runs that a training framework left on disk, as canonical rollouts with a statement of coverage.

No training code is changed and nothing of a run is executed: a pickle (``training_args.bin``) is never
loaded. One module per framework; each knows its layout by what lies in the folder, and yields rollouts in a
stream. What cannot be read is kept in quarantine with its place and the reason; what is missing is said.
"""

from __future__ import annotations

from modelassay.training.importers.importing import FRAMEWORKS, detect, import_run
from modelassay.training.importers.opened import ImportOptions

__all__ = ["FRAMEWORKS", "ImportOptions", "detect", "import_run"]
