"""Masks that were made elsewhere in MLflow: their scores under a name that says so, and no training."""

import pytest
from mlflow import MlflowClient

from dmd.planning import config, plan
from dmd.planning.guests import find_guest
from dmd.runs.guests import GuestFolder
from dmd.testing.evaluation import COLUMNS, POST_PROCESSING
from dmd.tracking.sweep import find_folder, folders, sweep
from tracking.mirrored import MEANS, mirrors

SCORES = {"a": "0.875,0.75,6,1.5,,,9,9,0,16,", "b": "0.75,0.625,9,2.5,,,9,9,0,16,"}


@pytest.fixture
def planned(content, root) -> plan.Plan:
    content["artefacts"]["table3"]["guests"] = [{"dataset": "la", "labelled": 8, "name": "nnU-Net"}]
    return plan.make(config.check(content), root)


@pytest.fixture
def guest(content, root, tmp_path) -> GuestFolder:
    known = find_guest(config.check(content), "smoke", "la", 8, "nnU-Net")
    folder = GuestFolder(tmp_path / "guests" / known.id)
    lines = [f"{case},{case},1,{name},{of}" for case, of in SCORES.items() for name in POST_PROCESSING]
    folder.write(known, ["background", "organ"], {}, "\n".join([",".join(COLUMNS), *lines, ""]))
    return folder


def test_it_is_sent_once_with_its_scores_and_its_mark(guest, planned, tmp_path, store):
    assert guest.is_untracked
    assert folders(tmp_path) == [guest.path]
    assert find_folder(guest.id, tmp_path) == find_folder(str(guest.path), tmp_path / "elsewhere") == guest.path
    assert sweep(folders(tmp_path), store, planned) == (1, 0)
    assert not guest.is_untracked
    assert sweep(folders(tmp_path), store, planned) == (0, 0)
    (found,) = mirrors(store, guest)
    tags, metrics = found.data.tags, found.data.metrics
    assert tags["mlflow.runName"] == "nnU-Net (not trained here) synthetic3d-8"
    assert (tags["trained"], tags["method"], tags["scale"]) == (
        "not trained here",
        "nnU-Net (not trained here)",
        "smoke",
    )
    assert tags["artefact.smoke/table3"] == "yes"
    assert not {"seed", "device", "commit"} & set(tags)
    assert {name: metrics[name] for name in MEANS} == pytest.approx(MEANS)
    assert not [name for name in metrics if name.startswith(("train/", "system/"))]
    files = {file.path for file in MlflowClient(store).list_artifacts(found.info.run_id)}
    assert files == {"cases.csv", "guest.json"}
