"""What can be seen of a model by looking inside it: its weights, without running it.

Everything here supplies findings; it decides nothing and knows no order of an audit.
"""
