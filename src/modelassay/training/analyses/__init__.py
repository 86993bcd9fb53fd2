"""Questions asked of a training run, one file each: from a `Frame` and small records to findings, purely."""
