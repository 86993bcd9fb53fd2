"""A training run from its record to a signed report: the only place that knows the order of things."""
