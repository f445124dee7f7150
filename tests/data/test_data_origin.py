"""A store knows what it was made from: by content, whatever became of times and folders."""

import os
import shutil

import h5py
import pytest
from raw_la import describe_store, write_copy

from dmd.data.origin import why_outdated
from dmd.data.prepare import prepare
from dmd.data.sources import la


@pytest.fixture
def made(tmp_path):
    """A store of two scans, with its description and the folder of the raw files."""
    raw, description = write_copy(tmp_path / "raw", "AB"), describe_store(tmp_path, ["A"], ["B"])
    prepare(description, raw, tmp_path / "la.h5")
    return tmp_path / "la.h5", description, raw


def test_nothing_that_keeps_the_content_makes_a_store_due(made, tmp_path):
    store, description, raw = made
    assert why_outdated(store, description, raw) == ""
    os.utime(la.path(raw, "A"))
    assert why_outdated(store, description, raw) == ""
    shutil.copytree(raw, tmp_path / "copy", copy_function=shutil.copy)
    assert why_outdated(store, description, tmp_path / "copy") == ""
    (raw / "notes.txt").touch()
    assert why_outdated(store, description, raw) == ""
    shutil.rmtree(raw)
    assert why_outdated(store, description, raw) == ""


def test_a_file_with_another_size_or_another_content_of_the_same_size_does(made):
    store, description, raw = made
    with h5py.File(la.path(raw, "B"), "r+") as file:
        file["image"][0, 0, 0] += 1
    os.utime(la.path(raw, "B"), (1e9, 1e9))
    assert "B/mri_norm2.h5 is not the file that the store was made from" in why_outdated(store, description, raw)
    la.path(raw, "A").write_bytes(b"longer or shorter")
    assert "A/mri_norm2.h5 is not" in why_outdated(store, description, raw)


def test_a_folder_without_the_files_is_another(made, tmp_path):
    store, description, _ = made
    (tmp_path / "other").mkdir()
    assert "other/2018LA_Seg_Training Set/A/mri_norm2.h5 is not" in why_outdated(store, description, tmp_path / "other")


def test_another_configuration_makes_it_due(made):
    store, description, raw = made
    description["dataset"]["classes"] = ["a", "c"]
    assert why_outdated(store, description, raw) == "the configuration of the store has changed"


@pytest.mark.parametrize("note", [None, "", "[]", '{"seal": "of another store"}'])
def test_a_store_without_a_note_that_is_its_own_is_due(made, note):
    store, description, raw = made
    path = store.with_suffix(".origin.json")
    path.unlink() if note is None else path.write_text(note)
    assert why_outdated(store, description, raw) == "nothing says what the store was made from"
    prepare(description, raw, store)
    assert why_outdated(store, description, raw) == ""


def test_a_store_that_was_replaced_is_not_the_one_of_the_note(made, tmp_path):
    store, description, raw = made
    note = store.with_suffix(".origin.json").read_text()
    with h5py.File(la.path(raw, "B"), "r+") as file:
        file["image"][0, 0, 0] += 1
    prepare(description, raw, store)
    store.with_suffix(".origin.json").write_text(note)
    assert why_outdated(store, description, raw) == "nothing says what the store was made from"
