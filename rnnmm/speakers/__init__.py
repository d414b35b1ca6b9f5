"""Who speaks: comparing voices by their embeddings."""
