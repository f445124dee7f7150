"""Make urpc.json: URPC of HiLab-git/SSL4MIS@06df604.

Training mode, dropout rate 0, the lines of train_uncertainty_rectified_pyramid_consistency_2D.py from the outputs to
the loss. Uniform draws of `rule.counted_noise`: the threshold of the feature dropout, then the feature noise.
``unused_parameters`` are the head of the bottleneck, which is never called. ``evaluated_0`` to ``evaluated_3`` are the
scales in evaluation mode after that one pass.
"""

from pathlib import Path
from unittest import mock

import numpy as np
import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout
from torch import nn

FILE = "code/train_uncertainty_rectified_pyramid_consistency_2D.py"


def slices(folder: Path) -> Case:
    case = public.SLICES | {"iteration": 25000}
    ssl4mis = Checkout(folder, "SSL4MIS")
    unet, losses, ramps = (ssl4mis.module(name) for name in ("networks.unet", "utils.losses", "utils.ramps"))
    network = rule.without_dropout(unet.UNet_URPC(1, case["classes"]))
    unet.Dropout = lambda feature, p: feature
    args = ssl4mis.arguments(FILE, 29, 60, "--labeled_bs", str(case["labelled"]))
    names = public.names(case, model=network, losses=losses, ramps=ramps, args=args)
    names |= {"CrossEntropyLoss": nn.CrossEntropyLoss}
    rule.fill(network, lambda: _run(network, names["volume_batch"]), public.SEED)
    ssl4mis.run(FILE, 76, 78, names)
    ssl4mis.run(FILE, 116, 117, names)
    ssl4mis.run(FILE, 125, 125, names)
    with rule.counted_noise(public.SEED), mock.patch.object(np.random, "uniform", _uniform):
        ssl4mis.run(FILE, 133, 204, names)
    names["loss"].backward()
    scales = [names[name] for name in ("outputs", "outputs_aux1", "outputs_aux2", "outputs_aux3")]
    evaluated = network.eval()(names["volume_batch"])
    terms = {
        term: sum(names[f"loss_{short}{scale}"] for scale in ("", "_aux1", "_aux2", "_aux3")) / 8
        for term, short in (("cross_entropy", "ce"), ("dice", "dice"))
    }
    return case | {
        "sources": ssl4mis.sources(),
        "parameters": public.parameters(network),
        "unused_parameters": public.parameters(network.decoder.out_conv_dp4),
        "outputs": public.summaries(
            **{f"scale_{index}": scale for index, scale in enumerate(scales)},
            **{f"evaluated_{index}": scale for index, scale in enumerate(evaluated)},
        ),
        "terms": public.numbers(
            **terms, consistency=names["consistency_weight"] * names["consistency_loss"], total=names["loss"]
        ),
        "gradient_norms": public.norms(network=network),
    }


def _run(network: nn.Module, images: torch.Tensor) -> None:
    """Execute the heads after the whole decoder, the deepest first: the order of the other side."""
    decoder = network.decoder
    *skips, feature = network.encoder(images)
    features = []
    for up, skip in zip((decoder.up1, decoder.up2, decoder.up3, decoder.up4), reversed(skips), strict=True):
        feature = up(feature, skip)
        features.append(feature)
    heads = (decoder.out_conv_dp3, decoder.out_conv_dp2, decoder.out_conv_dp1, decoder.out_conv)
    for head, feature in zip(heads, features, strict=True):
        head(feature)


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * torch.rand(()).item()


if __name__ == "__main__":
    public.make("urpc", slices)
