import json
import resource
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import mlflow
import pytest
from mlflow import MlflowClient
from PIL import Image
from records import vouch_for

from dmd.errors import InputError
from dmd.runs.folder import RunFolder
from dmd.runs.history import write_table
from dmd.testing.evaluation import COLUMNS, POST_PROCESSING
from dmd.tracking.mirror import track_run
from dmd.tracking.record import used_by
from dmd.tracking.server import make_server
from tracking.mirrored import SCORES, STEPS, TERMS, free_port, mirrors, stored_points, train


def test_a_mirror_holds_settings_curves_scores_tags_and_files(store, run, tmp_path):
    track_run(run, store, ["smoke/table3"])
    [mirror] = mirrors(store, run)
    client = MlflowClient(store)
    assert json.loads(run.tracked.read_text()) == {
        "uri": store,
        "experiment": "dmd-smoke",
        "mlflow_run": mirror.info.run_id,
        "status": "complete",
        "cases": run.cases_digest(),
    }
    assert not run.is_untracked
    assert mirror.info.run_name == f"DMD T=2 λ=4 s{run.read_spec().training['seed']} synthetic3d-8"
    assert mirror.info.status == "FINISHED"
    expected = {
        "temperature": "2",
        "weight": "4",
        "divergence": "dice",
        "method": "dmd",
        "labelled": "8",
        "iterations": "60",
        "lr": "0.01",
        "patch": "32x32x16",
        "batch_size": "4",
        "batch_labelled": "2",
        "network": "vnet",
        "schedule_every": "2500",
        "dataset": "synthetic3d",
    }
    assert expected.items() <= mirror.data.params.items()
    tags = {
        "method": "dmd",
        "labelled": "8",
        "dataset": "synthetic3d",
        "scale": "smoke",
        "commit": "0123abcd",
    }
    tags |= {"dmd.run": run.id, "artefact.smoke/table3": "yes", "device": "cpu"}
    assert tags.items() <= mirror.data.tags.items()
    assert SCORES.items() <= mirror.data.metrics.items()
    assert stored_points(store, mirror.info.run_id) == STEPS * len(TERMS) + len(SCORES)
    # A loss term that is called as a test score is.
    curve = client.get_metric_history(mirror.info.run_id, "train/dice")
    assert [(point.step, point.value) for point in curve] == [(n, 1 / (n + 1)) for n in range(1, STEPS + 1)]
    files = {file.path: file.file_size for file in client.list_artifacts(mirror.info.run_id)}
    assert files.pop("curves.png") > 10_000
    assert files == {path.name: path.stat().st_size for path in (run.spec, run.facts, run.history_table, run.cases)}
    picture = client.download_artifacts(mirror.info.run_id, "curves.png", tmp_path)
    assert Image.open(picture).size == (1080, 420)
    assert (Path(store.removeprefix("sqlite:///")).parent / "mlartifacts" / "dmd-smoke").is_dir()
    [dataset] = mirror.inputs.dataset_inputs
    assert (dataset.dataset.name, dataset.dataset.digest) == ("synthetic3d", "5eed5eed5eed")


def test_times_are_those_of_the_history(store, run):
    lines = [{"step": step, "time": 1_700_000_000_000 + step, "values": {"loss": 1.0}} for step in (1, 2)]
    run.history.write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_table(run.history, run.history_table)
    vouch_for(run)
    track_run(run, store, [])
    [mirror] = mirrors(store, run)
    curve = MlflowClient(store).get_metric_history(mirror.info.run_id, "train/loss")
    assert [(point.step, point.timestamp) for point in curve] == [
        (1, 1_700_000_000_001),
        (2, 1_700_000_000_002),
    ]
    assert (mirror.info.start_time, mirror.info.end_time) == (1_700_000_000_001, 1_700_000_000_002)


def test_twice_is_as_once_even_without_the_history(store, run):
    track_run(run, store, ["smoke/table3"])
    [mirror] = mirrors(store, run)
    before = stored_points(store, mirror.info.run_id)
    run.history.unlink()
    track_run(run, store, ["smoke/table3"])
    assert [again.info.run_id for again in mirrors(store, run)] == [mirror.info.run_id]
    assert stored_points(store, mirror.info.run_id) == before
    assert mirrors(store, run)[0].info.end_time >= mirror.info.end_time


def test_another_artefact_is_added_and_the_run_stays_where_it_is(store, run):
    track_run(run, store, ["smoke/table3"])
    track_run(run, store, ["half/table1", "smoke/table3"])
    track_run(run, store, [])
    [mirror] = mirrors(store, run)
    wanted_by = {name for name in mirror.data.tags if name.startswith("artefact.")}
    assert (wanted_by, mirror.data.tags["scale"]) == ({"artefact.smoke/table3", "artefact.half/table1"}, "smoke")
    assert json.loads(run.tracked.read_text())["experiment"] == "dmd-smoke"


def test_what_an_interrupted_upload_left_out_is_sent(store, run):
    track_run(run, store, ["smoke/table3"])
    [mirror] = mirrors(store, run)
    whole = stored_points(store, mirror.info.run_id)
    with sqlite3.connect(store.removeprefix("sqlite:///")) as database:
        database.execute(
            "delete from metrics where run_uuid = ? and step > 10 and key like 'train/%'",
            [mirror.info.run_id],
        )
    assert stored_points(store, mirror.info.run_id) < whole
    track_run(run, store, ["smoke/table3"])
    assert stored_points(store, mirrors(store, run)[0].info.run_id) == whole


def test_a_run_trained_anew_is_mirrored_anew(store, run, capsys):
    track_run(run, store, ["smoke/table3"])
    [old] = mirrors(store, run)
    train(run, factor=2.0)
    track_run(run, store, ["smoke/table3"])
    [new] = mirrors(store, run)
    assert new.info.run_id != old.info.run_id
    assert new.data.metrics["train/loss"] == 2 / STEPS
    assert stored_points(store, new.info.run_id) == STEPS * len(TERMS) + len(SCORES)
    assert "shows another training" in capsys.readouterr().err


def test_metrics_that_others_add_are_left_alone(store, run):
    track_run(run, store, ["smoke/table3"])
    [mirror] = mirrors(store, run)
    MlflowClient(store).log_metric(mirror.info.run_id, "my_score", 1.0)
    track_run(run, store, ["smoke/table3"])
    [again] = mirrors(store, run)
    assert (again.info.run_id, again.data.metrics["my_score"]) == (mirror.info.run_id, 1.0)


def test_a_run_with_a_note_is_not_deleted_but_succeeded(store, run, capsys):
    track_run(run, store, ["smoke/table3"])
    [old] = mirrors(store, run)
    client = MlflowClient(store)
    client.set_tag(old.info.run_id, "mlflow.note.content", "the one of the talk")
    train(run, factor=2.0)
    track_run(run, store, ["smoke/table3"])
    [new] = mirrors(store, run)
    kept = client.get_run(old.info.run_id)
    assert (new.info.run_id != old.info.run_id, kept.info.lifecycle_stage) == (True, "active")
    assert "artefact.smoke/table3" not in kept.data.tags  # no table shows it beside its successor
    assert "left, for its note or tags" in capsys.readouterr().err


def test_a_run_that_its_user_restored_is_not_deleted_again(store, run):
    track_run(run, store, ["smoke/table3"])
    [old] = mirrors(store, run)
    train(run, factor=2.0)
    track_run(run, store, ["smoke/table3"])
    [new] = mirrors(store, run)
    client = MlflowClient(store)
    client.restore_run(old.info.run_id)
    track_run(run, store, ["smoke/table3"])
    assert [mirror.info.run_id for mirror in mirrors(store, run)] == [new.info.run_id]
    assert client.get_run(old.info.run_id).info.lifecycle_stage == "active"


def test_of_two_mirrors_the_one_that_a_person_restored_and_tagged_stays(store, run):
    track_run(run, store, ["smoke/table3"])
    [old] = mirrors(store, run)
    client = MlflowClient(store)
    client.delete_run(old.info.run_id)
    track_run(run, store, ["smoke/table3"])
    client.restore_run(old.info.run_id)
    client.set_tag(old.info.run_id, "mine", "keep")
    track_run(run, store, ["smoke/table3"])
    assert [mirror.info.run_id for mirror in mirrors(store, run)] == [old.info.run_id]


@pytest.mark.parametrize("journal", [True, False])
def test_a_run_lasts_as_long_as_its_training_did(store, run, journal):
    vouch_for(run, wall_seconds=14.0)
    if not journal:  # its times are then those of the table: all the same
        run.history.unlink()
    track_run(run, store, [])
    [mirror] = mirrors(store, run)
    assert mirror.info.end_time - mirror.info.start_time == 14_000


def test_the_job_of_a_cluster_is_a_tag(store, run):
    vouch_for(run, slurm_job="4711")
    track_run(run, store, [])
    assert mirrors(store, run)[0].data.tags["slurm_job"] == "4711"


def test_the_runs_of_an_artefact_are_found_among_any_number_and_no_other_name_hides_in_it(store, run, root):
    names = [f"smoke/an_artefact_with_a_long_name_{number}" for number in range(300)]
    track_run(run, store, [*names, "smoke/table3_mine"])
    assert json.loads(run.tracked.read_text())["status"] == "complete"
    found = {name: _used_by(store, name) for name in (names[-1], "smoke/table3_mine", "smoke/table3")}
    assert run.id in found[names[-1]]
    assert run.id in found["smoke/table3_mine"]
    assert run.id not in found["smoke/table3"]


def _used_by(store: str, artefact: str) -> list[str]:
    client = MlflowClient(store)
    experiments = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run.data.tags["dmd.run"] for run in client.search_runs(experiments, used_by(artefact))]


def test_a_run_deleted_by_hand_is_made_again(store, run, capsys):
    track_run(run, store, ["smoke/table3"])
    [deleted] = mirrors(store, run)
    MlflowClient(store).delete_run(deleted.info.run_id)
    track_run(run, store, ["smoke/table3"])
    [again] = mirrors(store, run)
    assert again.info.run_id != deleted.info.run_id
    assert json.loads(run.tracked.read_text())["mlflow_run"] == again.info.run_id
    assert "was deleted; made again" in capsys.readouterr().err


def test_an_experiment_deleted_by_hand_is_restored_with_its_runs(store, run, capsys):
    track_run(run, store, ["quarter/table3"])
    [before] = mirrors(store, run)
    MlflowClient(store).delete_experiment(before.info.experiment_id)
    track_run(run, store, ["quarter/table3"])
    assert [mirror.info.run_id for mirror in mirrors(store, run)] == [before.info.run_id]
    assert "dmd-quarter: this experiment was deleted in MLflow; restored" in capsys.readouterr().err


def test_a_distance_that_does_not_exist_is_not_logged(store, run):
    run.cases.write_text(
        "\n".join([",".join(COLUMNS), *(f"a,a,1,{name},0,0,,,,,0,9,1,16," for name in POST_PROCESSING), ""])
    )
    vouch_for(run)
    track_run(run, store, ["table3"])
    [mirror] = mirrors(store, run)
    counted = [mirror.data.metrics[name] for name in ("missed", "false_alarms", "rightly_empty")]
    assert (mirror.data.metrics["dice"], counted) == (0, [1, 0, 0])
    assert "hd95_voxel" not in mirror.data.metrics
    assert json.loads(run.tracked.read_text())["experiment"] == "dmd-paper"


def test_a_value_that_is_no_number_is_left_out_and_nothing_is_made_again_for_it(store, run):
    text = run.history_table.read_text().replace("0.1,", "nan,", 1)
    assert "nan" in text
    run.history_table.write_text(text)
    vouch_for(run)
    track_run(run, store, ["table3"])
    [mirror] = mirrors(store, run)
    assert stored_points(store, mirror.info.run_id) == STEPS * len(TERMS) - 1 + len(SCORES)
    track_run(run, store, ["table3"])
    assert [again.info.run_id for again in mirrors(store, run)] == [mirror.info.run_id]


def test_a_run_that_is_not_evaluated_is_refused(store, run):
    run.cases.unlink()
    with pytest.raises(InputError, match=r"cases\.csv, found no file"):
        track_run(run, store, ["smoke/table3"])
    assert not run.tracked.exists()


@pytest.mark.parametrize("missing", ["history_table", "facts"])
def test_a_run_without_its_training_files_is_refused(store, run, missing):
    getattr(run, missing).unlink()
    with pytest.raises(InputError, match=f"of a trained run at {getattr(run, missing)}"):
        track_run(run, store, ["smoke/table3"])


@pytest.mark.parametrize("uri", ["mlruns", "file:///tmp/mlruns", "sqlite://", "postgresql://me:secret@host/db"])
def test_other_stores_are_refused_without_showing_passwords(run, uri):
    for attempt in (lambda: make_server(uri), lambda: track_run(run, uri, [])):
        with pytest.raises(InputError, match="in maintenance mode") as refused:
            attempt()
        assert "secret" not in str(refused.value)


def test_making_a_store_again_changes_nothing(store):
    database = Path(store.removeprefix("sqlite:///"))
    before = database.read_bytes()
    make_server(store)
    assert database.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_kept(tmp_path):
    (tmp_path / "mlflow.db").write_text("not a database, and long enough to be taken for one " * 100)
    with pytest.raises(InputError, match="file is not a database"):
        make_server(f"sqlite:///{tmp_path}/mlflow.db")
    assert (tmp_path / "mlflow.db").read_text().startswith("not a database")


def test_without_a_database_a_run_stays_pending(tmp_path, run, capsys):
    track_run(run, f"sqlite:///{tmp_path}/none.db", ["smoke/table3"])
    tracked = json.loads(run.tracked.read_text())
    assert tracked["status"] == "pending"
    assert "no database to write to" in tracked["reason"]
    assert "not in MLflow yet" in capsys.readouterr().err
    assert not (tmp_path / "none.db").exists()


def test_a_store_that_was_moved_takes_no_run(store, tmp_path, run):
    track_run(run, store, ["smoke/table3"])
    moved = tmp_path / "moved" / "mlflow.db"
    moved.parent.mkdir()
    moved.write_bytes(Path(store.removeprefix("sqlite:///")).read_bytes())
    track_run(run, f"sqlite:///{moved}", ["smoke/table3"])
    tracked = json.loads(run.tracked.read_text())
    assert tracked["status"] == "pending"
    assert "MLflow keeps absolute paths" in tracked["reason"]


def test_a_server_that_does_not_answer_is_said_within_seconds(run, capsys):
    started = time.monotonic()
    uri = f"http://me:p@ss@secret@127.0.0.1:{free_port()}"
    make_server(uri)
    track_run(run, uri, ["smoke/table3"])
    assert time.monotonic() - started < 20
    assert json.loads(run.tracked.read_text())["status"] == "pending"
    said = capsys.readouterr().err
    assert "expected an MLflow store at http://127" in said
    shown = run.tracked.read_text() + said
    assert "secret" not in shown
    assert "p@ss" not in shown
    assert "ss@" not in shown


def test_the_method_is_called_what_the_artefacts_call_it(store, run):
    track_run(run, store, ["smoke/table3"], ["dml"])
    [mirror] = mirrors(store, run)
    assert mirror.data.tags["method"] == "dml"
    assert mirror.data.params["method"] == "dmd"


def test_the_scores_of_each_class_stand_beside_their_mean(store, run):
    spec = run.read_spec()
    spec.training["classes"] = 3
    two = RunFolder(run.path.with_name(spec.id))
    two.write_spec(spec)
    train(two)
    vouch_for(two, wall_seconds=12.5, peak_memory_mb=800)
    lines = [
        f"a,a,{number},{name},{dice},0.5,2,1,,,9,9,0,16,"
        for number, dice in ((1, 0.5), (2, 0.75))
        for name in POST_PROCESSING
    ]
    two.cases.write_text("\n".join([",".join(COLUMNS), *lines, ""]))
    vouch_for(two)
    track_run(two, store, ["smoke/table3"])
    [mirror] = mirrors(store, two)
    expected = {"dice": 62.5, "dice/class1": 50, "dice/class2": 75, "jaccard/class2": 50}
    assert (
        expected | {"system/wall_seconds": 12.5, "system/peak_memory_mb": 800}
    ).items() <= mirror.data.metrics.items()


def schema(store: str, version: str, folder: Path) -> str:
    """Return a copy of a store whose schema calls itself something else."""
    copy = folder / "mlflow.db"
    copy.write_bytes(Path(store.removeprefix("sqlite:///")).read_bytes())
    with sqlite3.connect(copy) as database:
        database.execute("update alembic_version set version_num = ?", [version])
    return f"sqlite:///{copy}"


def test_a_store_of_a_newer_mlflow_is_left_alone_and_named(store, run, tmp_path):
    newer = schema(store, "ffffffffffff", tmp_path)
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(InputError, match="made by a newer MLflow than this"):
        make_server(newer)
    track_run(run, newer, ["smoke/table3"])
    assert "made by a newer MLflow" in json.loads(run.tracked.read_text())["reason"]
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_store_of_an_older_mlflow_names_the_command_that_helps(store, tmp_path):
    migrations = Path(mlflow.__file__).parent / "store/db_migrations/versions"
    with pytest.raises(InputError, match=r"older MLflow than this .*: `mlflow db upgrade"):
        make_server(schema(store, min(migrations.glob("*.py")).name.split("_")[0], tmp_path))


def test_a_store_that_lacks_tables_is_not_migrated_unasked(store, tmp_path):
    migrations = Path(mlflow.__file__).parent / "store/db_migrations/versions"
    older = schema(store, min(migrations.glob("*.py")).name.split("_")[0], tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:  # as an MLflow 2 does
        database.execute("drop table logged_model_tags")
    before = (tmp_path / "mlflow.db").read_bytes()
    with pytest.raises(InputError, match=r"`mlflow db upgrade sqlite:.*copy the file first"):
        make_server(older)
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_database_of_something_else_is_left_alone(tmp_path):
    with sqlite3.connect(tmp_path / "patients.db") as database:
        database.execute("create table patients (name text)")
    before = (tmp_path / "patients.db").read_bytes()
    with pytest.raises(InputError, match="of something else than MLflow"):
        make_server(f"sqlite:///{tmp_path}/patients.db")
    assert (tmp_path / "patients.db").read_bytes() == before


def test_on_a_full_disk_nothing_is_lost(store, run, root):
    def full() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    command = [sys.executable, "-m", "dmd", "track", str(run.path), "--uri", store]
    said = subprocess.run(command, cwd=root, preexec_fn=full, stderr=subprocess.PIPE, text=True).stderr
    assert json.loads(run.tracked.read_text())["status"] == "pending"
    assert "The files of the run are complete" in said
    subprocess.run(command, cwd=root, check=True)
    assert json.loads(run.tracked.read_text())["status"] == "complete"
    [mirror] = mirrors(store, run)
    assert stored_points(store, mirror.info.run_id) == STEPS * len(TERMS) + len(SCORES)
