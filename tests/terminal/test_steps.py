"""The steps that are more than a call of another module."""

import json

import h5py
import pytest
from conftest import tiny_training

from dmd import cli
from dmd.planning import config, describe, plan, reading
from dmd.runs.folder import RunFolder
from dmd.terminal.options import Configuration
from dmd.terminal.work import find_work
from dmd.training.loop import train


@pytest.fixture
def here(root, monkeypatch):
    monkeypatch.chdir(root)


def step_describe(name: str, results, *more: str) -> int:
    return cli.main(["step", "describe", name, "--results", str(results), *more])


def test_a_name_of_any_kind_is_described_where_the_workflow_looks_for_it(here, root, tmp_path):
    checked = config.check(reading.read(root / "config"))
    made = plan.make(checked, root)
    artefact = made.artefacts["half/table3"]
    run = artefact.runs[0]
    assert [step_describe(name, tmp_path) for name in ("half/table3", "table1", run, "la-2x2x2")] == [0] * 4
    assert (tmp_path / "table1.json").exists()
    described = json.loads((tmp_path / "half/table3.json").read_text())
    assert described == json.loads(json.dumps(describe.describe_artefact(artefact)))
    assert RunFolder(tmp_path / "runs" / run).read_spec() == made.runs[run].spec
    stored = json.loads((tmp_path / "data/la-2x2x2.json").read_text())
    assert stored == describe.describe_store(checked, made.stores["la-2x2x2"])


def test_a_description_is_of_the_configuration_that_is_given(here, tmp_path):
    own = tmp_path / "mine.yaml"
    own.write_text("artefacts: {table3: {caption: From a file.}}\n")
    for options, caption in (
        (["--configfile", str(own)], "From a file."),
        (["--configfile", str(own), "--config", "artefacts={table3: {caption: From here.}}"], "From here."),
    ):
        assert step_describe("table3", tmp_path, *options) == 0
        assert json.loads((tmp_path / "table3.json").read_text())["form"]["caption"] == caption


@pytest.mark.parametrize(
    ("method", "name", "kept"), [("dml", "dml", True), ("dml", "dmd", True), ("dml", "cps", False)]
)
def test_a_run_is_kept_by_the_name_of_its_method_or_of_its_implementation(here, root, tmp_path, method, name, kept):
    made = plan.make(config.check(reading.read(root / "config")), root)
    (run,) = next(row.runs for row in made.artefacts["half/table3"].rows if row.method == method)
    configuration = Configuration(config=(f"keep=[{name}]",))
    assert find_work(run, None, tmp_path, configuration).kept == kept


def test_an_artefact_of_any_length_is_described(here, tmp_path):
    """2000 points: as words of a command they would be more than a system takes."""
    own = tmp_path / "mine.yaml"
    weights = ", ".join(str(weight) for weight in range(1, 2001))
    own.write_text(
        "artefacts: {long: {kind: curve, caption: Long., columns: [dice], x: weight, runs: "
        f"[{{dataset: la, labelled: 8, method: dmd, params: {{weight: [{weights}]}}}}]}}}}\n"
    )
    assert step_describe("smoke/long", tmp_path, "--configfile", str(own)) == 0
    assert len(json.loads((tmp_path / "smoke/long.json").read_text())["rows"]) == 2000


def test_a_name_that_stands_for_nothing_is_refused_with_the_nearest(here, tmp_path, capsys):
    assert step_describe("la-2x2", tmp_path) == 2
    assert capsys.readouterr().err == (
        "dmd step describe: the configuration has no run, store or artefact 'la-2x2'; did you mean 'la-2x2x2'?\n"
    )
    assert cli.main(["step", "download", "lo", str(tmp_path)]) == 2
    assert "unknown data set 'lo'; did you mean 'la'?" in capsys.readouterr().err


def test_masks_that_are_there_are_made_anew_and_measured(tiny_run, tiny_store):
    """Those of other weights, say: all background here."""
    run = tiny_run(tiny_training(2, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}) | {"iterations": 2})
    train(run, tiny_store[2], "cpu")
    call = ["step", "test", str(run.path), "--store", str(tiny_store[2]), "--device", "cpu"]
    assert cli.main(call) == 0
    scores = run.cases.read_bytes()
    with h5py.File(run.predictions, "r+") as file:
        file["t0"][...] = 0
    run.cases.unlink()
    assert cli.main(call) == 0
    assert run.cases.read_bytes() == scores


def test_a_training_that_diverges_ends_with_status_3(tiny_run, tiny_store, capsys):
    run = tiny_run(
        tiny_training(2, "dmd", {"temperature": 2, "weight": 1e30, "divergence": "dice"})
        | {"optimiser": {"lr": 1e30, "momentum": 0.9, "weight_decay": 0}}
    )
    assert cli.main(["step", "train", str(run.path), "--store", str(tiny_store[2]), "--device", "cpu"]) == 3
    assert "dmd step train: " in capsys.readouterr().err
