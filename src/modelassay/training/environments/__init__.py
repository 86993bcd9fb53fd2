"""Environments that a policy is trained in: their tasks read, their records counted, their graders probed."""
