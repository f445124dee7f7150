"""What a name's description says, where it lies, and that reading it gives back what was planned."""

import json

import pytest

from dmd.errors import InputError
from dmd.planning import config, plan, reading
from dmd.planning.artefacts import Curve, Table
from dmd.planning.describe import describe, read_any, read_artefact, read_json, write


@pytest.fixture
def settings(root):
    return config.check(reading.read(root / "config"))


@pytest.fixture
def made(settings, root):
    return plan.make(settings, root)


def test_every_artefact_reads_back_as_planned(settings, made, tmp_path):
    for name, artefact in made.artefacts.items():
        found = read_any(write(name, settings, made, tmp_path))
        assert (found.name, found.scale, found.rows) == (name, artefact.scale, artefact.rows)
        assert type(found.form) is type(artefact.form)
        assert found.form.model_dump() == artefact.form.model_dump()


def test_a_run_lies_in_its_folder_with_both_parts_of_its_settings(settings, made):
    name = made.artefacts["table3"].rows[0].runs[0]
    place, content = describe(name, settings, made)
    assert place == f"runs/{name}/spec.json"
    assert set(content) == {"training", "testing"}


def test_a_store_is_described_by_its_identity_and_its_data_set(settings, made):
    place, content = describe("la-1x1x1", settings, made)
    assert place == "data/la-1x1x1.json"
    assert content["identity"]["downsample"] == [1, 1, 1]
    dataset = settings.datasets["la"].model_dump()
    assert dataset.pop("terms")  # words for readers make no store again
    assert content["dataset"] == dataset


def test_a_description_that_is_right_is_not_touched_and_another_is_replaced(settings, made, tmp_path):
    path = write("table3", settings, made, tmp_path)
    right, before = path.read_bytes(), path.stat().st_ino
    assert write("table3", settings, made, tmp_path).stat().st_ino == before
    path.write_text("{torn")
    assert write("table3", settings, made, tmp_path).read_bytes() == right


def test_an_unknown_name_is_refused_with_the_nearest(settings, made):
    with pytest.raises(InputError, match="no run, store or artefact 'tabel3'; did you mean 'table3'"):
        describe("tabel3", settings, made)


def test_another_kind_is_refused(settings, made, tmp_path):
    path = write("table3", settings, made, tmp_path)
    assert read_artefact(path, Table).name == "table3"
    with pytest.raises(InputError, match=r"expected the description of a curve at .* found that of a table"):
        read_artefact(path, Curve)


@pytest.mark.parametrize("content", ["{torn", json.dumps({"name": "x"}), json.dumps([1])])
def test_what_describes_nothing_is_refused(content, tmp_path):
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match="found another content"):
        read_any(tmp_path / "x.json")
    with pytest.raises(InputError, match="found no file"):
        read_any(tmp_path / "y.json")


def test_a_file_that_is_no_json_is_refused(tmp_path):
    (tmp_path / "x.json").write_text("{torn")
    with pytest.raises(InputError, match="expected a JSON description at"):
        read_json(tmp_path / "x.json")
