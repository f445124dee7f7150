import json

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan
from dmd.planning.declarations import declaration
from dmd.runs.folder import RunFolder
from dmd.runs.sources import changed, require_decided


@pytest.fixture
def made(content, root) -> plan.Plan:
    return plan.make(config.check(content), root)


def trained(made: plan.Plan, folder, method: str, source: str | None) -> str:
    name = next(run.id for run in made.runs.values() if run.spec.training["method"]["implementation"] == method)
    facts = RunFolder(folder / name).facts
    facts.parent.mkdir(parents=True)
    facts.write_text(json.dumps({"method_source": source} if source else {}))
    return name


def test_a_run_of_another_text_of_its_method_is_said_so_with_both_ways_out(made, tmp_path):
    name = trained(made, tmp_path, "cps", "0" * 64)
    trained(made, tmp_path, "dmd", declaration("dmd").source)
    trained(made, tmp_path, "uamt", None)
    assert {method: [run.id for run in runs] for method, runs in changed(made.runs.values(), tmp_path).items()} == {
        "cps": [name]
    }
    with pytest.raises(InputError, match=r"cps\.py has other statements .* raise `revision` .* `keep: \[cps\]`"):
        require_decided(made.runs, tmp_path, [])


def test_every_attempt_at_a_run_counts_not_only_the_last(made, tmp_path):
    ours = declaration("dmd").source
    name = trained(made, tmp_path, "dmd", ours)
    facts = RunFolder(tmp_path / name).facts
    for first, is_changed in ((ours, False), (None, False), ("0" * 64, True)):
        attempts = [{"method_source": first}, {"method_source": ours}]
        facts.write_text(json.dumps({"method_source": ours, "attempts": attempts}))
        assert list(changed(made.runs.values(), tmp_path)) == ["dmd"] * is_changed


def test_runs_that_are_kept_by_name_stay(made, tmp_path):
    trained(made, tmp_path, "cps", "0" * 64)
    require_decided(made.runs, tmp_path, ["cps"])


def test_what_is_not_trained_says_nothing(made, tmp_path):
    require_decided(made.runs, tmp_path, [])
