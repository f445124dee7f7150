"""Make lgermt.json: LG-ER-MT of fengweie/LG-ER-MT@aa553bf.

Training mode, dropout rate 0, the lines of train_LA_mt_ce_alldata_struct.py from the noise to the loss. The teacher is
filled from the next seed; the one normal draw is that of `rule.counted_noise`. The cubes that numpy would draw are
given: at (1, 0) x (1, 0) x (1). Terms are weighted.
"""

from pathlib import Path
from unittest import mock

import numpy as np
from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout


def volumes(folder: Path) -> Case:
    case = public.VOLUMES | {"shape": [2, 1, 32, 32, 32], "labelled": 1, "iteration": 3000}
    lgermt, file = Checkout(folder, "LG-ER-MT", root="."), "code/train_LA_mt_ce_alldata_struct.py"
    losses, ramps = lgermt.module("utils.losses"), lgermt.module("utils.ramps")
    names = public.names(case, VNet=lgermt.module("networks.vnet").VNet, losses=losses, ramps=ramps)
    names |= {"args": lgermt.arguments(file, 32, 50)}
    lgermt.run(file, 73, 85, names)
    lgermt.run(file, 103, 116, names)
    lgermt.run(file, 142, 148, names)
    for offset, network in enumerate((names["model"], names["ema_model"])):
        rule.without_dropout(network)
        rule.fill(network, lambda network=network: network(names["volume_batch"]), public.SEED + offset)
    cubes = mock.patch.object(np.random, "choice", side_effect=[[1, 0], [1, 0], [1]])
    with rule.counted_noise(public.SEED), cubes:
        lgermt.run(file, 165, 196, names)
    names["loss"].backward()
    return case | {
        "sources": lgermt.sources(),
        "parameters": public.parameters(names["model"]),
        "outputs": public.summaries(student=names["outputs"], teacher=names["ema_output"]),
        "terms": public.numbers(
            cross_entropy=0.5 * names["loss_seg"],
            dice=0.5 * names["loss_seg_dice"],
            consistency=names["consistency_loss"],
            entropy=names["ent_loss"],
            **{"local": names["pa_weight"] * names["pa_dist"], "global": names["global_weight"] * names["global_loss"]},
        ),
        "gradient_norms": public.norms(student=names["model"]),
    }


if __name__ == "__main__":
    public.make("lgermt", volumes)
