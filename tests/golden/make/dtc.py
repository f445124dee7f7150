"""Make dtc.json: DTC of HiLab-git/DTC@2525b9c.

Training mode, dropout rate 0, the lines of train_la_dtc.py from the outputs to the loss. Terms are weighted.
``evaluated_maps`` and ``evaluated_logits`` are the outputs in evaluation mode after that one pass.
"""

from pathlib import Path

from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout
from torch import nn

FILE = "code/train_la_dtc.py"


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"iteration": 3000}
    dtc = Checkout(folder, "DTC")
    names = public.names(case, VNet=dtc.module("networks.vnet_sdf").VNet, args=dtc.arguments(FILE, 28, 64))
    names |= {"losses": dtc.module("utils.losses"), "ramps": dtc.module("utils.ramps")}
    names |= {"compute_sdf": public.in_float32(dtc.module("utils.util").compute_sdf)}
    names |= {"BCEWithLogitsLoss": nn.BCEWithLogitsLoss, "MSELoss": nn.MSELoss}
    dtc.run(FILE, 92, 94, names)
    dtc.run(FILE, 111, 121, names)
    dtc.run(FILE, 146, 147, names)
    network = rule.without_dropout(names["model"])
    rule.fill(network, lambda: network(names["volume_batch"]), public.SEED)
    dtc.run(FILE, 172, 191, names)
    names["loss"].backward()
    maps, logits = network.eval()(names["volume_batch"])
    return case | {
        "sources": dtc.sources(),
        "parameters": public.parameters(network),
        "outputs": public.summaries(
            maps=names["outputs_tanh"], logits=names["outputs"], evaluated_maps=maps, evaluated_logits=logits
        ),
        "terms": public.numbers(
            dice=names["loss_seg_dice"],
            distance=names["args"].beta * names["loss_sdf"],
            consistency=names["consistency_weight"] * names["consistency_loss"],
        ),
        "gradient_norms": public.norms(network=network),
    }


if __name__ == "__main__":
    public.make("dtc", volumes)
