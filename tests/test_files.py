import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dmd.errors import InputError
from dmd.files import locked, read_text, replacing, write_json, write_text


def test_a_failed_write_leaves_the_previous_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "before")
    with pytest.raises(ZeroDivisionError), replacing(path) as aside:
        aside.write_text(f"half of {1 / 0}")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made(tmp_path):
    write_json(tmp_path / "a" / "b" / "c.json", {"é": 1})
    assert (tmp_path / "a" / "b" / "c.json").read_text() == '{\n  "é": 1\n}\n'


def test_a_full_disk_leaves_the_previous_file(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "before")
    # A limit on the size of files is how a process meets a full disk without filling one.
    code = (
        "import resource, signal, sys; from pathlib import Path; from dmd.files import write_text; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "write_text(Path(sys.argv[1]), 'x' * 100_000)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
    assert done.returncode != 0
    assert "File too large" in done.stderr
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_previous_file(tmp_path):
    path = tmp_path / "x.txt"
    write_text(path, "before")
    code = (
        "import os, signal, sys; from pathlib import Path; from dmd.files import replacing\n"
        "with replacing(Path(sys.argv[1])) as aside:\n"
        "    aside.write_text('half of'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)])
    assert done.returncode == -9
    assert path.read_text() == "before"


@pytest.fixture
def holder(tmp_path):
    """Another process that has the lock."""
    code = (
        "import sys, time; from pathlib import Path; from dmd.files import locked\n"
        "with locked(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "lock")], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def free(path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_one_process_at_a_time_has_a_lock_and_a_killed_one_has_it_no_more(holder, tmp_path):
    path = tmp_path / "lock"
    assert not free(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with locked(path):
        assert not free(path)
    assert free(path)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_where_there_are_no_locks_all_have_it_and_nothing_stays_behind(number, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    path = tmp_path / "lock"
    with locked(path), locked(path):
        pass
    assert path.read_bytes() == b""


def test_every_user_may_lock_whatever_the_umask(tmp_path):
    before = os.umask(0o077)
    try:
        with locked(tmp_path / "lock"):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "lock").stat().st_mode & 0o777 == 0o666


def test_what_a_killed_process_had_half_written_is_cleared_by_the_next_write(tmp_path):
    killed = subprocess.Popen(["true"])
    killed.wait()
    host, path = os.uname().nodename, tmp_path / "store.h5"
    dead, alive, elsewhere = (
        tmp_path / f".store.h5.{name}.part" for name in (f"{host}-{killed.pid}", f"{host}-{os.getppid()}", "n7-1")
    )
    for file in (dead, alive, elsewhere):
        file.write_text("half")
    write_text(path, "whole")
    assert path.read_text() == "whole"
    assert not dead.exists()
    assert alive.exists()
    assert elsewhere.exists()


def test_a_file_that_one_may_not_read_is_bad_input(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "read_text", refuse)  # root may read everything
    with pytest.raises(InputError, match=r"expected a list at .*mine\.txt, found a file that you may not read; have"):
        read_text(tmp_path / "mine.txt", "a list")
