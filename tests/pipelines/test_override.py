from typing import Any

import pytest

from rnnmm.pipelines.override import apply_override, parse_overrides, quoted

OPTIONS = {"dataset": ["an4", "fsdd"], "model": ["crnn"]}


def config() -> dict[str, Any]:
    return {
        "seed": 0,
        "run": {"dir": None},
        "dataset": None,
        "model": {"_target_": "x", "layers": [1, 2], "encoder": {"_target_": "y", "dim": 3}},
    }


def applied(*words: str) -> dict[str, Any]:
    parsed, faults = parse_overrides(words)
    assert faults == []
    changed = config()
    for one in parsed:
        apply_override(changed, one, OPTIONS)
    return changed


@pytest.mark.parametrize(
    "key", ["run.dir", "run.out", "store.root", "dataset.root", "+dataset.path"]
)
@pytest.mark.parametrize(
    "path",
    [
        "a b",
        "ä,ö",
        "set (1)",
        "it's",
        "[x]",
        "{x: y}",
        "007",
        "a=b",
        "b\\",
        "b\\'s",
        "#",
        "~/x",
        "a\nb",
    ],
)
def test_paths_are_taken_as_typed(key: str, path: str) -> None:
    (override,), faults = parse_overrides([f"{key}={path}"])
    assert faults == []
    assert override.value() == path


@pytest.mark.parametrize(
    ("word", "value"),
    [("run.out=null", None), ("run.dir='a b'", "a b"), ('run.dir="a b"', "a b"), ("run.dir=", "")],
)
def test_a_path_may_be_null_quoted_or_empty(word: str, value: str | None) -> None:
    assert parse_overrides([word])[0][0].value() == value


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("a.wav", ["a.wav"]),
        ("[a.wav,b.mp4]", ["a.wav", "b.mp4"]),
        ("a.wav, b.mp4", ["a.wav", "b.mp4"]),
        ("[]", []),
        ("größe (1).wav", ["größe (1).wav"]),
        ("[it's a, b=c{d}.wav, 007,]", ["it's a", "b=c{d}.wav", "007"]),
        ("[[x].wav,y\\]", ["[x].wav", "y\\"]),
        ("[x].wav", ["[x].wav"]),
        ("['a, b.wav',\"c d\"]", ["a, b.wav", "c d"]),
        ("'a, b.wav'", "a, b.wav"),
        ("null", None),
    ],
)
@pytest.mark.parametrize("plus", ["", "++"])
def test_inputs_are_taken_as_typed(plus: str, value: str, names: object) -> None:
    (override,), faults = parse_overrides([f"{plus}inputs={value}"])
    assert faults == []
    assert override.value() == names


def test_quoted_keeps_every_character() -> None:
    text = "a\\'b\\\\c\\"
    assert parse_overrides([f"x={quoted(text)}"])[0][0].value() == text


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("--multirun", "not an override (expected key=value without dashes)"),
        ("fsdd_asr", "not an override (expected key=value)"),
        ("seed=(", "cannot be read (special characters need two pairs of quotes: seed='\"...\"')"),
        ("model=a,b", "several values (expected one; a list is model=[a,b])"),
        ("seed=range(1,3)", "several values (expected one; a list is seed=[a,b])"),
        ("model=glob(*)", "several values (expected one; a list is model=[a,b])"),
        ("+dataset@hydra.job_logging=an4", "a group cannot be moved to another package"),
        ("hydra.run.dir=x", "Hydra's own settings cannot be changed"),
        ("hydra/launcher=basic", "Hydra's own settings cannot be changed"),
        ("hydra=x", "Hydra's own settings cannot be changed"),
        ("+hydra.job_logging.x=1", "Hydra's own settings cannot be changed"),
        ("++hydra.callbacks.x._target_=os.system", "Hydra's own settings cannot be changed"),
        ("~hydra.run", "Hydra's own settings cannot be changed"),
        ("hydra.searchpath=[/tmp]", "Hydra's own settings cannot be changed"),
    ],
)
def test_a_word_is_refused_with_a_reason(word: str, fault: str) -> None:
    parsed, faults = parse_overrides(["seed=1", word, "seed=2"])
    assert faults == [f"{word}: {fault}"]
    assert [one.value() for one in parsed] == [1, 2]


def test_values_are_set() -> None:
    changed = applied("seed=3", "model.encoder.dim=null", "model.layers.1=5", "run.dir=x")
    assert changed["seed"] == 3
    assert changed["model"]["encoder"]["dim"] is None
    assert changed["model"]["layers"] == [1, 5]
    assert changed["run"] == {"dir": "x"}


def test_an_argument_that_is_not_in_the_yaml_may_be_given() -> None:
    assert applied("model.encoder.cell=gru")["model"]["encoder"]["cell"] == "gru"


def test_a_plus_adds_anywhere() -> None:
    changed = applied("+extra=1", "++run.more.deep=2", "+model.encoder.cell=gru")
    assert changed["extra"] == 1
    assert changed["run"]["more"] == {"deep": 2}
    assert changed["model"]["encoder"]["cell"] == "gru"


def test_a_mapping_for_a_mapping_merges() -> None:
    changed = applied("model.encoder={dim:4,cell:{x:1}}", "model.layers=[7]")
    assert changed["model"]["encoder"] == {"_target_": "y", "dim": 4, "cell": {"x": 1}}
    assert changed["model"]["layers"] == [7]


def test_an_argument_is_removed() -> None:
    assert applied("~model.encoder")["model"] == {"_target_": "x", "layers": [1, 2]}


@pytest.mark.parametrize(
    ("word", "fault"),
    [
        ("sed=3", r"^sed: unknown key \(did you mean seed\?\)$"),
        ("datset=an4", r"^datset: unknown key \(did you mean dataset\?\)$"),
        ("run.dri=x", r"^run\.dri: unknown key \(did you mean dir\?\)$"),
        ("modle.layers=3", r"^modle: unknown key \(did you mean model\?\)$"),
        ("model.encodr.dim=3", r"^model\.encodr: unknown key \(did you mean encoder\?\)$"),
        ("model.layers.2=3", r"^model\.layers\.2: unknown key \(expected one of 0, 1\)$"),
        ("model.layers.x=3", r"^model\.layers\.x: unknown key \(expected one of 0, 1\)$"),
        ("+model.layers.2=3", r"^model\.layers\.2: unknown key \(expected one of 0, 1\)$"),
        ("seed.x=3", r"^seed: expected something with keys, got 0$"),
        ("run.dir.x=3", r"^run\.dir: expected something with keys, got None$"),
        ("dataset.text=3", r"^dataset: null has no keys; .* dataset=NAME \(an4, fsdd\)$"),
        ("+dataset.text=3", r"^dataset: null has no keys; "),
        ("~seed", r"^~seed: only arguments of a _target_ can be removed$"),
        ("~model.gone", r"^~model\.gone: only arguments of a _target_ can be removed$"),
    ],
)
def test_what_cannot_be_applied_changes_nothing(word: str, fault: str) -> None:
    (override,), _ = parse_overrides([word])
    unchanged = config()
    with pytest.raises(ValueError, match=fault):
        apply_override(unchanged, override, OPTIONS)
    assert unchanged == config()
