"""Progress as a terminal and as a file get it, each from a process of its own."""

import errno
import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from concurrent.futures import ThreadPoolExecutor

from dmd.progress import Progress, track

WORK = "from dmd.progress import track; list(track('work', range(4)))"
LONG = "la-8-supervised-c3d6532811 predict a_name_as_long_as_those_of_clinics.nii.gz"
EAGER = (
    "import dmd.progress as p, time; q = p.Progress('{}', 6000, done=2000);"
    "[(time.sleep(0.25), q.report(i, {{'loss': 0.25}})) for i in (3000, 4000, 6000)]"
)


def on_terminal(code: str, root, columns: int) -> str:
    """Return what a process writes on a terminal of so many columns, as its standard error alone."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    subprocess.run(
        [sys.executable, "-c", code],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
        check=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    os.close(theirs)
    said = os.read(ours, 10000).decode()
    os.close(ours)
    return said


def test_a_terminal_gets_one_line_with_a_bar_that_is_drawn_anew(root):
    drawn = on_terminal(EAGER.format("a name"), root, columns=120).split("\r")
    assert [line[:27] for line in drawn[1:4]] == [
        "|██████      |  3000/6000  ",
        "|████████    |  4000/6000  ",
        "|████████████|  6000/6000  ",
    ]
    assert drawn[1].endswith("left  a name, loss 0.2500")
    assert drawn[-1] == "\n"
    assert "".join(drawn).count("\n") == 1


def test_at_80_columns_count_rate_and_time_left_stay_whatever_the_name(root):
    drawn = on_terminal(EAGER.format(LONG), root, columns=80).split("\r")
    assert re.fullmatch(r"\|█+ *\|  3000/6000  +[\d.]+it/s  00:00 left  la-8-supervised.*", drawn[1])
    assert max(map(len, drawn)) == 79


def test_a_terminal_without_columns_is_taken_for_one_of_eighty(root):
    drawn = on_terminal(EAGER.format(LONG), root, columns=0).split("\r")
    assert max(map(len, drawn)) == 79
    assert "4/4" in on_terminal(WORK, root, columns=0)


def test_a_file_gets_plain_lines(capsys):
    assert list(track("work", "abc")) == ["a", "b", "c"]
    said = capsys.readouterr().err
    assert said.startswith("work  3/3  ")
    assert said.endswith("left\n")
    assert "\r" not in said
    assert "\x1b" not in said


def test_lines_come_with_pauses_and_say_what_was_measured(capsys):
    progress = Progress("run", 10, done=4, every=0.1)
    for done in (5, 6):
        time.sleep(0.2)
        progress.report(done, {"loss": done / 20})
        progress.report(done, {"loss": 0.0})
    first, second = capsys.readouterr().err.splitlines()
    assert (first[:11], second[:11]) == ("run  5/10  ", "run  6/10  ")
    assert (first[-11:], second[-11:]) == ("loss 0.2500", "loss 0.3000")


def test_the_rate_is_of_the_steps_of_this_attempt(capsys):
    """3 steps in 0.3 s and 3 are left: not 8 steps since the first attempt began."""
    progress = Progress("run", 11, done=5, every=0.25)
    time.sleep(0.3)
    progress.report(8)
    rate = float(re.search(r"  ([\d.]+)it/s  00:00 left$", capsys.readouterr().err)[1])
    assert rate <= 10


class Full(io.StringIO):
    """A file on a full disk."""

    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_cannot_be_written_in_one_thread_does_not_hold_up_another(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Full())
    progress = Progress("work", 2, every=0)
    with ThreadPoolExecutor(1) as thread:
        assert isinstance(thread.submit(progress.report, 1).exception(), OSError)
    lock = progress.bar.get_lock()
    assert lock.acquire(blocking=False)
    lock.release()
    progress.bar.disable = True
