"""Review of supervised and preference data: what a model was taught, row by row, before it was taught."""
