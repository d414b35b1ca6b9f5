"""Recipes: one dataset each, files to manifest. No media in the repository."""
