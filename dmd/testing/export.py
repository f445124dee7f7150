"""The trained network of a run as a file that runs without this package: a program of `torch.export`."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dmd.errors import InputError
from dmd.files import replacing

TOLERANCE = 1e-5  # of a probability; the same operations on a CPU give the same bits


def export_program(predictor: nn.Module, patch: Sequence[int], path: Path) -> float:
    """Write a predictor as a program and return by how much the two differ on random patches, at most.

    The program maps images ``(B, 1, *patch)`` to class probabilities ``(B, C, *patch)``, in float32: any B, no other
    patch. What is written is read again and compared before it takes its place.

    Raises
    ------
    InputError
        The predictor cannot be exported, or the program says something else than it.
    """
    predictor = predictor.cpu().eval()
    images = torch.randn(2, 1, *patch, generator=torch.Generator().manual_seed(0))
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the tracer, about its own ways
            program = torch.export.export(predictor, (images,), dynamic_shapes=({0: torch.export.Dim("batch", min=1)},))
    except Exception as error:  # the tracer has dozens of kinds
        reason = str(error).strip().partition("\n")[0]
        raise InputError(
            f"expected a predictor that torch.export can follow, found one that it cannot: {reason}. It must not "
            "decide by the values of its input"
        ) from error
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # paths of this machine
    whole = io.BytesIO()
    torch.export.save(program, whole)
    difference = _difference(predictor, whole, images)
    if not difference <= TOLERANCE:
        raise InputError(
            f"expected the exported network to say what the predictor says, found probabilities {difference:.1e} "
            "apart. Does the predictor draw random numbers?"
        )
    with replacing(path) as aside:
        aside.write_bytes(whole.getbuffer())
    return difference


@torch.no_grad()
def _difference(predictor: nn.Module, program: io.BytesIO, images: Tensor) -> float:
    program.seek(0)
    exported = torch.export.load(program).module()
    alone = images[:1]  # another number of images than it was traced with
    apart = [(exported(batch) - predictor(batch)).abs().max() for batch in (images, alone)]
    return float(torch.stack(apart).max())
