"""The live recorder: everything that a training run generates, kept while it runs, never in its way.

::

    training thread ──▶ Backlog ──▶ Writer (thread) ──▶ parts of rollouts, lines of events and metrics
                        (bounded,                  └──▶ Clerk (thread) ──▶ digests of checkpoints, the log
                         spills to disk)

A *process* in the record (the column ``rank``) is one uninterrupted stretch of one training process, in which
steps only go forward. A resumed run, or a trainer that starts over, continues under a number of its own, so
that each has a chain of step records that nobody has to pick up.
"""
