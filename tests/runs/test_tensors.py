import io

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dmd.runs.tensors import DamagedError, load_tensors, save_tensors

CPU = torch.device("cpu")
CONTENT = {"step": 3, "weights": torch.arange(40.0)}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("tensors") / "state.pt"
    save_tensors(path, CONTENT)
    return path


def test_what_was_written_is_read_here_and_by_torch(written):
    for found in (load_tensors(written, CPU), torch.load(written, weights_only=True)):
        assert found["step"] == 3
        assert torch.equal(found["weights"], CONTENT["weights"])


def test_equal_tensors_are_equal_bytes_under_any_name(written, tmp_path):
    save_tensors(tmp_path / "other.pt", CONTENT)
    assert (tmp_path / "other.pt").read_bytes() == written.read_bytes()


@given(st.data())
def test_any_flipped_bit_and_any_missing_end_is_noticed(written, data):
    whole = bytearray(written.read_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    if data.draw(st.booleans()):
        whole[place] ^= 1 << data.draw(st.integers(0, 7))
    else:
        del whole[place:]
    damaged = written.with_name("damaged.pt")
    damaged.write_bytes(whole)
    with pytest.raises(DamagedError, match=r"damaged\.pt: expected the checksum"):
        load_tensors(damaged, CPU)


def test_a_file_of_torch_alone_is_not_taken_for_ours(tmp_path):
    buffer = io.BytesIO()
    torch.save(CONTENT, buffer)
    (tmp_path / "alien.pt").write_bytes(buffer.getvalue())
    with pytest.raises(DamagedError):
        load_tensors(tmp_path / "alien.pt", CPU)
