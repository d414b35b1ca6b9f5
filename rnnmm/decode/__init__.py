"""Scores to hypotheses: pure functions."""
