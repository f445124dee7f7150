"""Tested runs sent to MLflow: a test never fails for the view's sake, and the sweep makes up for what was not sent."""

import pytest
from mlflow import MlflowClient
from records import vouch_for

from dmd import cli
from dmd.planning import config, plan, reading
from dmd.runs.folder import read_json
from dmd.tracking import sweep as sweeping
from dmd.tracking.sweep import find_folder, send, send_weights, sweep
from tracking.mirrored import evaluated


def test_a_database_that_cannot_be_opened_fails_no_test(run, tmp_path, capsys):
    broken = tmp_path / "mlflow.db"
    broken.write_bytes(b"no database")
    send(run, f"sqlite:///{broken}", ["smoke/table3"], ["dmd"])
    assert read_json(run.tracked)["status"] == "pending"
    assert "file is not a database" in capsys.readouterr().err
    assert run.is_untracked


def test_a_job_beside_a_sqlite_file_sends_nothing_and_the_sweep_does(run, tmp_path, root, monkeypatch):
    uri = f"sqlite:///{tmp_path}/own.db"
    monkeypatch.setenv("SLURM_JOB_ID", "1")
    send(run, uri, ["smoke/table3"], ["dmd"])
    assert not run.tracked.exists()
    monkeypatch.delenv("SLURM_JOB_ID")
    made = plan.make(config.check(reading.read(root / "config")), root)
    assert sweep([run.path], uri, made) == (1, 0)
    assert sweep([run.path], uri, made) == (0, 0)
    other = f"sqlite:///{tmp_path}/other.db"
    assert sweep([run.path], other, made) == (1, 0)
    assert read_json(run.tracked)["uri"] == other
    client = MlflowClient(uri)
    (experiment,) = client.search_experiments(filter_string="name LIKE 'dmd-%'")
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_many_runs_go_without_a_picture_until_it_is_asked_for(run, store, root, monkeypatch, capsys):
    monkeypatch.setattr(sweeping, "MOST_PICTURED", 0)
    client, call = MlflowClient(store), ["track", str(run.path), "--uri", store]
    assert cli.main(call) == 0
    assert "1 runs are sent without a picture of each; `dmd track --pictures` adds them" in capsys.readouterr().err
    mirror = read_json(run.tracked)["mlflow_run"]
    files = {file.path for file in client.list_artifacts(mirror)}
    assert files == {"spec.json", "run.json", "history.csv", "cases.csv"}
    for _ in range(2):
        assert cli.main([*call, "--pictures"]) == 0
        assert "pictures of 1 runs in MLflow\n" in capsys.readouterr().out
    assert {file.path for file in client.list_artifacts(mirror)} == files | {"curves.png"}


def test_a_damaged_run_keeps_no_other_one_out_and_is_said(run, tmp_path, root, store, capsys):
    """The first of them in order is damaged, by a line that somebody added to its scores."""
    first, second = sorted([run, evaluated(tmp_path, root, seed=2**40)], key=lambda each: each.id)
    with first.cases.open("a") as file:
        file.write("\n")
    with pytest.raises(SystemExit, match="1"):
        cli.main(["track", str(second.path), str(first.path), "--uri", store])
    said = capsys.readouterr()
    assert said.out == "1 runs sent to MLflow, 1 not: see above\n"
    assert f"{first.id}: not sent to MLflow: {first.cases}: expected the file that test.json vouches for" in said.err
    assert first.is_untracked
    assert not second.is_untracked


def test_damaged_weights_keep_no_others_out(run, tmp_path, root, store, capsys):
    runs = [run, evaluated(tmp_path, root, seed=2**40 + 1)]
    for each in runs:
        each.weights.write_bytes(b"weights")
        vouch_for(each, commit="0123abcd", device="cpu", data_sha256="5eed" * 16)
    made = plan.make(config.check(reading.read(root / "config")), root)
    paths = sorted(each.path for each in runs)
    assert sweep(paths, store, made) == (2, 0)
    (paths[0] / "weights.pt").write_bytes(b"others")
    assert send_weights(paths, store) == (1, 1)
    assert f"{paths[0].name}: no weights of it in MLflow" in capsys.readouterr().err


def test_a_run_is_named_by_a_part_of_its_id_as_for_every_verb(run, tmp_path):
    home = tmp_path / "results/runs"
    home.mkdir(parents=True)
    run.path.rename(home / run.id)
    assert find_folder(run.id[-6:], tmp_path / "results") == home / run.id
