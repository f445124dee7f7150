import pytest
from report.made import NOTHING, TRAINING, add_run, line, shifted

from dmd import cli
from dmd.errors import InputError
from dmd.terminal.compare import compare_pair, say_pair


@pytest.fixture
def runs(tmp_path):
    """Two runs; the first is two points of Dice above the second and a voxel of HD95 worse."""
    cps = TRAINING | {"method": {"implementation": "cps", "revision": 1, "params": {"weight": 1}}}
    dmd = TRAINING | {"method": {"implementation": "dmd", "revision": 1, "params": {"weight": 4}}}
    return add_run(tmp_path, shifted(2, hd95=9), **cps), add_run(tmp_path, shifted(0, hd95=8), **dmd)


def test_two_runs_are_compared_by_every_score_that_they_have(runs):
    found = compare_pair(*runs)
    assert [line["metric"] for line in found] == ["dice", "jaccard", "hd95_voxel", "asd_voxel"] * 2
    dice = found[0]
    assert (dice["first"], dice["second"]) == pytest.approx((85.5, 83.5))
    assert dice["difference"] == pytest.approx(2)
    assert [line["verdict"] for line in found] == ["better", "undecided", "worse", "undecided"] * 2


def test_turned_round_the_signs_turn(runs):
    there, back = compare_pair(*runs), compare_pair(*reversed(runs))
    assert [line["difference"] for line in back] == [-line["difference"] for line in there]
    assert [line["p"] for line in back] == [line["p"] for line in there]


def test_the_command_prints_settings_and_differences(runs, tmp_path, capsys):
    assert cli.main(["compare", runs[0].id, str(runs[1].path), "--runs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    lines = [text.split() for text in said.splitlines()]
    assert lines[0] == ["first", runs[0].id]
    assert ["method.implementation", "cps", "|", "dmd"] in lines
    assert ["method.params.weight", "1", "|", "4"] in lines
    assert ["seed", "1", "|", "1"] not in lines
    assert ["Dice", "(%)", "85.50", "83.50", "+2.00", "+2.00", "to", "+2.00", "0.0078", "8", "0", "better"] in lines
    assert ["Largest", "component"] in lines
    assert "Another seed is in neither p nor interval" in " ".join(said.split())


def test_what_cannot_be_tested_has_a_dash(tmp_path):
    method = {"implementation": "cps", "revision": 1, "params": {}}
    first = add_run(tmp_path, shifted(1)[:5], method=method, seed=1)
    nothing = [line(name, 1, 0, 0, "", "") | NOTHING for name in "abcde"]
    second = add_run(tmp_path, nothing, method=method, seed=2)
    lines = [text.split() for text in say_pair(first, second).splitlines()]
    assert ["HD95", "(voxel)", "8.00", "-", "-", "-", "-", "0", "5", "too", "few"] in lines
    assert ["seed", "1", "|", "2"] in lines


def test_a_run_beside_itself_differs_in_nothing(runs):
    assert "They differ in\n  nothing\n" in say_pair(runs[0], runs[0])


def test_runs_on_other_data_or_cases_are_refused(tmp_path, runs, capsys):
    halved = add_run(tmp_path, shifted(0), dataset=TRAINING["dataset"] | {"downsample": [2, 2, 2]})
    with pytest.raises(InputError, match=r"tested on the same data.*downsample 2x2x2.*one data set and scale"):
        compare_pair(runs[0], halved)
    fewer = add_run(tmp_path, shifted(0)[:7], seed=9)
    with pytest.raises(InputError, match=r"expected the 8 test cases .*only one of the two has \['h'\]"):
        compare_pair(runs[0], fewer)
    assert cli.main(["compare", runs[0].id, "la-8-dmd-00000000", "--runs", str(tmp_path)]) == 2
    assert "found 'la-8-dmd-00000000'; did you mean" in capsys.readouterr().err
