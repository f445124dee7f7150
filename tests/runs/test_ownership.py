import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dmd.errors import InputError, PassingError
from dmd.runs import ownership
from dmd.runs.ownership import alive, describe, owned

BEAT = 0.1
STEADY = 1.0  # where a live owner must not be taken for dead: a busy machine may stall for a beat or two
HOLD = (
    "import sys, time; from pathlib import Path; from dmd.runs.ownership import owned\n"
    "with owned(Path(sys.argv[1]), 'run', 100): print('owns', flush=True); time.sleep(60)"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "owner.json"


def foreign(path, **changes) -> dict:
    """Write the file of an owner on another machine, which never beats."""
    card = {"host": "n7", "user": "alice", "pid": 4711, "job": "17", "machine": "other", "token": "t", "beats": 3}
    path.write_text(json.dumps(card | changes))
    return card


def test_the_file_says_who_owns_and_goes_with_the_block(path, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    with owned(path, "run", BEAT) as owner:
        card = json.loads(path.read_text())
        assert (card["pid"], card["job"], card["host"]) == (os.getpid(), "42", os.uname().nodename)
        assert f"job 42 of {card['user']} on {card['host']} (process {os.getpid()})" == describe(path.read_bytes())
        owner.require()
    assert list(path.parent.iterdir()) == []


def test_it_goes_when_the_block_fails(path):
    with pytest.raises(ZeroDivisionError), owned(path, "run", BEAT):
        raise ZeroDivisionError
    assert not path.exists()


def test_a_live_owner_is_waited_for_and_named_once(path, capsys):
    """For longer than a silent one would be."""
    released = []

    def hold():
        with owned(path, "run", STEADY):
            time.sleep(5 * STEADY)
            released.append(time.monotonic())

    holder = threading.Thread(target=hold)
    holder.start()
    while not path.exists() or not path.read_bytes():
        time.sleep(0.001)
    with owned(path, "run", STEADY):
        assert released
    holder.join()
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("run: waiting for a process of ")
    assert said[0].endswith(f"(process {os.getpid()}), which works on the same run")


def test_who_does_not_wait_gives_up_as_soon_as_the_owner_beats_and_takes_the_place_of_a_silent_one(path):
    with (
        owned(path, "run", BEAT),
        pytest.raises(PassingError, match=r"run: expected no job that works on this run, found a process of .*; stop"),
        owned(path, "run", 5 * STEADY, waits=False),
    ):
        pass
    foreign(path)
    with owned(path, "run", BEAT, waits=False) as owner:
        owner.require()


def test_who_does_not_wait_takes_nothing_over_from_an_owner_that_ended_its_work_meanwhile(path, monkeypatch):
    foreign(path)
    monkeypatch.setattr(ownership.time, "sleep", lambda seconds: path.unlink(missing_ok=True))
    with (
        pytest.raises(PassingError, match="found job 17 of alice on n7"),
        owned(path, "run", STEADY, waits=False),
    ):
        pass
    assert not path.exists()


def test_a_silent_owner_is_replaced_after_three_beats_whatever_its_clock_says(path, capsys):
    foreign(path)
    os.utime(path, (4e9, 4e9))  # written in the year 2096
    started = time.monotonic()
    with owned(path, "run", BEAT):
        assert 3 * BEAT < time.monotonic() - started < 10
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "run: waiting for job 17 of alice on n7 (process 4711), which works on the same run",
        "run: job 17 of alice on n7 (process 4711) has ended without a word; going on in its place",
    ]
    assert list(path.parent.iterdir()) == []


def test_the_file_of_an_owner_that_died_while_it_was_made_is_no_obstacle(path):
    path.touch()
    with owned(path, "run", BEAT) as owner:
        owner.require()


@pytest.mark.parametrize("torn", [b'{"host": "n7", "us', b"\0" * 200, b"[]", b"7", b'{"machine": 1}'])
def test_a_torn_file_is_that_of_a_dead_stranger(path, torn, capsys):
    """As a loss of power or a full disk leaves it: cut short, or all zeros."""
    path.write_bytes(torn)
    assert alive(path)  # for a while
    with owned(path, "run", BEAT) as owner:
        owner.require()
    assert "another process has ended without a word; going on in its place" in capsys.readouterr().err


def test_an_owner_whose_file_was_torn_says_that_it_has_lost_it(path):
    with owned(path, "run", beat=100) as owner:
        path.unlink()
        path.write_bytes(b"\0" * 200)
        owner.beaten -= 201
        with pytest.raises(InputError, match="another process has taken the run over"):
            owner.require()


def test_a_beat_leaves_the_size_of_the_file_as_it_is(path):
    with owned(path, "run", beat=100) as owner:
        sizes = set()
        for count in (0, 9, 10, 99_999):
            owner._beat(count)
            sizes.add(path.stat().st_size)
    assert len(sizes) == 1


def test_a_file_that_is_not_the_dead_owners_goes_back(path):
    foreign(path)
    ownership._bury(path, b"the dead owner's")
    assert json.loads(path.read_text())["token"] == "t"
    assert list(path.parent.iterdir()) == [path]


def test_it_does_not_go_back_over_the_file_of_a_third(path, monkeypatch):
    foreign(path)
    read = ownership._read

    def claim_meanwhile(grave):
        foreign(path, token="third")
        return read(grave)

    monkeypatch.setattr(ownership, "_read", claim_meanwhile)
    ownership._bury(path, b"the dead owner's")
    assert json.loads(path.read_text())["token"] == "third"
    assert list(path.parent.iterdir()) == [path]


def test_an_owner_on_this_machine_that_was_killed_is_replaced_at_once(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "owns\n"
    process.kill()
    process.wait()
    assert path.exists()
    started = time.monotonic()
    with owned(path, "run", beat=100):
        assert time.monotonic() - started < 10


def test_an_owner_that_was_asleep_finds_that_it_has_lost_and_says_to_whom(path):
    with owned(path, "run", BEAT) as owner:
        path.unlink()
        card = foreign(path)
        time.sleep(3 * BEAT)
        with pytest.raises(InputError, match=r"job 17 of alice on n7 .* has taken the run over"):
            owner.require()
    assert json.loads(path.read_text()) == card, "it neither beats into the other's file nor removes it"


def test_a_process_that_was_stopped_asks_before_it_goes_on(path):
    """The main thread may wake before the one that beats: `require` looks by itself."""
    with owned(path, "run", beat=100) as owner:
        path.unlink()
        foreign(path)
        owner.require()  # two beats have not passed
        owner.beaten -= 201
        with pytest.raises(InputError, match="silent for so long"):
            owner.require()


def test_a_disk_that_refuses_a_beat_costs_nothing(path, monkeypatch):
    with owned(path, "run", BEAT) as owner:

        def refuse(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", refuse)
        time.sleep(3 * BEAT)
        owner.require()


def refused(number: int):
    """Return a function that fails as the system does."""

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    return refuse


def test_an_owner_is_alive_while_it_beats(path):
    assert not alive(path)
    with owned(path, "run", beat=100):
        assert alive(path)
        os.utime(path, (1e9, 1e9))
        assert not alive(path)


def test_an_owner_of_this_machine_that_was_killed_is_not_alive(path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    assert alive(path)
    process.kill()
    process.wait()
    assert not alive(path)
    # Where a process number means nothing, the last beat counts.
    path.write_text(json.dumps(json.loads(path.read_text()) | {"machine": "other"}))
    assert alive(path)


def test_a_process_of_another_user_is_alive(path, monkeypatch):
    with owned(path, "run", beat=100):
        monkeypatch.setattr(os, "kill", refused(errno.EPERM))
        assert alive(path)


def test_a_system_that_tells_no_boot_is_never_taken_for_this_one(path, monkeypatch):
    """As one without /proc: then nobody is declared dead by a process number."""
    monkeypatch.setattr(Path, "readlink", refused(errno.ENOENT))
    with owned(path, "run", beat=100):
        monkeypatch.setattr(os, "kill", refused(errno.ESRCH))
        assert alive(path)


def test_a_user_without_a_name_is_a_number(path, monkeypatch):
    monkeypatch.setattr(ownership.getpass, "getuser", refused(errno.ENOENT))
    with owned(path, "run", beat=100):
        assert json.loads(path.read_text())["user"] == str(os.getuid())


def test_a_file_that_went_between_two_looks_is_claimed(path, monkeypatch, capsys):
    foreign(path)
    read = ownership._read

    def gone(where):
        where.unlink(missing_ok=True)
        return read(where)

    monkeypatch.setattr(ownership, "_read", gone)
    with owned(path, "run", beat=100):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("number", "lost"), [(errno.EIO, False), (errno.ESTALE, True)])
def test_a_file_that_cannot_be_read_is_still_ours_unless_it_is_another(path, monkeypatch, number, lost):
    """A network file system says ESTALE where the file behind a name was replaced."""
    with owned(path, "run", beat=100) as owner, monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refused(number))
        owner.beaten -= 201
        if not lost:
            owner.require()
            return
        with pytest.raises(InputError, match="another process has taken the run over"):
            owner.require()


@pytest.mark.slow
def test_of_many_at_once_one_owns_at_a_time(path, tmp_path):
    """Eight processes behind a dead foreign owner: no two write at the same time."""
    code = (
        "import os, sys, time; from pathlib import Path; from dmd.runs.ownership import owned\n"
        f"with owned(Path(sys.argv[1]), 'run', {STEADY}) as owner:\n"
        "    os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL)); time.sleep(0.2)\n"
        "    owner.require(); os.unlink(sys.argv[2])"
    )
    foreign(path)
    inside = str(tmp_path / "inside")
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), inside]) for _ in range(8)]
    assert [process.wait(60) for process in processes] == [0] * 8


def test_the_wait_ends_with_sigterm(path):
    foreign(path, pid=os.getpid())
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stderr=subprocess.PIPE, text=True)
    assert "waiting for job 17" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == -signal.SIGTERM
    assert json.loads(path.read_text())["token"] == "t"
