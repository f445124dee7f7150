"""The synthetic sets are worth training on: what a network learns from them in the steps of `smoke` is plain to see."""

import pytest
import torch

from dmd.data.prepare import prepare
from dmd.data.store import load_store
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.planning import config, describe, plan, reading
from dmd.runs.folder import RunFolder
from dmd.testing.inference import predict_case
from dmd.testing.metrics import mean_dice
from dmd.testing.prediction import load_predictor
from dmd.training.loop import train

CPU = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.parametrize(("artefact", "labelled"), [("smoke/table1", 8), ("smoke/table2", 7)])
def test_a_trained_network_beats_an_untrained_one_clearly(artefact, labelled, root, tmp_path, monkeypatch):
    monkeypatch.chdir(root)
    checked = config.check(reading.read())
    made = plan.make(checked)
    row = next(row for row in made.artefacts[artefact].rows if (row.method, row.labelled) == ("supervised", labelled))
    planned = made.runs[row.runs[0]]
    description = describe.describe_store(checked, made.stores[planned.store])
    prepare(description, tmp_path, tmp_path / "store.h5")
    run = RunFolder(tmp_path / planned.id)
    run.path.mkdir()
    run.write_spec(planned.spec)
    train(run, tmp_path / "store.h5", "cpu")

    classes = planned.spec.training["classes"]
    torch.manual_seed(planned.spec.training["seed"])
    untrained = make(planned.spec.training["method"], Build.from_settings(planned.spec.training)).predictor.eval()
    trained = load_predictor(run, planned.spec.training, CPU)
    cases = load_store(tmp_path / "store.h5", planned.spec.training["dataset"], parts=["test"]).cases("test")[:6]
    before, after = (
        sum(
            mean_dice(predict_case(network, case.image, planned.spec.inference, CPU), case.label, classes)
            for case in cases
        )
        / len(cases)
        for network in (untrained, trained)
    )
    print(f"Dice {before:.3f} untrained, {after:.3f} trained")
    assert after > before + 0.2
