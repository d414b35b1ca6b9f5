"""People as directions, and clips near them."""

import numpy as np

from rnnmm.speakers.book import Book
from rnnmm.speakers.population import Cohort, Population

DIM = 24


def clips_of(people: int, count: int, seed: int) -> np.ndarray:
    """``(people, count, DIM)``: strangers for every other seed."""
    rng = np.random.default_rng(seed)
    voices = rng.normal(size=(people, 1, DIM))
    return voices + 0.8 * rng.normal(size=(people, count, DIM)) + 1.0


def empty_book(people: int = 30, count: int = 6) -> Book:
    clips = clips_of(people, count, 2)
    speakers = tuple(f"p{who}" for who in range(people) for _ in range(count))
    cohort = Cohort(clips_of(40, 3, 1).reshape(-1, DIM), tuple(f"c{i // 3}" for i in range(120)))
    return Book("model", cohort, Population(clips.reshape(-1, DIM), speakers), {}, {})
