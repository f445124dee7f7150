"""A tested run is a logged model of MLflow: one, whole, found by its data set and best first."""

import json
import re
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from records import vouch_for

from dmd import cli
from dmd.runs.folder import RunFolder
from dmd.tracking.mirror import track_run
from dmd.tracking.models import find_models
from tracking.mirrored import evaluate, evaluated, mirrors, train


@pytest.fixture
def client(store) -> MlflowClient:
    return MlflowClient(store)


def with_weights(run: RunFolder) -> RunFolder:
    """Give a run weights that its record vouches for."""
    run.weights.write_bytes(b"weights of " + run.id.encode())
    vouch_for(run)
    return run


def test_the_documented_query_finds_the_best_model_of_a_data_set_on_a_server(server, tmp_path, root, monkeypatch):
    server.start()
    worse, best = (evaluated(tmp_path, root, seed) for seed in (1, 2))
    evaluate(best, dice=0.999)
    for run in (worse, best):
        track_run(run, server.uri, ["smoke/table3"])
    page = (root / "docs/tracking.md").read_text(encoding="utf-8")
    [query] = re.findall(r"```python\n(import mlflow\n.*?)```", page, re.DOTALL)
    assert "'la'" in query
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server.uri)
    said = {}
    exec(query.replace("dmd-half", "dmd-smoke").replace("'la'", "'synthetic3d'"), said)
    assert said["best"].name == best.id
    assert {metric.key: metric.value for metric in said["best"].metrics}["dice"] == pytest.approx(87.45)
    found = mlflow.models.get_model_info(f"models:/{said['best'].model_id}").signature
    patch = best.read_spec().training["patch"]
    assert [spec.shape for spec in found.inputs] == [(-1, 1, *patch)]
    assert [spec.shape for spec in found.outputs] == [(-1, 2, *patch)]


def test_a_model_has_settings_scores_and_tags_of_its_run_and_no_weights(store, run, client):
    with_weights(run)
    track_run(run, store, ["smoke/table3"])
    [mirror], [model] = mirrors(store, run), find_models(client, run.id)
    assert (model.name, model.source_run_id, model.status) == (run.id, mirror.info.run_id, "READY")
    assert model.params == mirror.data.params
    assert {"dataset": "synthetic3d", "artefact.smoke/table3": "yes", "dmd.run": run.id}.items() <= model.tags.items()
    assert model.tags["dmd.weights"] == json.loads(run.facts.read_text())["sha256"]["weights.pt"]
    scores = {metric.key: metric.value for metric in model.metrics}
    assert scores == {name: mirror.data.metrics[name] for name in scores}
    assert {"dice", "hd95_voxel", "largest_component/dice"} <= set(scores)
    assert {(metric.dataset_name, metric.dataset_digest) for metric in model.metrics} == {
        ("synthetic3d", "5eed5eed5eed")
    }
    assert [file.path for file in client.list_logged_model_artifacts(model.model_id)] == ["MLmodel"]


def test_sent_again_it_is_the_same_model_with_new_tags(store, run, client):
    track_run(run, store, ["smoke/table3"])
    [before] = find_models(client, run.id)
    track_run(run, store, ["smoke/table3", "smoke/mine"])
    [after] = find_models(client, run.id)
    assert after.model_id == before.model_id
    assert after.tags["artefact.smoke/mine"] == "yes"


def test_a_model_that_was_left_half_made_is_found_by_no_data_set_and_made_again(store, run, client, monkeypatch):
    def fail(*_):
        raise MlflowException("the server is gone")

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "log_model_artifacts", fail)
        assert not track_run(run, store, ["smoke/table3"])
    [torn] = find_models(client, run.id)
    assert "dataset" not in torn.tags
    assert track_run(run, store, ["smoke/table3"])
    [whole] = find_models(client, run.id)
    assert whole.model_id != torn.model_id
    assert whole.tags["dataset"] == "synthetic3d"


@pytest.mark.parametrize("fate", ["trained anew", "deleted by hand"])
def test_a_model_goes_with_its_mirror(store, run, client, fate):
    track_run(run, store, ["smoke/table3"])
    [old] = find_models(client, run.id)
    if fate == "trained anew":
        train(run, factor=2.0)
    else:
        client.delete_run(old.source_run_id)
    track_run(run, store, ["smoke/table3"])
    [new] = find_models(client, run.id)
    assert new.model_id != old.model_id


def test_a_model_with_a_persons_tag_is_left_and_is_no_model_of_the_run_any_more(store, run, client):
    track_run(run, store, ["smoke/table3"])
    [old] = find_models(client, run.id)
    client.set_logged_model_tags(old.model_id, {"deployed": "yes"})
    train(run, factor=2.0)
    track_run(run, store, ["smoke/table3"])
    assert old.model_id not in {model.model_id for model in find_models(client, run.id)}
    assert {name for name in client.get_logged_model(old.model_id).tags if not name.startswith("mlflow.")} == {
        "deployed"
    }


def test_weights_are_sent_when_they_are_asked_for(store, run, client, root, tmp_path, monkeypatch, capsys):
    with_weights(run)
    call = ["track", str(run.path), "--uri", store]
    assert cli.main([*call, "--weights"]) == 0
    assert capsys.readouterr().out == "1 runs sent to MLflow\nweights of 1 runs in MLflow\n"
    [model] = find_models(client, run.id)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    sent = mlflow.artifacts.download_artifacts(f"models:/{model.model_id}", dst_path=tmp_path)
    assert (Path(sent) / "weights.pt").read_bytes() == run.weights.read_bytes()
    assert cli.main([*call, "--weights"]) == 0
    client.delete_logged_model(model.model_id)
    with pytest.raises(SystemExit):
        cli.main([*call, "--weights"])
    said = capsys.readouterr()
    assert said.out.endswith("weights of 0 runs in MLflow, of 1 not\n")
    assert f"MLflow does not have it; delete {run.tracked}" in said.err


def test_weights_that_are_not_the_runs_are_not_sent(store, run, root, capsys):
    with_weights(run)
    track_run(run, store, [])
    run.weights.write_bytes(b"others")
    with pytest.raises(SystemExit, match="1"):
        cli.main(["track", str(run.path), "--uri", store, "--weights"])
    assert "expected the file that run.json vouches for" in capsys.readouterr().err
