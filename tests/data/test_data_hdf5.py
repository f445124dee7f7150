"""HDF5 files are opened in one place; what is no file or lacks what it should hold is told so."""

import ast
import errno
import fcntl
from pathlib import Path

import h5py
import numpy as np
import pytest

import dmd
from dmd.data import hdf5
from dmd.data.hdf5 import creating, read_array, reading
from dmd.errors import InputError


def test_one_function_opens_files_to_read_and_it_locks_nothing():
    opened = {}
    for path in sorted(Path(dmd.__file__).parent.rglob("*.py")):
        calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        found = [ast.unparse(call) for call in calls if ast.unparse(call.func).rpartition(".")[2] == "File"]
        opened |= {path.name: found} if found else {}
    assert opened == {"hdf5.py": ["h5py.File(path, locking=False)", "h5py.File(disk, 'w', userblock_size=ROOM)"]}


def test_a_file_that_somebody_has_locked_can_be_read(tmp_path):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        file["image"] = np.arange(3)
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with reading(path, "numbers", "make them again", sealed=False) as file:
            assert read_array(file, "image").tolist() == [0, 1, 2]


def test_a_flipped_bit_is_told_before_the_library_sees_the_file(tmp_path):
    """With some bytes of such a file it never returns, or takes the process with it. Here every fifth."""
    path = tmp_path / "some.h5"
    with creating(path) as file:
        file["image"] = np.arange(3)
        file["image"].attrs["spacing_mm"] = 1.25
    whole = path.read_bytes()
    with reading(path, "numbers", "make them again", sealed=True) as file:
        assert read_array(file, "image").tolist() == [0, 1, 2]
    for place in range(0, len(whole), 5):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with (
            pytest.raises(InputError, match=r"truncated or corrupt file \(its seal is not that of its content\)"),
            reading(path, "numbers", "make them again", sealed=True),
        ):
            pass


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_file_is_told(tmp_path, share):
    path = tmp_path / "some.h5"
    with creating(path) as file:
        file["image"] = np.arange(300)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match="its seal is not"), reading(path, "numbers", "make them again", sealed=True):
        pass


@pytest.mark.parametrize(
    "error",
    [PermissionError(errno.EACCES, ""), OSError(errno.EIO, ""), OSError(errno.ESTALE, ""), MemoryError()],
    ids=["forbidden", "disk", "server", "memory"],
)
def test_what_says_nothing_of_the_content_is_not_told_as_a_fault_of_it(tmp_path, monkeypatch, error):
    """Nobody is to delete a store for it, and another attempt may find it well."""

    def fail(path) -> None:
        raise error

    monkeypatch.setattr(hdf5, "_require_seal", fail)
    with (
        pytest.raises(type(error)) as found,
        reading(tmp_path / "some.h5", "numbers", "delete it", sealed=True),
    ):
        pass
    assert found.value is error


@pytest.mark.parametrize(("sealed", "kind"), [(True, MemoryError), (False, InputError)])
def test_a_size_that_no_memory_holds_is_a_fault_of_a_file_that_nothing_vouches_for(tmp_path, sealed, kind):
    with creating(tmp_path / "some.h5") as file:
        file.create_dataset("image", (2**22, 2**24), "f8", chunks=(1, 1))
    with (
        pytest.raises(kind),
        reading(tmp_path / "some.h5", "numbers", "make them again", sealed=sealed) as file,
    ):
        read_array(file, "image")


NO_ARRAY = {"group": {}, "text": "text", "nothing": np.zeros((0, 3)), "null": h5py.Empty("f"), "complex": 1j}


@pytest.mark.parametrize("kind", [*NO_ARRAY, "missing"])
def test_what_holds_no_array_of_numbers_is_refused_with_what_to_do(tmp_path, kind):
    path = tmp_path / "some.h5"
    with h5py.File(path, "w") as file:
        if kind == "group":
            file.create_group("image")
        elif kind in NO_ARRAY:
            file["image"] = NO_ARRAY[kind]
    with (
        pytest.raises(InputError, match=rf"expected numbers in {path}, found .*image.*; make them again"),
        reading(path, "numbers", "make them again", sealed=False) as file,
    ):
        read_array(file, "image")
