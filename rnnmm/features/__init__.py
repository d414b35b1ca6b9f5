"""What a model sees: batched, pure, the same code on CPU and GPU."""
