"""Disks as they are met: full, not to be written to, and shared by two users."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from conftest import tiny_testing, tiny_training
from trainings import command

from dmd import cli
from dmd.files import locked, write_json
from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder
from dmd.runs.history import History, read_steps
from dmd.runs.ownership import owned
from dmd.tracking.usage import Usage
from dmd.training.loop import train as train_here

NOBODY = 65534
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a file system or become another user")
SPEC = Spec(tiny_training(3, "dmd", {"temperature": 2, "weight": 4, "divergence": "dice"}), tiny_testing(3))


def train(run: RunFolder, store: Path) -> subprocess.Popen:
    return subprocess.Popen(command(run, store), stderr=subprocess.PIPE, text=True)


@pytest.fixture
def disk(tmp_path) -> Iterator[Path]:
    """A file system of 64 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "none", str(folder)], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"no file system can be mounted here: {mount.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@as_root
@pytest.mark.slow
def test_a_disk_that_fills_up_ends_the_training_with_status_4_and_costs_nothing(disk, tiny_store):
    run = RunFolder(disk / SPEC.id)
    run.write_spec(SPEC)
    first = train(run, tiny_store[3])
    while not run.state.exists():
        assert first.poll() is None
        time.sleep(0.01)
    first.send_signal(signal.SIGTERM)
    first.communicate()
    before = run.state.read_bytes(), torch.load(run.state, weights_only=True)["step"]
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    (disk / "others").write_bytes(bytes(free - len(before[0]) // 2))  # room for steps, none for a second state

    full = train(run, tiny_store[3])
    said = full.communicate()[1]
    assert full.returncode == 4, said
    assert "dmd step train: No space left on device: " in said
    assert "Make room" in said
    assert "Traceback" not in said
    assert run.state.read_bytes() == before[0]
    assert not list(run.path.glob(".*.part"))

    (disk / "others").unlink()
    again = train(run, tiny_store[3])
    said = again.communicate()[1]
    assert again.returncode == 0, said
    assert f"going on from step {before[1]}" in said


TEST = """
import resource, sys
from dmd import cli
resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500))
sys.exit(cli.main(["step", "test", sys.argv[1], "--store", sys.argv[2]]))
"""


@pytest.mark.parametrize("log", [None, "/dev/full"])
def test_a_full_disk_is_told_on_the_terminal_also_where_the_log_lies_on_it(log, tiny_store, tiny_run):
    """A rule has standard error in its log and standard output on the terminal."""
    run = tiny_run(SPEC.training | {"iterations": 1})
    train_here(run, tiny_store[3], "cpu")
    with Path(log or os.devnull).open("w") as stderr:
        command = [sys.executable, "-c", TEST, str(run.path), str(tiny_store[3])]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    what = "No space left on device" if log else "File too large"
    assert done.stdout.startswith(f"dmd step test: {what}: {run.predictions}. What was written before is whole. Make")
    assert done.returncode == 4


@pytest.fixture
def shared() -> Iterator[RunFolder]:
    """The folder of a run that everybody can write to; pytest's own is private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        run = RunFolder(Path(folder) / SPEC.id)
        run.write_spec(SPEC)
        run.path.chmod(0o2777)
        yield run


def as_another(what: Callable[[], None]) -> None:
    """Call a function in a process of another user."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            what()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


@as_root
def test_a_second_user_goes_on_where_the_first_one_was_stopped(shared):
    with owned(shared.owner, "run"), History(shared.history) as history:
        history.append(1, {"loss": 0.5})
        size = history.commit()
        history.append(2, {"loss": 0.4})
    write_json(shared.facts, {"step": 1})

    def go_on() -> None:
        with owned(shared.owner, "run"), History(shared.history, size) as history:
            history.append(2, {"loss": 0.3})
        write_json(shared.facts, {"step": 2})

    as_another(go_on)
    assert [line["values"]["loss"] for line in read_steps(shared.history)] == [0.5, 0.3]
    assert shared.history.stat().st_uid == NOBODY


@as_root
def test_a_second_user_takes_over_from_a_dead_first_one(shared):
    shared.owner.write_text("{")

    def take_over() -> None:
        with owned(shared.owner, "run", beat=0.1) as owner:
            owner.require()

    as_another(take_over)
    assert not shared.owner.exists()


@as_root
def test_a_second_user_adds_to_the_use_of_the_machine_that_the_first_one_noted(shared):
    Usage(shared, os.getpid()).look()
    as_another(lambda: Usage(shared, os.getpid()).look())
    assert [look["step"] for look in read_steps(shared.usage)] == [1, 2]


@as_root
def test_a_second_user_has_the_same_lock(shared):
    with locked(shared.tracking_lock):
        pass

    def lock_twice() -> None:
        with locked(shared.tracking_lock), shared.tracking_lock.open() as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    as_another(lock_twice)


@as_root
def test_a_folder_of_somebody_else_is_a_message_and_status_4(shared, capfd):
    cli.main(
        ["step", "train", "nowhere", "--store", "none.h5"]
    )  # imports; the other user may not read where Python lies
    shared.path.chmod(0o755)
    before = sorted(shared.path.iterdir())

    def refused() -> None:
        assert cli.main(["step", "train", str(shared.path), "--store", "none.h5"]) == 4

    as_another(refused)
    assert (
        f"dmd step train: Permission denied: {shared.owner}. What was written before is whole" in capfd.readouterr().err
    )
    assert sorted(shared.path.iterdir()) == before
