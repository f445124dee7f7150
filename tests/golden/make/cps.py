"""Make cps.json: the cross supervision of HiLab-git/SSL4MIS@06df604, beside Dice alone and as its 2-D script has it.

Training mode, dropout rate 0, lines of train_cross_pseudo_supervision_3D.py and _2D.py; the second network is filled
from the next seed. The row ``cps`` executes those of the outputs and of the cross supervision, the latter with no case
taken for labelled, so that it covers the whole batch as in Chen et al.; its Dice terms are that repository's dice_loss
of the foreground (3-D) and DiceLoss (2-D), all at weight 1. In 3-D the network has one output z, and the lines see
(0, z). The rows ``cps_ssl4mis`` execute all lines from the outputs to the loss, in 3-D with two outputs as there and
the warm-up that the row has for 6000 iterations.
"""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout, Names
from torch import Tensor, nn

SLICES = "code/train_cross_pseudo_supervision_2D.py"
VOLUMES = "code/train_cross_pseudo_supervision_3D.py"


def volumes(folder: Path) -> Case:
    case = {"row": "cps", **public.VOLUMES, "iteration": 0}
    ssl4mis = Checkout(folder, "SSL4MIS")
    vnet, dice = ssl4mis.module("networks.vnet"), ssl4mis.module("utils.losses").dice_loss
    networks = [vnet.VNet(n_channels=1, n_classes=1, normalization="batchnorm", has_dropout=True) for _ in range(2)]
    names = _filled(case, networks)
    names |= {f"model{place}": _with_background(network) for place, network in enumerate(networks, start=1)}
    ssl4mis.run(VOLUMES, 154, 158, names)
    truth = names["label_batch"] == 1
    supervised = [dice(names[f"outputs_soft{place}"][: case["labelled"], 1], truth) for place in (1, 2)]
    names["args"] = SimpleNamespace(labeled_bs=0)
    ssl4mis.run(VOLUMES, 168, 172, names)
    outputs = {f"network_{place}": names[f"outputs{place}"][:, 1:] for place in (1, 2)}
    return case | _facts(networks, outputs, supervised, names) | {"sources": ssl4mis.sources()}


def slices(folder: Path) -> Case:
    case = {"row": "cps", **public.SLICES, "iteration": 0}
    ssl4mis = Checkout(folder, "SSL4MIS")
    networks = [ssl4mis.module("networks.unet").UNet(1, case["classes"]) for _ in range(2)]
    names = _filled(case, networks) | {"losses": ssl4mis.module("utils.losses")}
    ssl4mis.run(SLICES, 157, 158, names)
    ssl4mis.run(SLICES, 174, 178, names)
    truth = names["label_batch"].unsqueeze(1)
    supervised = [names["dice_loss"](names[f"outputs_soft{place}"][: case["labelled"]], truth) for place in (1, 2)]
    names["args"] = SimpleNamespace(labeled_bs=0)
    ssl4mis.run(SLICES, 186, 190, names)
    outputs = {f"network_{place}": names[f"outputs{place}"] for place in (1, 2)}
    return case | _facts(networks, outputs, supervised, names) | {"sources": ssl4mis.sources()}


def released_slices(folder: Path) -> Case:
    case = {"row": "cps_ssl4mis", **public.SLICES, "iteration": 25000}
    ssl4mis = Checkout(folder, "SSL4MIS")
    networks = [ssl4mis.module("networks.unet").UNet(1, case["classes"]) for _ in range(2)]
    return _released(case, ssl4mis, networks, SLICES, (30, 64), [(97, 99), (157, 158), (174, 195)])


def released_volumes(folder: Path) -> Case:
    case = {"row": "cps_ssl4mis", **public.VOLUMES, "iteration": 5000}
    ssl4mis = Checkout(folder, "SSL4MIS")
    vnet = ssl4mis.module("networks.vnet")
    networks = [vnet.VNet(n_channels=1, n_classes=2, normalization="batchnorm", has_dropout=True) for _ in range(2)]
    lines = [(67, 69), (140, 141), (154, 177)]
    return _released(case, ssl4mis, networks, VOLUMES, (31, 64), lines, "--consistency_rampup", "40")


def _released(
    case: Case,
    ssl4mis: Checkout,
    networks: list[nn.Module],
    file: str,
    arguments: tuple[int, int],
    lines: list[tuple[int, int]],
    *given: str,
) -> Case:
    names = _filled(case, networks)
    names |= {"losses": ssl4mis.module("utils.losses"), "ramps": ssl4mis.module("utils.ramps")}
    names["args"] = ssl4mis.arguments(file, *arguments, "--labeled_bs", str(case["labelled"]), *given)
    for first, last in lines:
        ssl4mis.run(file, first, last, names)
    outputs = {f"network_{place}": names[f"outputs{place}"] for place in (1, 2)}
    supervised = [names["loss1"], names["loss2"]]
    return case | _facts(networks, outputs, supervised, names) | {"sources": ssl4mis.sources()}


def _filled(case: Case, networks: list[nn.Module]) -> Names:
    names = public.names(case, CrossEntropyLoss=nn.CrossEntropyLoss, ce_loss=nn.CrossEntropyLoss())
    for offset, network in enumerate(networks):
        rule.without_dropout(network)
        rule.fill(network, lambda network=network: network(names["volume_batch"]), public.SEED + offset)
        names[f"model{offset + 1}"] = network
    return names


def _with_background(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def logits(images: Tensor) -> Tensor:
        foreground = network(images)
        return torch.cat([torch.zeros_like(foreground), foreground], dim=1)

    return logits


def _facts(networks: list[nn.Module], outputs: dict[str, Tensor], supervised: list[Tensor], names: Names) -> Case:
    cross = names.get("consistency_weight", 1) * (names["pseudo_supervision1"] + names["pseudo_supervision2"])
    total = names["loss"] if "loss" in names else sum(supervised) + cross
    total.backward()
    first, second = supervised
    return {
        "parameters": public.parameters(*networks),
        "outputs": public.summaries(**outputs),
        "terms": public.numbers(supervised_1=first, supervised_2=second, cross_supervision=cross, total=total),
        "gradient_norms": public.norms(network_1=networks[0], network_2=networks[1]),
    }


if __name__ == "__main__":
    public.make("cps", volumes, slices, released_slices, released_volumes)
