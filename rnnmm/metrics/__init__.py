"""References and hypotheses to counts, counts to figures: pure functions."""
