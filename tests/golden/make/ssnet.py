"""Make ssnet.json: SS-Net of ycwu1997/SS-Net@c0a8bf6 in 3-D and 2-D.

Training mode, dropout rate 0, memory empty at the start: the lines of train_ss_3d.py and train_ss_2d.py from the
outputs to the loss. The one uniform draw, the start of the adversarial direction, is that of `rule.counted_noise`.
``unused_parameters`` are the selectors of the memory, whose weights are a number divided by itself. ``evaluated`` is
the output in evaluation mode afterwards; the running statistics have then seen the batch twice and no perturbed one.
"""

from pathlib import Path
from typing import Any
from unittest import mock

import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout, Names
from torch import nn

VOLUMES, SLICES = "code/train_ss_3d.py", "code/train_ss_2d.py"


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"iteration": 5000}
    ssnet = Checkout(folder, "SS-Net")
    names = _names(case, ssnet, ssnet.arguments(VOLUMES, 22, 38))
    ssnet.run(VOLUMES, 40, 42, names)
    _fill(ssnet.run(VOLUMES, 75, 76, names))
    ssnet.run(VOLUMES, 92, 93, names)
    with rule.counted_noise(public.SEED):
        ssnet.run(VOLUMES, 108, 177, names)
    return case | _facts(names) | {"sources": ssnet.sources()}


def slices(folder: Path) -> Case:
    case = public.SLICES | {"iteration": 25000}
    ssnet = Checkout(folder, "SS-Net")
    names = _names(case, ssnet, ssnet.arguments(SLICES, 25, 45, "--labeled_bs", str(case["labelled"])))
    ssnet.run(SLICES, 59, 61, names)
    _fill(ssnet.run(SLICES, 68, 68, names))
    ssnet.run(SLICES, 89, 90, names)
    ssnet.run(SLICES, 94, 96, names)
    with rule.counted_noise(public.SEED):
        ssnet.run(SLICES, 111, 166, names)
    return case | _facts(names) | {"sources": ssnet.sources()}


def _names(case: Case, ssnet: Checkout, args: Any) -> Names:
    modules = ("losses", "ramps", "feature_memory", "contrastive_losses")
    more = {name: ssnet.module(f"utils.{name}") for name in modules}
    factory = ssnet.module("networks.net_factory").net_factory
    logs = {"writer": mock.Mock(), "metric": mock.Mock()}
    return public.names(case, net_factory=factory, args=args, CrossEntropyLoss=nn.CrossEntropyLoss, **logs, **more)


def _selectors(names: Names) -> list[nn.Module]:
    return [getattr(names["model"], f"contrastive_class_selector_{index}") for index in range(names["num_classes"])]


def _fill(names: Names) -> None:
    network = rule.without_dropout(names["model"])

    def run() -> None:
        network(names["volume_batch"])
        network.prediction_head(network.projection_head(torch.zeros(4, 16)))
        for selector in _selectors(names):
            selector(torch.zeros(4, 32))

    rule.fill(network, run, public.SEED)


def _facts(names: Names) -> Case:
    names["loss"].backward()
    network, weight = names["model"], names["consistency_weight"]
    selectors, memory = _selectors(names), names["prototype_memory"].memory
    unused = [getattr(network, f"contrastive_class_selector_memory{index}") for index in range(names["num_classes"])]
    means = [buffer for key, buffer in network.encoder.named_buffers() if key.endswith("running_mean")]
    prototypes = {
        f"prototypes_{index}": torch.from_numpy(features).mean(dim=0)
        for index, features in enumerate(memory)
        if features is not None
    }
    return {
        "parameters": public.parameters(network),
        "unused_parameters": public.parameters(*unused),
        "prototypes": [0 if features is None else len(features) for features in memory],
        "outputs": public.summaries(
            logits=names["outputs"],
            feature=names["embedding"],
            evaluated=network.eval()(names["volume_batch"])[0],
            # Sorted: the layers have other names on the other side.
            running_mean=torch.cat(means).sort().values,
            **prototypes,
        ),
        "terms": public.numbers(
            dice=names["loss_seg_dice"],
            closeness_labelled=weight * 0.1 * names["loss_contr_labeled"],
            closeness_unlabelled=weight * 0.1 * names["loss_contr_unlabeled"],
            smoothness=weight * names["loss_lds"],
            total=names["loss"],
        ),
        "gradient_norms": public.norms(
            network=nn.ModuleList([network.encoder, network.decoder]),
            projection=network.projection_head,
            prediction=network.prediction_head,
            selectors=nn.ModuleList(selectors),
        ),
    }


if __name__ == "__main__":
    public.make("ssnet", volumes, slices)
