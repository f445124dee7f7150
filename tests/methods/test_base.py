"""What a file of a method must hold."""

from pathlib import Path
from types import ModuleType

import pytest

from dmd.errors import InputError
from dmd.methods import base

WHOLE = {"losses": lambda self, batch, step: {}, "predictor": property(lambda self: self)}


@pytest.fixture
def load(monkeypatch):
    """Load a module that holds the given classes."""
    module = ModuleType("dmd.methods.mine")
    monkeypatch.setattr(base, "declaration", lambda name: None)
    monkeypatch.setattr(base, "source_file", lambda name: Path(f"dmd/methods/{name}.py"))
    monkeypatch.setattr(base.importlib, "import_module", lambda name: module)

    def given(*words: dict) -> type:
        for place, content in enumerate(words):
            name = f"Mine{place}"
            setattr(module, name, type(base.Method)(name, (base.Method,), content | {"__module__": module.__name__}))
        return base.load("mine")

    return given


def test_the_one_method_of_a_file_is_found(load):
    assert load(WHOLE).__name__ == "Mine0"


@pytest.mark.parametrize("count", [0, 2])
def test_no_method_or_several_are_refused(load, count):
    with pytest.raises(InputError, match=f"expected one class derived from Method, found {count}"):
        load(*[WHOLE] * count)


@pytest.mark.parametrize("word", WHOLE)
def test_a_method_that_lacks_a_word_is_refused_by_it(load, word):
    with pytest.raises(InputError, match=rf"dmd/methods/mine\.py: Mine0 lacks {word}$"):
        load({name: content for name, content in WHOLE.items() if name != word})
