"""Adapters: what each file holds, what each does alone, and what they do together.

`examining.examine_adapters` looks at a declared stack of them, `check.AdaptersCheck` likewise as a plugin.
"""
