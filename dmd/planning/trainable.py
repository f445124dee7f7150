"""Whether settings can be trained at all, said before anything is downloaded, queued or computed.

Which device will train is unknown here: what one of them cannot do the training says when it starts
(`dmd.networks.exactness`).
"""

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

from dmd.errors import InputError

DIMENSIONS = {"vnet": 3, "unet": 2}  # of the images that a network is for
# A network has so many weights per squared width (all but the few that grow with the width alone), and keeps so many
# values per voxel and channel of its first level for the way back: counted, and held to the networks by a test.
WEIGHTS, KEPT = {"vnet": 36_875, "unet": 7_064}, {"vnet": 12, "unet": 24}
BYTES = {"fp32": 4, "tf32": 4, "bf16": 2}  # of a value that is kept; weights, gradients and momentum are fp32
MOST_MEMORY = 2**40  # bytes: more than three times what the largest GPU has


def require_trainable(training: Mapping[str, Any], where: str) -> None:
    """Raise an `InputError` for settings that no training can follow, each fault with its numbers.

    Parameters
    ----------
    training : mapping
        Training settings of a run.
    where : str
        Who asks for them, for the message.
    """
    for fault in _faults(training):
        raise InputError(f"{where}: {fault}")


def least_memory(training: Mapping[str, Any]) -> tuple[int, int]:
    """Return the bytes that a step of any method needs at least: for one network, and for what it computes.

    A method has one network or more, and sees the labelled images or more. One whose teacher sees several noisy
    ``copies`` of the unlabelled ones at a time has input and output of its first level for all of them.
    """
    kind, width, batch = training["network"]["kind"], training["network"]["width"], training["batch"]
    copied = training["method"]["params"].get("copies", 0) * (batch["size"] - batch["labelled"])
    values = max(KEPT[kind] * batch["labelled"], 2 * copied) * width * prod(training["patch"])
    return 3 * 4 * WEIGHTS[kind] * width**2, BYTES[training["precision"]] * values


def _faults(training: Mapping[str, Any]) -> Iterator[str]:
    patch, batch, kind = training["patch"], training["batch"], training["network"]["kind"]
    if DIMENSIONS[kind] != training["dimensions"]:
        yield (
            f"network '{kind}' is for {DIMENSIONS[kind]}-D images, found {training['dimensions']}-D data; choose the "
            "other network in the data set's protocol"
        )
    # A slice is an image of its own, and every patient has several; of a volume there may be one.
    if training["dimensions"] == 3 and batch["labelled"] < batch["size"] and training["labelled"] < batch["labelled"]:
        yield (
            f"expected a budget of at least {batch['labelled']} labelled patients, as many volumes as a batch of "
            f"{batch['size']} takes of them, found {training['labelled']}; raise the budget or use a supervised method"
        )
    cube = training["method"]["params"].get("cube", 0)
    if cube > min(patch):
        yield f"expected cubes no larger than the patch {patch}, found `cube: {cube}`"
    weights, computed = least_memory(training)
    if weights + computed > MOST_MEMORY:
        yield (
            f"expected a step that some memory holds, found at least {weights / 1e9:,.0f} GB for the weights of one "
            f"network and {computed / 1e9:,.0f} GB for its features with the patch {patch}, the width "
            f"{training['network']['width']}, the batch {batch} and `copies: "
            f"{training['method']['params'].get('copies', 1)}`, of at most {MOST_MEMORY / 1e9:,.0f} GB; lower them"
        )
