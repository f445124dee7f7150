import os
import subprocess
import sys
import time

import pytest

from dmd.files import replacing
from dmd.runs.litter import QUIET, find_litter

HERE = os.uname().nodename


@pytest.fixture
def dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def use(results, *names) -> dict[str, bool]:
    """Return of the files that are litter or may be, whether they are in use."""
    for name in names:
        (results / name).parent.mkdir(parents=True, exist_ok=True)
        (results / name).touch()
    return {str(path.relative_to(results)): bool(why) for path, why in find_litter(results)}


def test_what_a_process_of_this_machine_left_is_litter_once_it_is_dead(tmp_path, dead):
    parts = ["data/.la.h5.{}-{}.part", ".mlflow.db.{}-{}.part", ".mlflow.db.{}-{}.part-journal"]
    left, living = ([part.format(HERE, number) for part in parts] for number in (dead, os.getpid()))
    assert use(tmp_path, *left, *living) == dict.fromkeys(left, False) | dict.fromkeys(living, True)


def test_what_others_may_be_writing_is_litter_after_a_day(tmp_path):
    names = ["data/.la.h5.n7-1.part", "raw/la/a/.tmpab12_x9z.n7-2.part", "runs/r/.owner.json.%s.part" % ("0a" * 16)]
    assert use(tmp_path, *names) == dict.fromkeys(names, True)
    for name in names:
        os.utime(tmp_path / name, (time.time() - QUIET - 60,) * 2)
    assert use(tmp_path) == dict.fromkeys(names, False)
    with (tmp_path / names[1]).open():
        assert use(tmp_path)[names[1]]


def test_what_is_being_replaced_is_in_use(tmp_path):
    with replacing(tmp_path / "la.h5") as aside:
        aside.write_text("half")
        assert use(tmp_path) == {aside.name: True}


def test_results_are_no_litter(tmp_path):
    names = ["runs/r/weights.pt", "runs/r/owner.json", "tmpab12_x9z", "raw/la/tmp.h5", "data/la.part", ".x.part"]
    assert use(tmp_path, *names) == {}
