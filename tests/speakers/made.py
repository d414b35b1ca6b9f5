"""People as directions, and clips near them."""

import numpy as np

from rnnmm.speakers.book import Book
from rnnmm.speakers.population import Population

DIM = 24


def clips_of(people: int, count: int, seed: int) -> np.ndarray:
    """``(people, count, DIM)``: strangers for every other seed."""
    rng = np.random.default_rng(seed)
    voices = rng.normal(size=(people, 1, DIM))
    return voices + 0.8 * rng.normal(size=(people, count, DIM)) + 1.0


def empty_book(people: int = 30, count: int = 6) -> Book:
    cohort = clips_of(40, 1, 1)[:, 0]
    clips = clips_of(people, count, 2)
    speakers = tuple(f"p{who}" for who in range(people) for _ in range(count))
    return Book("model", cohort, Population(clips.reshape(-1, DIM), speakers), {}, {})
