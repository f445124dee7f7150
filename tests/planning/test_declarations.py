import pytest

from dmd.errors import InputError
from dmd.planning import declarations, implementations
from dmd.planning.declarations import declaration, require_params

UAMT = {
    "supervised": 0.5,
    "consistency": 0.1,
    "rampup": 40,
    "decay": 0.99,
    "noise": 0.1,
    "forwards": 4,
    "copies": 2,
    "certain": 0.75,
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"decay": 2}, "'decay': Input should be less than 1, found 2"),
        ({"noise": -1}, "'noise': Input should be greater than or equal to 0, found -1"),
        ({"supervised": float("inf")}, "'supervised': Input should be a finite number, found inf"),
        ({"certain": float("nan")}, "'certain': Input should be a finite number, found nan"),
        ({"rampup": 0}, "'rampup': Input should be greater than 0, found 0"),
        ({"forwards": 1.5}, "'forwards': Input should be a valid integer"),
        ({"copies": 0}, "'copies': Input should be greater than or equal to 1, found 0"),
        ({"decay": None}, "'decay': Input should be a valid number, found None"),
        ({"decay": "much"}, "'decay': Input should be a valid number"),
        ({"threshold": "x"}, "'threshold': Input should be a valid number"),
        ({"noise": True}, "'noise': expected a number, found a truth, found True"),
        ({"nois": 1}, "unknown hyper-parameter 'nois'; did you mean 'noise'?"),
    ],
)
def test_a_value_out_of_its_type_or_bounds_is_refused(change, message):
    with pytest.raises(InputError) as caught:
        require_params("uamt", UAMT | change, "config: methods.uamt")
    assert str(caught.value).startswith("config: methods.uamt: ")
    assert message in str(caught.value)


def test_a_number_that_yaml_reads_as_a_word_is_a_number():
    assert require_params("uamt", UAMT | {"noise": "1e-4"}, "here")["noise"] == 1e-4


@pytest.mark.parametrize(("given", "found"), [("false", False), ("True", True), (None, None), (True, True)])
def test_a_truth_that_the_command_line_gives_as_a_word_is_a_truth(given, found):
    params = {"weight": 1, "unlabelled_only": given}
    assert require_params("cps", params, "here")["unlabelled_only"] is found


@pytest.mark.parametrize("given", ["no", 1, "1"])
def test_what_is_no_truth_is_refused(given):
    with pytest.raises(InputError, match="'unlabelled_only': expected true or false"):
        require_params("cps", {"weight": 1, "unlabelled_only": given}, "here")


def test_what_is_left_out_is_null():
    assert require_params("cps", {"weight": 1}, "here") == {
        "weight": 1,
        "rampup": None,
        "unlabelled_only": None,
        "cross_entropy": None,
    }


MINE = """
\"\"\"Mine.\"\"\"
from dataclasses import dataclass

import torch
from dmd.methods.base import Method
from dmd.planning.bounds import Positive


@dataclass(frozen=True)
class Params:
    \"\"\"What it takes.\"\"\"

    weight: {type}


class Mine(Method):
    \"\"\"Does {what}.\"\"\"

    dimensions = (3,)

    def losses(self, batch, step):
        return {value}  # {what}
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    (tmp_path / "base.py").write_text((implementations.FOLDER / "base.py").read_text())
    monkeypatch.setattr(declarations, "FOLDER", tmp_path)
    monkeypatch.setattr(implementations, "FOLDER", tmp_path)
    monkeypatch.setattr(implementations, "methods", lambda: ("mine",))

    def write(type: str = "Positive", what: str = "much", value: int = 1) -> declarations.Declaration:
        (tmp_path / "mine.py").write_text(MINE.format(type=type, what=what, value=value))
        return declaration.__wrapped__("mine")

    return write


def test_the_source_changes_with_statements_and_not_with_comments(mine):
    first = mine()
    assert first.names == ["weight"]
    assert first.dimensions == (3,)
    assert mine(what="more").source == first.source
    assert mine(value=2).source != first.source


def test_the_source_changes_with_a_family_that_the_method_imports(mine, tmp_path):
    family = tmp_path / "families" / "ours.py"
    family.parent.mkdir()
    family.write_text("A = 1\n")
    alone = mine().source

    def source() -> str:
        text = (tmp_path / "mine.py").read_text()
        (tmp_path / "mine.py").write_text("from dmd.methods.families.ours import A\n" + text)
        return declaration.__wrapped__("mine").source

    first = source()
    mine()
    family.write_text("A = 1  # as before\n")
    assert source() == first != alone
    mine()
    family.write_text("A = 2\n")
    assert source() != first


def test_a_type_that_planning_does_not_know_is_named(mine):
    with pytest.raises(InputError, match=r"mine\.py: Params may use .* name 'Warm' is not defined"):
        mine(type="Warm")


def write(folder, text: str) -> str:
    (folder / "mine.py").write_text(text)
    return str(folder / "mine.py")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("@dataclass(frozen=True)\n", "", r"mine\.py: expected `@dataclass\(frozen=True\)` above the class Params"),
        ("weight: {type}", "weight: list = []", r"mine\.py: expected a frozen dataclass Params, found one .*mutable"),
        ("weight: {type}", "weight: 3", r"mine\.py: expected a frozen dataclass Params, found one that fails: "),
        ("(3,)", "3", r"mine\.py, line 20: expected `dimensions` as \(2, 3\), .* found `3`"),
        ("(3,)", "DIMS", r"mine\.py, line 20: expected `dimensions` .* found `DIMS`"),
        ("(3,)", "()", r"found `\(\)`"),
        ("(3,)", "(3, 4)", r"found `\(3, 4\)`"),
    ],
)
def test_a_fault_in_a_file_of_ones_own_is_said_with_its_place(tmp_path, before, after, message):
    assert before in MINE
    text = MINE.replace(before, after).format(type="Positive", what="much", value=1)
    with pytest.raises(InputError, match=message):
        declaration(write(tmp_path, text))


def test_a_helper_class_says_nothing_of_the_dimensions(tmp_path):
    text = MINE.format(type="Positive", what="much", value=1)
    helper = "class Decoders(torch.nn.Module):\n    dimensions = 7\n\n\n"
    assert declaration(write(tmp_path, text.replace("class Mine", helper + "class Mine"))).dimensions == (3,)


def test_what_a_person_requires_of_all_hyper_parameters_together_is_said(tmp_path):
    rule = "    def __post_init__(self):\n        raise ValueError('too much')\n"
    text = MINE.format(type="Positive", what="much", value=1).replace(
        "weight: Positive\n", f"weight: Positive\n\n{rule}"
    )
    with pytest.raises(InputError, match="here: hyper-parameter 'Params': too much"):
        require_params(write(tmp_path, text), {"weight": 1}, "here")
