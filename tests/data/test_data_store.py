import subprocess
import sys

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmd.data.store import Case, Store, digest, load_store, sha256, write_store
from dmd.errors import InputError

IDENTITY = {"name": "toy", "revision": 1, "downsample": [2, 2, 2], "split": "ab12"}
PARTS = {"train": ["b", "a", "c"], "validation": [], "test": ["d"]}


def case(name, patient=None, spacing=(1.25, 1.25, 2.0)):
    random = np.random.default_rng(list(name.encode()))
    image = random.standard_normal((4, 5, 3)).astype(np.float32)
    return Case(name, patient or name, image, (image > 0.5).astype(np.uint8), spacing)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "toy.h5"
    write_store(path, IDENTITY, ["background", "blob"], PARTS, map(case, "abcd"))
    return path


def names(cases):
    return [held.name for held in cases]


def test_what_was_written_is_read(path):
    store = load_store(path, IDENTITY)
    assert store.identity == IDENTITY
    assert store.classes == ("background", "blob")
    assert list(store.parts) == ["train", "validation", "test"]
    for read, made in zip(store.cases("train"), map(case, "bac"), strict=True):
        assert (read.name, read.patient, read.spacing_mm) == (made.name, made.patient, made.spacing_mm)
        np.testing.assert_array_equal(read.image, made.image)
        np.testing.assert_array_equal(read.label, made.label)
        assert (read.image.dtype, read.label.dtype) == (np.float32, np.uint8)


def test_cases_stand_in_the_order_of_the_split_and_frames_within_patients(tmp_path):
    cases = [case("p2_frame02", "p2"), case("p2_frame01", "p2"), case("p1_frame01", "p1")]
    write_store(tmp_path / "f.h5", {}, ["a", "b"], {"train": ["p2", "p1"]}, cases)
    assert names(load_store(tmp_path / "f.h5").cases("train")) == ["p2_frame01", "p2_frame02", "p1_frame01"]


def test_other_voxels_have_another_digest_whatever_the_settings_say(path, tmp_path):
    again, other = tmp_path / "again.h5", tmp_path / "other.h5"
    write_store(again, IDENTITY, ["background", "blob"], PARTS, map(case, "dcba"))
    changed = case("a")
    changed.image[0, 0, 0] += 1
    write_store(other, IDENTITY, ["background", "blob"], PARTS, [changed, *map(case, "bcd")])
    assert digest(again) == digest(path) != digest(other)
    with pytest.raises(InputError, match="found no such file"):
        digest(tmp_path / "none.h5")


def test_an_unknown_spacing_stays_unknown(tmp_path):
    write_store(tmp_path / "f.h5", {}, ["a", "b"], {"train": ["x"]}, [case("x", spacing=None)])
    assert load_store(tmp_path / "f.h5").cases("train")[0].spacing_mm is None


def test_arrays_are_contiguous_and_uncompressed(path):
    with h5py.File(path) as file:
        image = file["cases/a/image"]
        assert (image.chunks, image.compression) == (None, None)


def test_a_store_of_some_parts_reads_only_them(path):
    store = load_store(path, parts=["test"])
    assert names(store.cases("test")) == ["d"]
    with pytest.raises(InputError, match="found none of b, a, c"):
        store.cases("train")


def test_an_unknown_part_is_named_with_the_nearest(path):
    for ask in (load_store(path).cases, lambda part: load_store(path, parts=[part])):
        with pytest.raises(InputError, match="unknown part 'trian'; did you mean 'train'"):
            ask("trian")


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.data())
def test_a_budget_cuts_the_training_patients_in_two(count, data):
    patients = tuple(f"p{index}" for index in range(count))
    store = Store({}, ("a", "b"), {"train": patients}, {patient: (case(patient),) for patient in patients})
    budget = data.draw(st.integers(1, count))
    assert len(store.labelled(budget)) == budget
    assert names(store.labelled(budget) + store.unlabelled(budget)) == list(patients)
    drawn = store.labelled(budget, 1) + store.unlabelled(budget, 1)
    assert sorted(names(drawn)) == sorted(patients)


@pytest.mark.parametrize("budget", [0, 4, -1])
def test_a_budget_outside_the_split_is_refused_with_both_numbers(path, budget):
    store = load_store(path)
    for ask in (store.labelled, store.unlabelled):
        with pytest.raises(InputError, match=rf"1 to 3 patients.*found {budget}$"):
            ask(budget)


def test_a_missing_store_says_which_command_makes_it(tmp_path):
    with pytest.raises(InputError, match=r"make it with `snakemake .*/none\.h5`"):
        load_store(tmp_path / "none.h5")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_store_is_refused(path, share):
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="truncated or corrupt"):
        load_store(path)


def test_a_file_that_is_no_store_is_refused(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["image"] = np.zeros(3)
    with pytest.raises(InputError, match="truncated or corrupt"):
        load_store(tmp_path / "other.h5")


def test_one_changed_voxel_is_refused(path):
    with h5py.File(path, "r+") as file:
        file["cases/c/image"][0, 0, 0] += 1
    with pytest.raises(InputError, match="its seal is not that of its content"):
        load_store(path)


@pytest.mark.parametrize("read", [load_store, digest])
@pytest.mark.parametrize("attribute", ["patient", "spacing_mm", "image_sha256"])
def test_what_a_store_says_of_a_case_cannot_change_unnoticed(path, attribute, read):
    with h5py.File(path, "r+") as file:
        file["cases/a"].attrs[attribute] = file["cases/b"].attrs[attribute] * 2
    with pytest.raises(InputError, match=r"truncated or corrupt .*; delete it and make it again with `snakemake"):
        read(path)


def test_another_identity_is_reported_key_by_key(path):
    asked = {"name": "toy", "revision": 2, "downsample": [2, 2, 2], "split": "ab12", "extra": 1}
    with pytest.raises(InputError) as caught:
        load_store(path, asked)
    message = str(caught.value)
    assert "revision: expected 2, found 1" in message
    assert "extra: expected 1, found (absent)" in message
    assert "downsample" not in message
    assert "Delete it and make it again with `snakemake" in message


def test_tuples_and_lists_are_the_same_identity(path):
    assert load_store(path, IDENTITY | {"downsample": (2, 2, 2)}).identity == IDENTITY


def test_a_failing_reader_leaves_the_previous_store(path):
    def broken():
        yield case("a")
        raise InputError("case b is corrupt")

    before = path.read_bytes()
    with pytest.raises(InputError, match="case b is corrupt"):
        write_store(path, IDENTITY, ["a", "b"], PARTS, broken())
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
import numpy as np
from dmd.data.store import Case, write_store
zeros = np.zeros((40, 40, 40))
cases = [Case(str(index), str(index), zeros + index, zeros, None) for index in range(8)]
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
try:
    write_store(Path(sys.argv[1]), {}, ["a", "b"], {"train": []}, cases)
except OSError as error:
    print(error)
"""


# Full in the metadata, between arrays or within one; the HDF5 library itself crashes on some of them.
@pytest.mark.parametrize("room", [0, 2000, 64000, 300_000, 1_000_000, 2_500_000])
def test_a_full_disk_leaves_the_previous_store_and_no_other_file(path, room):
    before = path.read_bytes()
    command = [sys.executable, "-c", FILL_THE_DISK, str(path), str(room)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert f"File too large: '{path}'" in done.stdout
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_writing_holds_one_case_at_a_time(tmp_path):
    megabytes = 16
    code = f"""
import resource, numpy as np
from pathlib import Path
from dmd.data.store import Case, write_store
shape = ({megabytes} * 2**18, 1, 1)
def cases():
    for index in range(12):
        yield Case(str(index), "p", np.full(shape, index, np.float32), np.zeros(shape, np.uint8), None)
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
write_store(Path({str(tmp_path / "big.h5")!r}), {{}}, ["a", "b"], {{"train": ["p"]}}, cases())
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 6 * megabytes


def test_sha256_is_that_of_the_bytes_in_c_order():
    array = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert sha256(array.T) == sha256(np.array([[0, 3], [1, 4], [2, 5]], np.uint8))
    assert sha256(array) != sha256(array.T)
