import json

import pytest

from dmd.errors import InputError
from dmd.plan import run_id
from dmd.rundir import RunDir

SPEC = {"dataset": {"name": "la"}, "labelled": 8, "method": {"implementation": "dmd"}, "seed": 1}


@pytest.fixture
def run(tmp_path) -> RunDir:
    folder = RunDir(tmp_path / run_id(SPEC))
    folder.write_spec(SPEC)
    return folder


def test_a_spec_comes_back_as_it_was_written(run):
    assert run.read_spec() == SPEC


def test_a_spec_edited_by_hand_is_refused(run):
    run.spec.write_text(json.dumps(SPEC | {"seed": 2}))
    with pytest.raises(InputError, match="Was the file edited by hand"):
        run.read_spec()


def test_a_spec_of_another_run_is_not_written(run):
    with pytest.raises(InputError, match="expected the settings of run"):
        run.write_spec(SPEC | {"labelled": 16})
    assert run.read_spec() == SPEC


@pytest.mark.parametrize(("text", "message"), [("{", "not valid JSON"), ("[1]", "found \\[1\\]"), ("{}", "found {}")])
def test_a_file_that_is_no_spec_is_refused(run, text, message):
    run.spec.write_text(text)
    with pytest.raises(InputError, match=message):
        run.read_spec()


def test_a_missing_spec_is_named(tmp_path):
    with pytest.raises(InputError, match=r"spec\.json, found no file"):
        RunDir(tmp_path / "la-8-dmd-00000000").read_spec()
