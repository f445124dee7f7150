import re

import pytest

from dmd.errors import InputError
from dmd.planning import config, identity, plan
from dmd.planning.identity import RUN, Spec, run_id, scale_of


def test_a_run_is_named_by_its_training_alone():
    training = {"dataset": {"name": "la"}, "labelled": 8, "method": {"implementation": "dmd"}}
    assert Spec(training, {"stride": [8]}).id == Spec(training, {"stride": [4]}).id == run_id(training)
    assert Spec(training | {"seed": 2}, {}).id != run_id(training)


def test_every_planned_run_has_the_form_of_a_name(content, root):
    runs = plan.make(config.check(content), root).runs
    assert all(re.fullmatch(RUN, name) for name in runs)
    assert all(len(name.rpartition("-")[2]) == 10 for name in runs)


def test_two_settings_with_one_id_stop_the_plan(content, root, monkeypatch):
    """With one digit two of a few runs share an id."""
    monkeypatch.setattr(identity, "DIGITS", 1)
    with pytest.raises(InputError, match="two different settings have the id 'la-8-"):
        plan.make(config.check(content), root)


def test_temperatures_that_shared_eight_digits_are_two_runs(content, root):
    """1.111841 and 1.12929 had the id la-8-dmd-fd507166."""
    grid = {"dataset": "la", "labelled": 8, "method": "dmd", "params": {"temperature": [1.111841, 1.12929]}}
    content["artefacts"]["grid"] = {"kind": "table", "caption": "", "columns": ["dice"], "runs": [grid]}
    first, second = plan.make(config.check(content), root).artefacts["grid"].rows
    assert not set(first.runs) & set(second.runs)


def test_another_stride_is_the_same_run_and_two_at_once_are_refused(content, root):
    before = plan.make(config.check(content), root)
    content["scales"]["half"]["datasets"]["la"]["stride"] = [32, 32, 16]
    after = plan.make(config.check(content), root)
    assert set(before.runs) == set(after.runs)
    run = before.artefacts["half/table3"].runs[0]
    assert before.runs[run].spec.testing != after.runs[run].spec.testing
    content["scales"]["coarse"] = content["scales"]["half"] | {"datasets": dict(content["scales"]["half"]["datasets"])}
    content["scales"]["coarse"]["datasets"]["la"] = content["scales"]["half"]["datasets"]["la"] | {
        "stride": [64, 64, 32]
    }
    with pytest.raises(InputError, match="is to be tested in two ways"):
        plan.make(config.check(content), root)


def test_kernels_that_are_as_always_are_no_settings(content, root):
    """And a run keeps the name that it had before they could be chosen."""
    before = plan.make(config.check(content), root).runs
    assert "la-8-dmd-c9a4cace99" in before
    for scale in content["scales"].values():
        scale |= {"channels_last": True, "deterministic": "true", "compile": False}
    assert {name: run.spec for name, run in plan.make(config.check(content), root).runs.items()} == {
        name: run.spec for name, run in before.items()
    }


def test_a_fast_test_overlaps_by_half_and_trains_nothing_again(content, root):
    before = plan.make(config.check(content), root)
    content["scales"]["half"]["datasets"]["la"]["stride"] = "fast"
    after = plan.make(config.check(content), root)
    assert set(before.runs) == set(after.runs)
    assert after.runs[before.artefacts["half/table3"].runs[0]].spec.testing == {"stride": [32, 32, 16]}


def test_the_revision_of_the_code_is_part_of_every_id(content, root, monkeypatch):
    before = set(plan.make(config.check(content), root).runs)
    monkeypatch.setattr("dmd.planning.resolve.CODE", identity.CODE + 1)
    assert not before & set(plan.make(config.check(content), root).runs)


def test_the_scale_stands_in_the_path_of_an_artefact():
    assert (scale_of("half/table3"), scale_of("table3")) == ("half", "paper")
