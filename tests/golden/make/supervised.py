"""Make supervised.json: V-Net of yulequan/UA-MT@88ed29a and U-Net of HiLab-git/SSL4MIS@06df604, all images labelled.

Training mode, dropout rate 0, the lines of train_LA.py and train_fully_supervised_2D.py up to the loss, whose two terms
weigh one half each. ``evaluated`` is the output in evaluation mode after that one pass.
"""

from pathlib import Path

from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout, Names
from torch import Tensor, nn


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"labelled": 4, "iteration": 0}
    uamt, file = Checkout(folder, "UA-MT"), "code/train_LA.py"
    names = public.names(case, VNet=uamt.module("networks.vnet").VNet, dice_loss=uamt.module("utils.losses").dice_loss)
    network = rule.without_dropout(uamt.run(file, 68, 68, names)["net"])
    rule.fill(network, lambda: network(names["volume_batch"]), public.SEED)
    uamt.run(file, 106, 111, names)
    return case | _facts(network, names, names["loss_seg"], names["loss_seg_dice"]) | {"sources": uamt.sources()}


def slices(folder: Path) -> Case:
    case = public.SLICES | {"labelled": 4, "iteration": 0}
    ssl4mis, file = Checkout(folder, "SSL4MIS"), "code/train_fully_supervised_2D.py"
    network = rule.without_dropout(ssl4mis.module("networks.unet").UNet(1, case["classes"]))
    losses = ssl4mis.module("utils.losses")
    names = public.names(case, model=network, losses=losses, CrossEntropyLoss=nn.CrossEntropyLoss)
    rule.fill(network, lambda: network(names["volume_batch"]), public.SEED)
    ssl4mis.run(file, 93, 94, names)
    ssl4mis.run(file, 109, 114, names)
    return case | _facts(network, names, names["loss_ce"], names["loss_dice"]) | {"sources": ssl4mis.sources()}


def _facts(network: nn.Module, names: Names, cross_entropy: Tensor, dice: Tensor) -> Case:
    names["loss"].backward()
    return {
        "parameters": public.parameters(network),
        "outputs": public.summaries(logits=names["outputs"], evaluated=network.eval()(names["volume_batch"])),
        "terms": public.numbers(cross_entropy=0.5 * cross_entropy, dice=0.5 * dice),
        "gradient_norms": public.norms(network=network),
    }


if __name__ == "__main__":
    public.make("supervised", volumes, slices)
