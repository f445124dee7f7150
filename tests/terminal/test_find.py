"""Which runs are meant, and what tells them apart."""

import pytest
from conftest import ROOT

from dmd.errors import InputError
from dmd.planning import config, plan, reading
from dmd.terminal.find import asked, find, tell_apart


@pytest.fixture(scope="module")
def made() -> plan.Plan:
    return plan.make(config.check(reading.read(ROOT / "config")), ROOT)


def test_an_artefact_stands_for_the_runs_behind_it(made):
    assert {run.id for run in find(made, ["half/table3"])} == set(made.artefacts["half/table3"].runs)
    both = set(made.artefacts["half/table3"].runs) | set(made.artefacts["half/fig4"].runs)
    assert {run.id for run in find(made, ["half/table3", "half/fig4"])} == both
    (one,) = find(made, ["half/table3", "method=cps"])
    assert one.spec.training["method"]["implementation"] == "cps"


def test_a_setting_selects_by_its_path_or_so_much_of_its_end_as_no_other_has(made):
    assert {run.spec.training["seed"] for run in find(made, ["seed=1338"])} == {1338}
    for word in ("method.revision=2", "method.implementation=dap", "implementation=dap"):
        assert {run.spec.training["method"]["implementation"] for run in find(made, [word])} == {"dap"}
    assert {run.spec.training["dataset"]["name"] for run in find(made, ["dataset=acdc"])} == {"acdc"}
    # A whole path goes before the end of another one: `labelled`, not `batch.labelled`.
    assert {run.spec.training["labelled"] for run in find(made, ["labelled=16"])} == {16}


def test_a_value_is_known_in_every_spelling(made):
    for word in ("temperature=2", "temperature=2.0", "temperature=2e0"):
        assert find(made, [word]) == find(made, ["params.temperature=2"]), word
    assert find(made, ["weight_decay=1e-4"]) == find(made, ["weight_decay=0.0001"])
    assert find(made, ["patch=64x64x32"]) == find(made, ["patch=[64, 64, 32]"])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("temprature=2", "no run has a setting 'temprature'; did you mean 'temperature'?"),
        ("method=dmmd", "the configuration: unknown method 'dmmd'; did you mean 'dmd'?"),
        ("temperature=7", "the configuration: unknown temperature '7'"),
        ("half/tabel3", "the configuration: unknown artefact 'half/tabel3'; did you mean 'half/table3'?"),
        ("weight=[", "'weight=[': expected YAML after 'weight='"),
    ],
)
def test_what_no_run_knows_is_refused_with_the_nearest(made, word, message):
    with pytest.raises(InputError) as raised:
        find(made, [word])
    assert str(raised.value).startswith(message)


def test_a_scale_that_is_none_is_refused(made):
    with pytest.raises(InputError, match="unknown scale 'haf'; did you mean 'half'"):
        find(made, [], scale="haf")


def test_the_end_of_several_paths_is_refused_with_them(made):
    with pytest.raises(InputError, match=r"'revision' may be dataset\.revision or method\.revision"):
        find(made, ["implementation=dap", "revision=2"])


def test_what_no_run_has_together_is_refused(made):
    with pytest.raises(InputError, match=r"no run is all of them: method=cps temperature=2 --scale half"):
        find(made, ["method=cps", "temperature=2"], scale="half")


def apart(made: plan.Plan, *words: str, scale: str | None = None) -> list[str]:
    """Return what tells the runs that are asked for apart."""
    return list(tell_apart(made, find(made, words, scale), asked(made, words, scale)).values())


def test_runs_are_told_apart_by_method_and_by_what_differs_between_those_alike(made):
    assert apart(made, "half/table3") == ["V-Net", "CPS", "MC-Net", "DML", "DMD"]
    assert apart(made, "table3", "method=cps") == ["CPS, seed 1337", "CPS, seed 1338", "CPS, seed 1339"]
    assert apart(made, "half/fig3b")[:2] == ["DMD, weight 3", "DMD, weight 3.5"]
    # Budgets stand in the ids, scales in the names of the artefacts.
    assert apart(made, "method=mcnet", "dataset=la", scale="half") == ["MC-Net", "MC-Net"]
    assert apart(made, "method=cps", "seed=1337") == ["CPS"] * 4


def test_no_two_runs_of_an_artefact_are_told_the_same(made):
    for name, artefact in made.artefacts.items():
        told = tell_apart(made, find(made, [name]), [artefact])
        pairs = {(run.rpartition("-")[0], said) for run, said in told.items()}
        assert len(pairs) == len(told), name
