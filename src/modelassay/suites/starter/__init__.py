"""The built-in starter suite: mild requests, written for this product, that need no download.

`starter_samples` gives every sample; `docs/starter-suite.md` says what is in it and what it cannot
show. The requests lie as reviewable JSON Lines in ``data/``: ``rows`` reads them, ``assembly`` turns
them into samples, ``counts`` tabulates them.
"""

from modelassay.suites.starter.assembly import STARTER_DATED, STARTER_VERSION, starter_samples
from modelassay.suites.starter.counts import counts_table

__all__ = ["STARTER_DATED", "STARTER_VERSION", "counts_table", "starter_samples"]
