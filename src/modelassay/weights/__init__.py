"""Models on this machine: their folders found, their files fingerprinted, weights and tokenizers opened.

Only safetensors are opened, nothing that a model's author wrote is run unless a setting says so, and what
transformers would only warn of (weights made up at random, adapters left lying) is refused.
"""
