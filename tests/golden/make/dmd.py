"""Make dmd.json: SilenceMonk/Dual-Mutual-Distillation@a5609d2 with kleinzcy/SASSnet@1761aa8 and yulequan/UA-MT@88ed29a.

The network file that train_dmd.py needs is not published. Training mode, dropout rate 0: its lines from the outputs to
the loss, with SASSNet's losses as there, on two V-Nets of UA-MT with one output channel, whose channel axis is taken
away before the lines see them (docs/deviations.md). The second network is filled from the next seed. ``supervised`` is
the sum of both Dice terms.
"""

from pathlib import Path

from golden import rule
from golden.make import public
from golden.make.public import Case, Checkout

FILE = "train_dmd.py"


def distillation(folder: Path) -> Case:
    return _case(folder, "dmd")


def mutual_learning(folder: Path) -> Case:
    return _case(folder, "dml", "--kd_type", "kl", "--T", "1", "--lam_kd", "1")


def _case(folder: Path, row: str, *given: str) -> Case:
    case = {"row": row, **public.VOLUMES, "iteration": 0}
    released, sassnet, uamt = (Checkout(folder, name) for name in ("Dual-Mutual-Distillation", "SASSnet", "UA-MT"))
    losses, vnet = sassnet.module("utils.losses"), uamt.module("networks.vnet")
    names = public.names(case, losses=losses, args=released.arguments(FILE, 25, 44, *given))
    networks = [vnet.VNet(n_channels=1, n_classes=1, normalization="batchnorm", has_dropout=True) for _ in range(2)]
    for offset, network in enumerate(networks):
        rule.without_dropout(network)
        rule.fill(network, lambda network=network: network(names["volume_batch"]), public.SEED + offset)
        names[f"model_{offset + 1}"] = lambda images, network=network: network(images)[:, 0]
    released.run(FILE, 151, 181, names)
    names["loss"].backward()
    outputs = {f"network_{place}": names[f"outputs_{place}"][:, None] for place in (1, 2)}
    return case | {
        "sources": released.sources() | sassnet.sources() | uamt.sources(),
        "parameters": public.parameters(*networks),
        "outputs": public.summaries(**outputs),
        "terms": public.numbers(
            supervised=names["supervised_loss"],
            distillation=names["args"].lam_kd * names["loss_kd"],
            total=names["loss"],
        ),
        "gradient_norms": public.norms(network_1=networks[0], network_2=networks[1]),
    }


if __name__ == "__main__":
    public.make("dmd", distillation, mutual_learning)
