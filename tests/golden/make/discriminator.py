"""Make discriminator.json: discriminators of kleinzcy/SASSnet@1761aa8 (3-D) and HiLab-git/SSL4MIS@06df604 (2-D).

Maps are the tanh of the normal images of the next seed, for FCDiscriminatorDAP their softmax. The loss of pairs is the
cross-entropy against the classes 0, 1, 0, ..., that of FCDiscriminatorDAP the binary cross-entropy against 1; training
mode with dropout rate 0. ``evaluated`` is the output in evaluation mode, at the rates as released.
"""

from pathlib import Path

import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout
from torch.nn import functional


def volume_pairs(folder: Path) -> Case:
    # The patch of LA, for which the pooling window is written out; sassnet.json has the full width.
    case = {"class": "FC3DDiscriminator", "dimensions": 3, "shape": [1, 1, 112, 112, 80], "width": 16}
    return _case(case, Checkout(folder, "SASSnet"))


def voxels(folder: Path) -> Case:
    case = {"class": "FCDiscriminatorDAP", "dimensions": 3, "shape": [2, 2, 32, 32, 16], "width": 64}
    return _case(case, Checkout(folder, "SASSnet"))


def slice_pairs(folder: Path) -> Case:
    # A size at which its four pooled cells are halves of the whole (dmd/networks/discriminator.py).
    case = {"class": "FCDiscriminator", "dimensions": 2, "shape": [2, 3, 224, 224], "width": 64}
    return _case(case, Checkout(folder, "SSL4MIS"))


def _case(case: Case, checkout: Checkout) -> Case:
    samples, channels, *size = case["shape"]
    maps = torch.tanh(rule.images(public.SEED + 1, (samples, channels, *size)))
    images = rule.images(public.SEED, (samples, 1, *size))
    network = getattr(checkout.module("networks.discriminator"), case["class"])(channels, ndf=case["width"])
    inputs = (torch.softmax(maps, dim=1),) if case["class"] == "FCDiscriminatorDAP" else (maps, images)
    rule.fill(network.eval(), lambda: network(*inputs), public.SEED)
    evaluated = network(*inputs)
    outputs = rule.without_dropout(network.train())(*inputs)
    loss = _loss(outputs)
    loss.backward()
    return case | {
        "sources": checkout.sources(),
        "parameters": public.parameters(network),
        "outputs": public.summaries(output=outputs, evaluated=evaluated),
        "terms": public.numbers(discriminator=loss),
        "gradient_norms": public.norms(discriminator=network),
    }


def _loss(outputs: torch.Tensor) -> torch.Tensor:
    if outputs.dim() == 2:
        return functional.cross_entropy(outputs, torch.arange(len(outputs)) % 2)
    return functional.binary_cross_entropy(outputs, torch.ones_like(outputs))


if __name__ == "__main__":
    public.make("discriminator", volume_pairs, voxels, slice_pairs)
