"""Encoder and head: inputs to scores. No loss, no argmax, no text."""
