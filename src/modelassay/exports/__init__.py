"""A finished audit in the formats of other tools: pure functions of the sealed record."""
