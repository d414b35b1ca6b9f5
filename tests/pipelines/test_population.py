from typing import Any

import pytest

from rnnmm.pipelines import population

CONFIG: dict[str, Any] = {
    "split": "val",
    "dataset": {"root": "own"},
    "extra": None,
    "store": {"root": "stores"},
    "run": {"dir": "run"},
}
VOICES = {"_target_": "rnnmm.data.voices.prepare"}


class StoredError(Exception):
    pass


@pytest.mark.parametrize(
    ("trained", "asked", "is_own_store"),
    [
        ({}, {}, True),
        ({}, {"dataset": {"root": "other"}}, False),
        ({"extra": VOICES}, {"extra": VOICES}, False),
    ],
)
def test_strangers_are_people_of_the_dataset(
    trained: dict[str, Any], asked: dict[str, Any], is_own_store: bool, monkeypatch
) -> None:
    seen: list[Any] = []

    def stop(config: Any) -> None:
        seen.append(config)
        raise StoredError

    monkeypatch.setattr(population, "read_config", lambda run_dir: {**CONFIG, **trained})
    monkeypatch.setattr(population, "preprocess", stop)
    with pytest.raises(StoredError):
        population.learn_book({**CONFIG, **asked}, None, "model")
    (config,) = seen
    assert config["extra"] is None
    assert (config["store"] == CONFIG["store"]) == is_own_store
