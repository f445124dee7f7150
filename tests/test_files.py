import subprocess
import sys

import pytest

from dmd.files import replacing, write_json, write_text


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
