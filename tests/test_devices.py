"""Which precision a device can do."""

import pytest
import torch

from dmd.devices import check_precision
from dmd.errors import InputError

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.fixture
def has_bf16(monkeypatch):
    def answer(value: bool) -> None:
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: value)

    return answer


@pytest.mark.parametrize("patch", [[32, 48, 48], [16, 16, 16]])
def test_bf16_is_refused_where_a_feature_is_two_voxels_long(patch):
    with pytest.raises(InputError, match="not halved to 2 voxels"):
        check_precision(CPU, "bf16", patch)


@pytest.mark.parametrize(
    ("device", "precision", "patch"),
    [(CPU, "bf16", [64, 64, 32]), (CPU, "bf16", [32, 32]), (CPU, "fp32", [32, 32, 16]), (CUDA, "bf16", [32, 32, 16])],
)
def test_everything_else_is_allowed_in_silence(device, precision, patch, has_bf16, capsys):
    has_bf16(True)
    check_precision(device, precision, patch)
    assert capsys.readouterr().err == ""


def test_a_processor_without_bf16_instructions_is_warned_of(has_bf16, capsys):
    has_bf16(False)
    check_precision(CPU, "bf16", [64, 64, 32])
    assert "no bf16 instructions" in capsys.readouterr().err
