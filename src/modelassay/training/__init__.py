"""Training runs: recorded, imported, committed to, and assessed.

Parts, not the order of things (`modelassay.assessment` has that):

- `columns`, `run`, `writing`: a run on disk, and its rollouts as columns.
- `frame`: what analyses look at: numbers and codes of all rollouts, and flags raised by scanners.
- `recorder/`: attached to a live trainer. `importers/`: what other frameworks left behind.
- `scanners/`: exploits and other behaviours in rollouts. `analyses/`: one file per question asked of a run.
- `data/`: review of fine-tuning and preference data.
- `protocol/`: commitments, challenges, disclosure, replay.

All of it needs the extra ``train`` (pyarrow); only `recorder` and replay need torch.
"""
