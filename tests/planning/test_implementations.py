import re
import sys

import pytest

from dmd.errors import InputError
from dmd.methods import base
from dmd.planning.implementations import PATTERN, methods, short_name, source_file


@pytest.fixture
def package(root, tmp_path, monkeypatch):
    """A package that must not be imported while planning, with a method in it."""
    inner = tmp_path / "theirs" / "methods"
    inner.mkdir(parents=True)
    (tmp_path / "theirs" / "__init__.py").write_text("IMPORTED = True\n")
    (inner / "__init__.py").write_text("")
    text = (root / "dmd/methods/supervised.py").read_text()
    (inner / "Mine.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield inner
    for name in [name for name in sys.modules if name.partition(".")[0] == "theirs"]:
        del sys.modules[name]


def test_a_module_is_found_without_importing_its_package(package):
    assert source_file("theirs.methods.Mine") == package / "Mine.py"
    assert "theirs" not in sys.modules


def test_a_module_and_a_file_are_loaded_when_they_are_needed(package):
    assert base.load("theirs.methods.Mine").__name__ == base.load(str(package / "Mine.py")).__name__ == "Supervised"


def test_every_method_of_ours_is_its_file():
    assert all(source_file(name).stem == name == short_name(name) for name in methods())
    assert not {"base", "contract"} & set(methods())


@pytest.mark.parametrize(
    ("implementation", "message"),
    [
        ("dmb", r"unknown method 'dmb'; did you mean 'dmd'.*named by its module"),
        ("theirs.methods.other", "expected the file of method 'theirs.methods.other' at .*other.py, found none"),
        ("nowhere_at_all.mine", "expected a package 'nowhere_at_all' that Python can import"),
        ("none/mine.py", "expected the file of method 'none/mine.py' at /.*relative to the folder"),
    ],
)
def test_code_that_is_not_there_is_said_so(package, implementation, message):
    with pytest.raises(InputError, match=message):
        source_file(implementation)


def test_a_file_that_is_no_python_is_refused(tmp_path):
    (tmp_path / "mine.py").write_text("class Params\n")
    with pytest.raises(InputError, match=r"expected a method's Python in .*mine\.py: expected ':'"):
        base.load(str(tmp_path / "mine.py"))


@pytest.mark.parametrize("path", ["mine.py", "~/my code/mine.py", "/data/Müller & Söhne (2)/mean-teacher.py"])
def test_a_file_of_ones_own_may_lie_in_any_folder(path):
    assert re.fullmatch(PATTERN, path)


@pytest.mark.parametrize("path", ["my code", "my code/mine", "a\nb.py", "\tmine.py", ".py"])
def test_what_is_no_path_of_a_python_file_is_no_implementation(path):
    assert not re.fullmatch(PATTERN, path)
