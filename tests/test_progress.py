"""Progress as a terminal and as a file get it, each from a process of its own."""

import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios

from dmd.progress import Progress, clock, track

WORK = "from dmd.progress import track; list(track('work', range(4)))"
EAGER = (
    "import dmd.progress as p, time; q = p.Progress('a name', 4); [(time.sleep(0.25), q.report(i)) for i in (1, 2, 4)]"
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
    drawn = on_terminal(EAGER, root, columns=120).split("\r\x1b[K")
    assert [line[: len("a name  [") + 24 + 6] for line in drawn] == [
        "",
        "a name  [######..................]  1/4",
        "a name  [############............]  2/4",
        "a name  [########################]  4/4",
    ]
    assert drawn[-1].endswith("left\r\n")
    assert "".join(drawn).count("\n") == 1


def test_a_line_is_cut_so_that_it_never_wraps(root):
    drawn = on_terminal(EAGER, root, columns=30).split("\r\x1b[K")
    assert [len(line.rstrip()) for line in drawn[1:]] == [29, 29, 29]


def test_a_terminal_without_columns_is_taken_for_one_of_eighty(root):
    assert "4/4" in on_terminal(WORK, root, columns=0)


def test_a_file_gets_plain_lines(capsys):
    assert list(track("work", "abc")) == ["a", "b", "c"]
    said = capsys.readouterr().err
    assert said.startswith("work  3/3  ")
    assert said.endswith("left\n")
    assert "\r" not in said
    assert "\x1b" not in said


def test_lines_come_with_pauses_and_say_what_was_measured(capsys):
    progress = Progress("run", 10, done=4, every=0.0)
    progress.report(5, {"loss": 0.25})
    progress.every = 1e9
    progress.report(6)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("run  5/10  ")
    assert line.endswith("loss 0.2500")


def test_a_duration_has_hours_minutes_and_seconds():
    assert [clock(seconds) for seconds in (0, 59.6, 3723, 90000)] == ["0:00:00", "0:01:00", "1:02:03", "25:00:00"]
