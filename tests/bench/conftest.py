import sys
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _forget_speechbrain() -> Iterator[None]:
    """Its lazy modules raise when others' introspection (hypothesis, librosa) touches them."""
    yield
    lazy = ("LazyModule", "DeprecatedModuleRedirect")
    for name in [name for name, module in sys.modules.items() if type(module).__name__ in lazy]:
        del sys.modules[name]
