"""Make mcnet.json: MC-Net of ycwu1997/MC-Net@fee453c, model v1 in 3-D and 2-D.

Training mode, dropout rate 0, the lines of train_mcnet_3d.py and train_mcnet_2d.py from the outputs to the loss, where
both supervised terms are summed. ``evaluated_1`` and ``evaluated_2`` are the outputs in evaluation mode after that one
pass. The lines count the iteration before they ask for its weight; no step of the warm-up lies in between.
"""

from pathlib import Path
from typing import Any

from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout, Names
from torch import nn

VOLUMES, SLICES = "code/train_mcnet_3d.py", "code/train_mcnet_2d.py"


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"iteration": 5000}
    mcnet = Checkout(folder, "MC-Net")
    names = _names(case, mcnet, mcnet.arguments(VOLUMES, 32, 50))
    mcnet.run(VOLUMES, 23, 30, names)
    _fill(mcnet.run(VOLUMES, 92, 92, names))
    mcnet.run(VOLUMES, 121, 122, names)
    return case | _facts(mcnet.run(VOLUMES, 134, 163, names)) | {"sources": mcnet.sources()}


def slices(folder: Path) -> Case:
    case = public.SLICES | {"iteration": 25000}
    mcnet = Checkout(folder, "MC-Net")
    names = _names(case, mcnet, mcnet.arguments(SLICES, 35, 56))
    mcnet.run(SLICES, 26, 33, names)
    _fill(mcnet.run(SLICES, 76, 76, names))
    mcnet.run(SLICES, 100, 102, names)
    return case | _facts(mcnet.run(SLICES, 115, 144, names)) | {"sources": mcnet.sources()}


def _names(case: Case, mcnet: Checkout, args: Any) -> Names:
    factory = mcnet.module("networks.net_factory").net_factory
    losses, ramps = mcnet.module("utils.losses"), mcnet.module("utils.ramps")
    more = {"net_factory": factory, "losses": losses, "ramps": ramps, "args": args}
    return public.names(case, CrossEntropyLoss=nn.CrossEntropyLoss, **more)


def _fill(names: Names) -> None:
    network = rule.without_dropout(names["model"])
    rule.fill(network, lambda: network(names["volume_batch"]), public.SEED)


def _facts(names: Names) -> Case:
    names["loss"].backward()
    network = names["model"]
    first, second = names["outputs"]
    evaluated_1, evaluated_2 = network.eval()(names["volume_batch"])
    return {
        "parameters": public.parameters(network),
        "outputs": public.summaries(
            decoder_1=first, decoder_2=second, evaluated_1=evaluated_1, evaluated_2=evaluated_2
        ),
        "terms": public.numbers(
            supervised=names["args"].lamda * names["loss_seg_dice"],
            consistency=names["consistency_weight"] * names["loss_consist"],
            total=names["loss"],
        ),
        "gradient_norms": public.norms(encoder=network.encoder, decoder_1=network.decoder1, decoder_2=network.decoder2),
    }


if __name__ == "__main__":
    public.make("mcnet", volumes, slices)
