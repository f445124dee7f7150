import json
from pathlib import Path

import pytest
from conftest import tiny_training

from dmd.errors import InputError
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder, find_run

TRAINING = tiny_training(3, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"})
SPEC = Spec(TRAINING, {"stride": [8, 8, 8]})


@pytest.fixture
def run(tmp_path) -> RunFolder:
    folder = RunFolder(tmp_path / SPEC.id)
    folder.write_spec(SPEC)
    return folder


def test_a_spec_comes_back_as_it_was_written(run):
    assert run.read_spec() == SPEC


def test_a_spec_edited_by_hand_is_refused(run):
    run.spec.write_text(json.dumps({"training": TRAINING | {"seed": 2}, "testing": {}}))
    with pytest.raises(InputError, match="Was the file edited by hand"):
        run.read_spec()


def test_another_test_of_the_same_training_lies_in_the_same_folder(run):
    run.write_spec(Spec(TRAINING, {"stride": [4, 4, 4]}))
    assert run.read_spec().testing == {"stride": [4, 4, 4]}


def test_a_spec_of_another_run_is_not_written(run):
    with pytest.raises(InputError, match="expected the settings of run"):
        run.write_spec(Spec(TRAINING | {"labelled": 16}, {}))
    assert run.read_spec() == SPEC


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"[1]", "expected the settings of a run: all: "),
        (b"{}", "training: Field required; testing: Field required"),
        (b"\xff", "in UTF-8"),
        (None, "found a folder"),
    ],
)
def test_a_file_that_is_no_spec_is_refused(run, content, message):
    run.spec.unlink()
    run.spec.mkdir() if content is None else run.spec.write_bytes(content)
    with pytest.raises(InputError, match=message):
        run.read_spec()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": None}, "training.patch: Input should be a valid list"),
        ({"iterations": "many"}, "training.iterations: Input should be a valid integer"),
        ({"iterations": "60"}, "expected numbers and truths as `dmd step describe` writes them"),
        ({"batch": {"size": 4}}, "training.batch.labelled: Field required"),
        ({"seed": -1}, "training.seed: "),
    ],
)
def test_settings_that_lack_a_number_are_no_run_although_the_folder_is_named_for_them(tmp_path, change, message):
    """A key that is missing was a KeyError in whoever needed it first."""
    spec = Spec(TRAINING | change, {})
    run = RunFolder(tmp_path / spec.id)
    run.write_spec(spec)
    with pytest.raises(InputError, match=message):
        run.read_spec()
    without = {key: value for key, value in TRAINING.items() if key not in change}
    run.spec.write_text(json.dumps({"training": without, "testing": {}}))
    with pytest.raises(InputError, match=f"training.{next(iter(change))}: Field required"):
        run.read_spec()


def test_a_missing_spec_is_named(tmp_path):
    with pytest.raises(InputError, match=r"spec\.json, found no file"):
        RunFolder(tmp_path / "la-8-dmd-00000000").read_spec()


def test_the_stage_follows_the_files(run):
    assert run.stage == "missing"
    run.history.touch()
    assert run.stage == "started"
    run.owner.write_text("{}")
    assert run.stage == "running"
    run.weights.touch()
    assert run.stage == "trained"  # whoever owns it writes the last facts
    run.cases.touch()
    assert run.stage == "evaluated"


def test_a_state_alone_is_a_start(run):
    run.state.touch()
    assert run.stage == "started"


def test_leftovers_are_what_the_owner_had_half_written(run):
    half = [run.path / f".{path.name}.1a2b.part" for path in (run.state, run.weights, run.history_table, run.facts)]
    others = [run.path / f".{run.tracked.name}.1a2b.part", run.state, run.weights]
    for path in half + others:
        path.touch()
    run.clear_leftovers()
    assert set(run.path.iterdir()) == {run.spec, *others}


def test_every_file_has_its_place_in_the_folder_and_in_the_design(run, root):
    names = [name for name, value in vars(RunFolder).items() if isinstance(value, property)]
    paths = [path for path in (getattr(run, name) for name in names) if isinstance(path, Path)]
    assert {path.parent for path in paths} == {run.path}
    shown = [path.name for path in [*paths, run.changes(1), run.snapshot(750).parent] if not path.name.startswith(".")]
    assert len(set(shown)) == len(shown)
    drawn = (
        (root / "docs/design.md").read_text(encoding="utf-8").partition("results/runs/<id>/\n")[2].partition("```")[0]
    )
    assert {line.split()[0].rstrip("/") for line in drawn.splitlines()} == set(shown)


def test_snapshots_sort_as_their_steps(run):
    assert [run.snapshot(step).name for step in (750, 15000)] == ["000750.pt", "015000.pt"]


@pytest.fixture
def several(tmp_path):
    """Folders of runs, and one of something else."""
    for name in ("la-8-dmd-0a39383f", "la-8-dmd-1a39383f", "la-8-cps-606e3192", "acdc-3-dmd-0a3", "la-8-dmd"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "spec.json").touch()
    (tmp_path / "logs").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("la-8-dmd-0a39383f", "la-8-dmd-0a39383f"),
        ("3192", "la-8-cps-606e3192"),
        ("cps", "la-8-cps-606e3192"),
        ("0a3", "acdc-3-dmd-0a3"),  # the end of one goes before a part of another
        ("la-8-dmd", "la-8-dmd"),  # a whole id before a part
    ],
)
def test_a_run_is_found_by_its_id_its_end_or_a_part(several, name, meant):
    assert find_run(name, several) == RunFolder(several / meant)


def test_a_run_is_found_by_its_path_or_that_of_its_weights(several, monkeypatch):
    elsewhere = several / "logs"
    run = RunFolder(several / "la-8-cps-606e3192")
    assert find_run(str(run.path), elsewhere) == find_run(str(run.weights), elsewhere) == run
    monkeypatch.chdir(run.path)
    assert find_run(".", elsewhere) == find_run("weights.pt", elsewhere) == run


def test_a_folder_that_holds_no_run_is_none_whatever_it_is_called(several, monkeypatch):
    """`dmd show dmd` beside the package, and a file of weights from elsewhere."""
    (several / "cps").mkdir()
    monkeypatch.chdir(several)
    assert find_run("cps", several) == RunFolder(several / "la-8-cps-606e3192")
    for name in ("logs", str(several / "logs"), "logs/weights.pt"):
        with pytest.raises(InputError, match="or the path of a run"):
            find_run(name, several)


def test_a_part_of_several_ids_names_them(several):
    with pytest.raises(InputError, match="found 'a39383f' in 2: la-8-dmd-0a39383f, la-8-dmd-1a39383f"):
        find_run("a39383f", several)


def test_an_unknown_run_is_refused_with_the_nearest(several):
    with pytest.raises(InputError, match=r"one of the 5 runs in .*, found '606e3129'; did you mean '606e3192'\?"):
        find_run("606e3129", several)
    with pytest.raises(InputError, match=r"did you mean 'la-8-cps-606e3192'\?"):
        find_run("la-8-cps-606e3191", several)
    with pytest.raises(InputError, match="one of the 0 runs in"):
        find_run("la", several / "logs")
