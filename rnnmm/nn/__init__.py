"""Layers: recurrence, convolution, pooling, attention, all blind to padding."""
