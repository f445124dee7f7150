"""Compare the windows of a protocol with those that overlap by half (`stride: fast`), and with one window at a time.

    python benchmarks/overlap.py --run results/runs/la-8-dmd-c9a4cace99 --store results/data/la-2x2x2.h5 --cases 4

The sides are interleaved over the test cases of a run. `--step` takes the weights of a snapshot of a training that has
not ended.
"""

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import torch

from dmd.data.store import load_store
from dmd.devices import choose_device, say_device
from dmd.runs.folder import RunFolder
from dmd.testing.inference import predict_case, sliding_window
from dmd.testing.metrics import mean_dice
from dmd.testing.prediction import load_predictor
from dmd.training.snapshots import load_snapshot


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--step", type=int)
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    run, device = RunFolder(options.run), choose_device(options.device)
    spec = run.read_spec()
    training, exact = spec.training, spec.inference
    fast = exact | {"stride": [edge // 2 for edge in exact["patch"]]}
    load = load_snapshot if options.step else lambda run, training, _, device: load_predictor(run, training, device)
    predictor = load(run, training, options.step, device)

    def one_at_a_time(image: np.ndarray) -> np.ndarray:
        given = torch.tensor(image, dtype=torch.float32)
        shape = exact["patch"], exact["stride"], 1, device, exact["precision"]
        return sliding_window(predictor, given, *shape).argmax(dim=0).cpu().numpy()

    sides = {
        "exact": lambda image: predict_case(predictor, image, exact, device),
        "fast": lambda image: predict_case(predictor, image, fast, device),
        "one at a time": one_at_a_time,
    }
    cases = load_store(options.store, training["dataset"], parts=["test"]).cases("test")[: options.cases]
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    dice: dict[str, list[float]] = {side: [] for side in sides}
    differ: dict[str, list[float]] = {side: [] for side in sides}
    sides["exact"](cases[0].image)  # a warm-up
    for case in cases:
        masks = {}
        for side, predict in sides.items():
            started = time.perf_counter()
            masks[side] = predict(case.image)
            seconds[side].append(time.perf_counter() - started)
        for side, mask in masks.items():
            dice[side].append(100 * mean_dice(mask, case.label, training["classes"]))
            differ[side].append(float(np.mean(mask != masks["exact"])))
    print(
        f"{run.id}, {len(cases)} test cases, {exact['precision']}, {say_device(device)}, {options.threads} thread(s)\n"
    )
    print("| windows | seconds | exact / this (quartiles) | Dice | mean and largest distance | voxels that differ |")
    print("| :-- | --: | --: | --: | --: | --: |")
    for side in sides:
        ratios = [base / mine for base, mine in zip(seconds["exact"], seconds[side], strict=True)]
        low, middle, high = np.percentile(ratios, [25, 50, 75])
        apart = [abs(one - other) for one, other in zip(dice[side], dice["exact"], strict=True)]
        cells = (
            side,
            f"{statistics.median(seconds[side]):.2f}",
            f"{middle:.2f} ({low:.2f} to {high:.2f})",
            f"{statistics.mean(dice[side]):.2f}",
            f"{statistics.mean(apart):.3f}, {max(apart):.3f}",
            f"{max(differ[side]):.1e}",
        )
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
