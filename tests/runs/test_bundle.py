"""Runs go into one file and come out elsewhere as they were; what is no bundle is refused and leaves nothing."""

import errno
import hashlib
import io
import json
import os
import shutil
import zipfile
from contextlib import contextmanager

import pytest
from conftest import tiny_training
from runs.bundled import make_whole

from dmd import cli
from dmd.errors import InputError, PassingError
from dmd.files import checksum
from dmd.report.tested import read_run
from dmd.runs import bundle as bundling
from dmd.runs import merging
from dmd.runs.bare import is_bare
from dmd.runs.bundle import write_bundle
from dmd.runs.columns import unpack
from dmd.runs.doctor import examine
from dmd.runs.folder import RunFolder
from dmd.runs.merging import merge
from dmd.runs.ownership import owned
from dmd.runs.vouching import seal, vouch

SENT = ["cases.csv", "changes-1.patch", "history.csv", "run.json", "spec.json", "test.json"]


@pytest.fixture
def runs(tiny_run) -> list[RunFolder]:
    return [make_whole(tiny_run(tiny_training(3, "dmd", {}) | {"seed": seed})) for seed in (7, 8)]


@pytest.fixture
def bundle(runs, tmp_path):
    write_bundle(runs, tmp_path / "sent.zip", weights=False)
    return tmp_path / "sent.zip"


@pytest.fixture
def there(tmp_path):
    return tmp_path / "there" / "runs"


def contents(folder) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_run_of_three_thousand_steps_takes_less_than_100_kilobytes(tiny_run, tmp_path):
    run = make_whole(tiny_run(tiny_training(3, "dmd", {})), 3000, looks=200)
    assert run.history_table.stat().st_size > 400_000
    assert write_bundle([run], tmp_path / "one.zip", weights=False) < 100_000


def test_the_same_runs_make_the_same_bytes_whenever_and_in_whatever_order(runs, bundle, tmp_path):
    for run in runs:
        os.utime(run.cases, (1, 1))
        run.usage.write_text("{}")
    write_bundle([runs[1], runs[0], runs[1]], tmp_path / "again.zip", weights=False)
    assert (tmp_path / "again.zip").read_bytes() == bundle.read_bytes()


def test_the_checksums_in_it_are_those_of_sha256sum(runs, bundle):
    with zipfile.ZipFile(bundle) as archive:
        lines = archive.read("SHA256SUMS").decode().splitlines()
    assert f"{checksum(runs[0].history_table)}  {runs[0].id}/history.csv" in lines
    assert len(lines) == 2 * len(SENT)


@pytest.mark.parametrize("weights", [False, True])
def test_runs_come_out_as_they_were(runs, there, tmp_path, weights):
    write_bundle(runs, tmp_path / "some.zip", weights=weights)
    assert [(each.is_new, each.run.id) for each in merge(tmp_path / "some.zip", there, read_run)] == [
        (True, run.id) for run in sorted(runs, key=lambda run: run.id)
    ]
    for run in runs:
        found = RunFolder(there / run.id)
        assert sorted(path.name for path in found.path.iterdir()) == sorted(SENT + ["weights.pt"] * weights)
        assert all((run.path / name).read_bytes() == content for name, content in contents(found.path).items())
        assert is_bare(found) is not weights
        assert found.stage == "evaluated"
    states = {finding.state for finding in examine(RunFolder(there / run.id) for run in runs)}
    assert states == {"whole" if weights else "without weights"}
    assert [path.name for path in there.parent.iterdir()] == ["runs"]


def test_an_equal_run_is_left_and_weights_are_added_to_it(runs, bundle, there, tmp_path):
    merge(bundle, there, read_run)
    before = {path: path.stat().st_mtime_ns for path in there.rglob("*")}
    assert [each.added for each in merge(bundle, there, read_run)] == [(), ()]
    assert {path: path.stat().st_mtime_ns for path in there.rglob("*")} == before
    write_bundle(runs[:1], tmp_path / "heavy.zip", weights=True)
    assert [(each.added, each.is_new) for each in merge(tmp_path / "heavy.zip", there, read_run)] == [
        (("weights.pt",), False)
    ]
    assert next(iter(examine([RunFolder(there / runs[0].id)]))).state == "whole"


def test_a_run_that_is_planned_there_and_no_more_is_added(runs, bundle, there):
    shutil.copytree(runs[0].path, there / runs[0].id, ignore=lambda _, names: set(names) - {"spec.json"})
    assert all(each.is_new for each in merge(bundle, there, read_run))
    assert sorted(path.name for path in (there / runs[0].id).iterdir()) == SENT


def trained_again(run: RunFolder) -> None:
    run.weights.write_text("others")
    vouch(run, run.facts, {"steps": 5}, [run.weights, run.history_table])


def begun(run: RunFolder) -> None:
    for path in (run.facts, run.test, run.cases, run.history_table, run.weights, run.changes(1)):
        path.unlink()
    run.state.write_text("")


def training(run: RunFolder) -> None:
    run.owner.write_text("{}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (trained_again, r"is there with another weights\.pt, run\.json"),
        (begun, r"was begun there: state\.pt; `dmd retrain"),
        (training, "is trained there now"),
    ],
)
def test_another_run_of_the_id_is_refused_and_nothing_is_added_or_overwritten(runs, there, tmp_path, change, said):
    bundle = tmp_path / "heavy.zip"
    write_bundle(runs, bundle, weights=True)
    shutil.copytree(runs[1].path, there / runs[1].id)
    change(RunFolder(there / runs[1].id))
    before = contents(there)
    with pytest.raises(InputError, match=rf"nothing was added\n  {runs[1].id} {said}"):
        merge(bundle, there, read_run)
    assert contents(there) == before


@pytest.mark.parametrize("change", [trained_again, begun])
def test_a_run_that_is_trained_while_the_bundle_is_looked_at_is_not_overwritten(
    runs, there, tmp_path, monkeypatch, change
):
    write_bundle(runs, tmp_path / "heavy.zip", weights=True)
    write_bundle(runs, tmp_path / "light.zip", weights=False)
    merge(tmp_path / "light.zip", there, read_run)
    own, after = merging.owned, {}

    @contextmanager
    def others_first(path, name, **options):
        change(shutil.copytree(runs[0].path, there / name, dirs_exist_ok=True) and RunFolder(there / name))
        after.update(contents(there / name))
        with own(path, name, **options):
            yield

    monkeypatch.setattr(merging, "owned", others_first)
    with pytest.raises(InputError, match="expected it as it was when merging began, found otherwise"):
        merge(tmp_path / "heavy.zip", there, read_run)
    first = min(run.id for run in runs)
    assert contents(there / first) == after


def test_merging_waits_for_no_training(runs, there, tmp_path, monkeypatch):
    """One that began after the look at the folder, or on a node whose clock is another."""
    write_bundle(runs[:1], tmp_path / "light.zip", weights=False)
    write_bundle(runs[:1], tmp_path / "heavy.zip", weights=True)
    merge(tmp_path / "light.zip", there, read_run)
    monkeypatch.setattr(merging, "alive", lambda owner: False)
    with (
        owned(there / runs[0].id / "owner.json", "run", 0.1),
        pytest.raises(PassingError, match="expected no job that works on this run"),
    ):
        merge(tmp_path / "heavy.zip", there, read_run)
    assert not (there / runs[0].id / "weights.pt").exists()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cases.csv", r"cases\.csv: expected a run that is trained and tested, found it 'trained'"),
        ("run.json", r"run\.json: expected a run that is trained and tested"),
        ("weights.pt", "expected weights to bundle, found none; leave --weights out"),
    ],
)
def test_what_is_not_whole_is_not_sent(runs, tmp_path, name, said):
    (runs[0].path / name).unlink()
    with pytest.raises(InputError, match=said):
        write_bundle(runs, tmp_path / "sent.zip", weights=True)
    assert not (tmp_path / "sent.zip").exists()


def test_an_edited_file_is_not_sent(runs, tmp_path):
    runs[0].cases.write_text(runs[0].cases.read_text().replace("0.8", "0.9"))
    with pytest.raises(InputError, match=r"expected the file that test\.json vouches for"):
        write_bundle(runs, tmp_path / "sent.zip", weights=False)


def rewritten(bundle, change) -> None:
    """Write a bundle anew with its files changed, and checksums that fit whatever is in it."""
    with zipfile.ZipFile(bundle) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist() if entry.filename != "SHA256SUMS"}
    change(files)
    sums = io.StringIO()
    for name, content in files.items():
        whole = unpack(content) if name.endswith("columns") else content
        sums.write(f"{hashlib.sha256(whole).hexdigest()}  {name.replace('columns', 'csv')}\n")
    with zipfile.ZipFile(bundle, "w") as archive:
        for name, content in ({"SHA256SUMS": sums.getvalue()} | files).items():
            archive.writestr(name, content)


def first(files, name):
    return next(path for path in files if path.endswith(name))


def edit(name, old, new):
    def change(files):
        path = first(files, name)
        assert old in files[path]
        files[path] = files[path].replace(old, new)

    return change


def put(name, content=b"x"):
    return lambda files: files.update({name: content})


def drop(name):
    return lambda files: files.pop(first(files, name))


def edit_cases_and_vouch(files):
    """Scores as anybody may forge them, but none of a run."""
    path = first(files, "cases.csv")
    files[path] = b"case,dice\na,1\n"
    record = path.replace("cases.csv", "test.json")
    content = {name: value for name, value in json.loads(files[record]).items() if name != "seal"}
    content["sha256"]["cases.csv"] = hashlib.sha256(files[path]).hexdigest()
    files[record] = json.dumps(content | {"seal": seal(content)}).encode()


def seal_again(files, change):
    record = first(files, "run.json")
    content = {name: value for name, value in json.loads(files[record]).items() if name != "seal"}
    change(content)
    files[record] = json.dumps(content | {"seal": seal(content)}).encode()


def close_what_is_outside(files):
    seal_again(files, lambda content: content["sha256"].update({"../../../etc/passwd": "0" * 64}))


def colour_the_terminal(files):
    seal_again(files, lambda content: content["attempts"][0].update(host="\x1b[31m"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("../../outside/spec.json"), "found the name '../../outside/spec.json'"),
        (put("/tmp/tiny3d-2-dmd-0123456789/spec.json"), "files of runs alone"),
        (put("tiny3d-2-dmd-0123456789/../x/spec.json"), "files of runs alone"),
        (put("tiny3d-2-dmd-0123456789/state.pt"), "files of runs alone"),
        (put("tiny3d-2-dmd-0123456789/owner.json"), "files of runs alone"),
        (put("tiny3d-2-dmd-0123456789/spec.json"), "run.json is missing"),
        (drop("test.json"), "test.json is missing"),
        (drop("columns"), "history.csv is missing"),
        (edit("spec.json", b'"seed": ', b'"seed": 1'), "expected the settings of run"),
        (edit("run.json", b'"steps": 5', b'"steps": 6'), "expected it as the run left it"),
        (edit("cases.csv", b"0.8", b"0.9"), "cases.csv is not the one that its record vouches for"),
        (edit("columns", b"supervised_1", b"supervised_9"), "history.csv is not the one that its record"),
        (edit("spec.json", b"{", b'{"a":' + b"[" * 100_000), "found otherwise"),
        (edit_cases_and_vouch, "cases.csv"),
        (colour_the_terminal, "run.json holds control characters"),
        (close_what_is_outside, "run.json closes other files than a run has"),
    ],
)
def test_what_a_stranger_may_send_is_refused_and_leaves_nothing(bundle, there, tmp_path, change, said):
    rewritten(bundle, change)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=said):
        merge(bundle, there, read_run)
    assert sorted(set(tmp_path.rglob("*")) - set(before)) == [there.parent, there]


def test_a_byte_that_changed_on_the_way_is_noticed(bundle, there):
    content = bytearray(bundle.read_bytes())
    content[len(content) // 3] ^= 1
    bundle.write_bytes(content)
    with pytest.raises(InputError, match="expected a bundle as `dmd bundle` writes it"):
        merge(bundle, there, read_run)
    bundle.write_bytes(b"no zip")
    with pytest.raises(InputError, match="have it sent again"):
        merge(bundle, there, read_run)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("twice", [False, True])
def test_sums_that_do_not_name_each_file_once_are_refused(bundle, there, twice):
    with zipfile.ZipFile(bundle, "a") as archive:
        name = archive.namelist()[1] if twice else "tiny3d-2-dmd-0123456789/spec.json"
        archive.writestr(name, b"{}")
    with pytest.raises(InputError, match="SHA256SUMS names, each once"):
        merge(bundle, there, read_run)


def test_a_file_that_would_fill_the_disk_is_refused_before_it_is_unpacked(bundle, there, monkeypatch):
    rewritten(bundle, put("tiny3d-2-dmd-0123456789/changes-1.patch", bytes(50_000)))
    monkeypatch.setattr(bundling, "SMALL", 40_000)
    with pytest.raises(InputError, match=r"expected a smaller file than .* of 50000 bytes"):
        merge(bundle, there, read_run)


def test_the_commands_say_what_they_did(runs, there, tmp_path, capsys):
    out = tmp_path / "two.zip"
    here = str(runs[0].path.parent)
    assert cli.main(["bundle", runs[0].id, runs[1].id, "--out", str(out), "--runs", here]) == 0
    assert capsys.readouterr().out == f"{out}: 2 run(s), {out.stat().st_size / 1000:.0f} kB, without weights\n"
    for said in ("added, without weights", "is there already, without weights"):
        assert cli.main(["merge", str(out), "--runs", str(there)]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"{min(run.id for run in runs)}  {said}"
    assert lines[-1] == f"0 of 2 run(s) added to {there}"
    assert cli.main(["show", runs[0].id, "--runs", str(there)]) == 0
    assert capsys.readouterr().out.startswith(f"{runs[0].id}  evaluated, without weights\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.ESTALE])
def test_a_disk_that_fails_is_no_fault_of_the_bundle_and_nothing_is_added(bundle, there, monkeypatch, number):
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(bundling.shutil, "copyfileobj", fail)
    with pytest.raises(OSError, match=os.strerror(number)):
        merge(bundle, there, read_run)
    assert contents(there) == {}
