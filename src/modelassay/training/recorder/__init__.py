"""The live recorder: everything that a training run generates, kept while it runs, never in its way.

::

    training ──▶ spool (a file: one write) ─ ─ ▶ scribe (a process beside it) ──▶ parts of rollouts, lines
                                                   └──▶ clerk (its thread) ──▶ the log

The training thread encodes and appends, and that is all it pays for. The scribe makes Arrow batches, hashes
and step records, seals Parquet files and writes the log, at low priority and without the interpreter of
training. Either can be killed at any instant: what was appended is read again from where the files end.

A *process* in the record (the column ``rank``) is one uninterrupted stretch of one training process, in which
steps only go forward. A resumed run, or a trainer that starts over, continues under a number of its own, so
that each has a chain of step records that nobody has to pick up.
"""
