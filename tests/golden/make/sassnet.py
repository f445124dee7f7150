"""Make sassnet.json: one iteration of both networks of kleinzcy/SASSnet@1761aa8.

Training mode, dropout rate 0, consistency 0.015: the lines of train_gan_sdfloss.py from the outputs to the step of the
discriminator. Terms are weighted; ``discriminator_after`` is the discriminator's loss on the same maps after its step.
The pooling window of 7x7x5 stands for all of the last feature, here 2x1x1. ``evaluated_maps`` and ``evaluated_logits``
are the outputs in evaluation mode after the step of the network, from which the discriminator learns.
"""

import copy
from pathlib import Path
from unittest import mock

import torch
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout
from torch import nn

FILE = "code/train_gan_sdfloss.py"


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"iteration": 3000}
    sassnet = Checkout(folder, "SASSnet")
    args = sassnet.arguments(FILE, 30, 49, "--consistency", "0.015")
    networks = {"VNet": sassnet.module("networks.vnet_sdf").VNet}
    networks |= {"FC3DDiscriminator": sassnet.module("networks.discriminator").FC3DDiscriminator}
    names = public.names(case, args=args, base_lr=args.base_lr, metrics=mock.Mock(), **networks)
    names |= {"losses": sassnet.module("utils.losses"), "ramps": sassnet.module("utils.ramps")}
    names |= {"compute_sdf": public.in_float32(sassnet.module("utils.util").compute_sdf)}
    names |= {"BCEWithLogitsLoss": nn.BCEWithLogitsLoss, "MSELoss": nn.MSELoss}
    sassnet.run(FILE, 75, 77, names)
    sassnet.run(FILE, 92, 104, names)
    network, discriminator = rule.without_dropout(names["model"]), rule.without_dropout(names["D"])
    discriminator.avgpool = nn.AvgPool3d([size // 16 for size in case["shape"][2:]])
    images = names["volume_batch"]
    rule.fill(network, lambda: network(images), public.SEED)
    maps, logits = copy.deepcopy(network)(images)
    rule.fill(discriminator, lambda: discriminator(maps, images), public.SEED)
    sassnet.run(FILE, 124, 127, names)
    sassnet.run(FILE, 153, 200, names)
    after = torch.nn.functional.cross_entropy(discriminator(names["outputs_tanh"], images), names["Dtarget"])
    return case | {
        "sources": sassnet.sources(),
        "parameters": public.parameters(network),
        "discriminator_parameters": public.parameters(discriminator),
        "outputs": public.summaries(
            maps=maps, logits=logits, evaluated_maps=names["outputs_tanh"], evaluated_logits=names["outputs"]
        ),
        "terms": public.numbers(
            dice=names["loss_seg_dice"],
            distance=args.beta * names["loss_sdf"],
            adversarial=names["consistency_weight"] * names["loss_adv"],
            discriminator=names["D_loss"],
            discriminator_after=after,
        ),
        "gradient_norms": public.norms(network=network, discriminator=discriminator),
    }


if __name__ == "__main__":
    public.make("sassnet", volumes)
