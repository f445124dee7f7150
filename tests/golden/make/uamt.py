"""Make uamt.json: UA-MT of yulequan/UA-MT@88ed29a (3-D) and of HiLab-git/SSL4MIS@06df604 (2-D).

Training mode, dropout rate 0, the lines of train_LA_meanteacher_certainty_unlabel.py and
train_uncertainty_aware_mean_teacher_2D.py from the noise to the loss. The teacher is filled from the next seed; the
first normal draw of `rule.counted_noise` is the target's, the others those of the eight passes. In 2-D the weights of
both heads are multiplied by 4 after filling: else every voxel would be too uncertain to count. The iterations are ones
whose threshold no voxel is near. Terms are weighted.
"""

from pathlib import Path

import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout, Names
from torch import Tensor, nn


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"iteration": 2300}
    uamt, file = Checkout(folder, "UA-MT"), "code/train_LA_meanteacher_certainty_unlabel.py"
    losses, ramps = uamt.module("utils.losses"), uamt.module("utils.ramps")
    args = uamt.arguments(file, 25, 40)
    names = public.names(case, VNet=uamt.module("networks.vnet").VNet, losses=losses, ramps=ramps, args=args)
    names |= {"max_iterations": args.max_iterations}
    uamt.run(file, 64, 66, names)
    uamt.run(file, 87, 97, names)
    uamt.run(file, 123, 128, names)
    _fill(names)
    with rule.counted_noise(public.SEED):
        # The patch of the script is written out.
        uamt.run(file, 144, 177, names, {"112, 112, 80": ", ".join(map(str, case["shape"][2:]))})
    consistency = names["consistency_loss"]
    return case | _facts(names, names["loss_seg"], names["loss_seg_dice"], consistency) | {"sources": uamt.sources()}


def slices(folder: Path) -> Case:
    case = public.SLICES | {"iteration": 13430}
    ssl4mis, file = Checkout(folder, "SSL4MIS"), "code/train_uncertainty_aware_mean_teacher_2D.py"
    losses, ramps, unet = (ssl4mis.module(name) for name in ("utils.losses", "utils.ramps", "networks.unet"))
    args = ssl4mis.arguments(file, 30, 64, "--labeled_bs", str(case["labelled"]))
    names = public.names(case, losses=losses, ramps=ramps, args=args, CrossEntropyLoss=nn.CrossEntropyLoss)
    names |= {"max_iterations": args.max_iterations}
    names |= {"model": unet.UNet(1, case["classes"]), "ema_model": unet.UNet(1, case["classes"])}
    ssl4mis.run(file, 80, 82, names)
    ssl4mis.run(file, 136, 137, names)
    _fill(names)
    with torch.no_grad():
        names["model"].decoder.out_conv.weight.mul_(4)
        names["ema_model"].decoder.out_conv.weight.mul_(4)
    with rule.counted_noise(public.SEED):
        ssl4mis.run(file, 151, 193, names)
    consistency = names["consistency_weight"] * names["consistency_loss"]
    return case | _facts(names, names["loss_ce"], names["loss_dice"], consistency) | {"sources": ssl4mis.sources()}


def _fill(names: Names) -> None:
    for offset, network in enumerate((names["model"], names["ema_model"])):
        rule.without_dropout(network)
        rule.fill(network, lambda network=network: network(names["volume_batch"]), public.SEED + offset)


def _facts(names: Names, cross_entropy: Tensor, dice: Tensor, consistency: Tensor) -> Case:
    names["loss"].backward()
    target = torch.softmax(names["ema_output"], dim=1)
    return {
        "parameters": public.parameters(names["model"]),
        "outputs": public.summaries(student=names["outputs"], target=target, entropy=names["uncertainty"][:, 0]),
        "terms": public.numbers(cross_entropy=0.5 * cross_entropy, dice=0.5 * dice, consistency=consistency),
        "gradient_norms": public.norms(student=names["model"]),
    }


if __name__ == "__main__":
    public.make("uamt", volumes, slices)
