"""Check and time every method with every kernel on one device: the table of what a GPU makes of the paper's scale.

    python benchmarks/gpu.py --out gpu.json
    python benchmarks/gpu.py --scale smoke --device cpu --repeats 2 --out smoke.json

Before anything is timed every method trains, is stopped and goes on, and its first loss with each kernel is compared
with that in fp32; a kernel whose convolutions are wrong in the shapes of the scale is left out, with the reason. Then,
per method and data set, steps of all kernels interleaved: on a batch that lies on the device, and end to end, with the
batches that a training prepares beside it. Scans are made up in the sizes of the real ones, so that nothing is needed
but the package.
"""

import argparse
import json
import tempfile
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from gpu_checks import check, usable
from gpu_sharing import gain
from gpu_sides import Side, made_up_store, sides, waited
from methods import settings

from dmd.devices import choose_device, say_device
from dmd.errors import InputError
from dmd.methods.base import make
from dmd.networks.build import Build
from dmd.networks.kernels import Kernels
from dmd.planning import config, plan, reading
from dmd.planning.declarations import declaration
from dmd.planning.identity import Spec, artefact_name
from dmd.planning.implementations import methods
from dmd.testing.inference import predict_case

LABELLED = 4
# Of the scans, before they are averaged over blocks: a usual one of LA, and one of ACDC.
SHAPES = {"la": (190, 140, 88), "acdc": (10, 256, 216)}
SMOKE = {"la": (40, 40, 24), "acdc": (4, 40, 40)}
SEEDS = 3


def quartiles(seconds: list[float]) -> dict[str, float]:
    low, middle, high = np.percentile(seconds, [25, 50, 75])
    return {"low": float(low), "median": float(middle), "high": float(high)}


def specs(scale: str, asked: list[str]) -> dict[tuple[str, str], Spec]:
    """Return the settings of every method on every data set that it is for."""
    found, prefix = {}, artefact_name("", scale)
    for name in asked:
        for data in SHAPES:
            with suppress(InputError):  # not for images of so many dimensions
                found[name, data] = settings(data, LABELLED, name, 1000, prefix)
    return found


def shape(spec: Spec, data: str, scale: str) -> tuple[int, ...]:
    if scale == "smoke":
        return SMOKE[data]
    factors = spec.training["dataset"]["downsample"]
    return tuple(edge // factor for edge, factor in zip(SHAPES[data], factors, strict=True))


def time_steps(spec: Spec, chosen: dict[str, Kernels], store, device: torch.device, repeats: int) -> dict[str, dict]:
    """Return seconds of a step by side, with and without data, and the memory of a step."""
    made = {
        side: Side(spec.training, kernels, store, device, inline=side == "plain") for side, kernels in chosen.items()
    }
    memory = {side: peak_mb(each, device) for side, each in made.items()}  # and a warm-up
    alone: dict[str, list[float]] = defaultdict(list)
    ratios: dict[str, list[float]] = defaultdict(list)
    for _ in range(repeats):
        for side, each in made.items():
            alone[side].append(each.alone())
            ratios[side].append(alone["plain"][-1] / alone[side][-1])
    return {
        side: {
            "alone": quartiles(alone[side]),
            "plain_over_this": quartiles(ratios[side]),
            "with_data": quartiles(each.with_data(repeats)),
            "memory_mb": memory[side],
        }
        for side, each in made.items()
    }


def peak_mb(side: Side, device: torch.device) -> float | None:
    """Return what two steps of a side need; of a process on a CPU it is not known which side needed it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    side.alone()
    side.alone()
    return torch.cuda.max_memory_allocated(device) / 2**20 if device.type == "cuda" else None


def time_inference(spec: Spec, size: tuple[int, ...], scans: int, device: torch.device) -> dict[str, dict]:
    """Return seconds per scan in each precision, with the protocol's windows and with those that overlap by half."""
    made = make(spec.training["method"], Build.from_settings(spec.training)).predictor.to(device)
    fast = {"stride": [edge // 2 for edge in spec.training["patch"]]} if spec.training["dimensions"] == 3 else None
    random, found = np.random.default_rng(0), {}
    images = [random.normal(size=size).astype(np.float32) for _ in range(scans)]
    for precision in ("fp32", "tf32", "bf16") if device.type == "cuda" else ("fp32", "bf16"):
        Kernels(precision).use(device)
        for windows, changed in {"exact": {}, **({"fast": fast} if fast else {})}.items():
            asked = spec.inference | changed | {"precision": precision}
            predict_case(made, images[0], asked, device)
            seconds = [waited(device, lambda: predict_case(made, image, asked, device)) for image in images]  # noqa: B023
            found[f"{precision}, {windows}"] = quartiles(seconds) | {"all": sum(seconds)}
    return found


def hours(scale: str, steps: dict[tuple[str, str], dict]) -> dict[str, dict]:
    """Return the hours of every artefact with three seeds, by side; ``unknown`` counts runs whose step is not timed."""
    made = plan.make(config.check(reading.read()))
    found = {}
    for name in sorted({name.rpartition("/")[2] for name in made.artefacts}):
        artefact = made.artefacts[artefact_name(name, scale)]
        sums: dict[str, float] = defaultdict(float)
        unknown = 0
        for row in artefact.rows:
            training = made.runs[row.runs[0]].spec.training
            timed = steps.get((training["method"]["implementation"], row.dataset))
            unknown += not timed
            for side, each in (timed or {}).items():
                sums[side] += SEEDS * training["iterations"] * each["with_data"]["median"] / 3600
        found[name] = {"rows": len(artefact.rows), "unknown": unknown, "hours": dict(sums)}
    return found


def print_steps(steps: dict[tuple[str, str], dict]) -> None:
    print("\n| method | data | kernels | ms per step (quartiles) | plain / this (quartiles) | with data (ms) | MB |")
    print("| :-- | :-- | :-- | --: | --: | --: | --: |")
    for (name, data), found in steps.items():
        for side, each in found.items():
            alone, ratio = each["alone"], each["plain_over_this"]
            cells = (
                *(name, data, side),
                "{:.1f} ({:.1f} to {:.1f})".format(*(1e3 * alone[key] for key in ("median", "low", "high"))),
                "{:.2f} ({:.2f} to {:.2f})".format(*(ratio[key] for key in ("median", "low", "high"))),
                f"{1e3 * each['with_data']['median']:.1f}",
                f"{each['memory_mb']:.0f}" if each["memory_mb"] else "-",
            )
            print(f"| {' | '.join(cells)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=methods())
    parser.add_argument("--scale", default="paper", choices=("paper", "half", "smoke"))
    parser.add_argument("--device", default="auto")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--scans", type=int, default=20)
    parser.add_argument("--compile", action="store_true", help="time compiled kernels too: a minute or more per method")
    parser.add_argument("--out", type=Path, required=True, help="JSON with everything that is printed")
    options = parser.parse_args()

    device = choose_device(options.device)
    chosen, stanzas = sides(device, options.compile), reading.read()["methods"]
    facts = {"device": say_device(device), "torch": torch.__version__, "threads": torch.get_num_threads()}
    result: dict = {"scale": options.scale, **facts, "repeats": options.repeats, "checks": [], "left_out": {}}
    print(", ".join(f"{key} {value}" for key, value in facts.items()), flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in options.methods:
            for dimensions in declaration(name).dimensions:
                stanza, data = stanzas[name], "la" if dimensions == 3 else "acdc"
                params = stanza["params"] | stanza.get("adapted", {}).get(data, {})
                found = check(name, params, dimensions, chosen, device, folder)
                result["checks"].append(found)
                print(
                    f"{name} in {dimensions}-D: {'; '.join(found['faults']) or 'trains, goes on, same loss'}",
                    flush=True,
                )
        steps: dict[tuple[str, str], dict] = {}
        for (name, data), spec in specs(options.scale, options.methods).items():
            print(f"{name} on {data} is timed", flush=True)
            right, wrong = usable(spec.training, chosen, device)
            result["left_out"][data] = wrong
            store = made_up_store(folder / f"{data}.h5", spec.training, shape(spec, data, options.scale))
            steps[name, data] = time_steps(spec, right, store, device, options.repeats)
            if data not in result.setdefault("sharing", {}):
                fastest = min(right, key=lambda side: steps[name, data][side]["with_data"]["median"])
                found = gain(spec.training, right[fastest], folder / f"{data}.h5", device, options.repeats)
                result["sharing"][data] = {"method": name, "kernels": fastest, "two_over_one": found}
            if data not in result.setdefault("inference", {}):
                size = shape(spec, data, options.scale)
                result["inference"][data] = time_inference(spec, size, options.scans, device)
    result["steps"] = [{"method": name, "data": data, "sides": each} for (name, data), each in steps.items()]
    result["hours"] = hours(options.scale, steps)
    options.out.write_text(json.dumps(result, indent=1))

    print_steps(steps)
    for data, wrong in result["left_out"].items():
        for side, reason in wrong.items():
            print(f"\n{side} is left out on {data}: {reason}")
    for data, each in result["sharing"].items():
        said = f"{each['two_over_one']:.2f} times as fast as one after the other"
        print(f"\nTwo trainings at once of {each['method']} on {data} ({each['kernels']}): {said}")
    print(f"\n| {options.scans} scans | windows | s per scan (quartiles) | s |\n| :-- | :-- | --: | --: |")
    for data, found in result["inference"].items():
        for windows, each in found.items():
            of_scan = "{:.3f} ({:.3f} to {:.3f})".format(*(each[key] for key in ("median", "low", "high")))
            print(f"| {data} | {windows} | {of_scan} | {each['all']:.1f} |")
    print(f"\n| table | rows (not timed) | hours with {SEEDS} seeds, end to end |\n| :-- | --: | :-- |")
    for name, each in result["hours"].items():
        spent = ", ".join(f"{side} {value:.2f}" for side, value in each["hours"].items())
        print(f"| {name} | {each['rows']} ({each['unknown']}) | {spent} |")
    if any(found["faults"] for found in result["checks"]):
        raise SystemExit("\nsome method does not compute what it should, see above")


if __name__ == "__main__":
    main()
