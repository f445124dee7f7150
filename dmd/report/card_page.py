"""The card of a network as a page in Markdown."""

from typing import Any

import pandas as pd

from dmd.report.naming import GROUPS, HEADINGS, WEIGHTS

PROGRAM, TENSORS, CARD, PAGE = "network.pt2", "weights.pt", "card.json", "README.md"  # files of an export

TEXT = """\
# {run}

{label} for {classes}, trained on {labelled} labelled patients of the data set `{dataset}` (revision {revision}).
For research: it is no medical device. `{card}` says all of this, and every setting, for programs.

## Run it

It takes PyTorch {torch} or a later one, nothing else:

```python
import torch

network = torch.export.load("{program}").module()
patches = torch.zeros({shape})  # {meaning}
with torch.inference_mode():
    probabilities = network(patches)
```

The patch has this size and no other; a batch may hold any number of them. `{weights}` holds the same weights for
`torch.load(..., weights_only=True)`.

## What goes in and comes out

| what | how |
| --- | --- |
| intensities | of the whole scan before anything is cut from it: `{rule}`, {says} |
| axes | {axes} |
| voxels | {voxels} |
| windows | {windows} |
| precision | float32; the scores below were made in {precision} |
| classes | {numbered} |

## How well it does

{scores}

## Where it comes from

- Method: {label}{citation}. Implementation `{implementation}`, revision {method_revision}, {params}.
- Training: {iterations} iterations, seed {seed}; the weights are those of {selection}.
- Terms of the data: {terms}
"""


def as_page(card: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    training, given, method = card["training"], card["input"], card["method"]
    classes = card["output"]["classes"]
    params = ", ".join(f"{name} {value}" for name, value in method["params"].items()) or "no hyper-parameters"
    return TEXT.format(
        run=card["run"],
        label=method["label"] or method["implementation"],
        classes=" and ".join(classes[1:]),
        labelled=training["labelled"],
        dataset=training["dataset"]["name"],
        revision=training["dataset"]["revision"],
        card=CARD,
        torch=card["made_by"]["torch"].partition("+")[0],
        program=PROGRAM,
        weights=TENSORS,
        shape=", ".join(map(str, [1, *given["shape"][1:]])),
        meaning="batch, channel, " + ("X, Y, Z" if training["dimensions"] == 3 else "Y, X"),
        rule=given["intensities"]["rule"],
        says=given["intensities"]["says"],
        axes=given["axes"],
        voxels=_voxels(given, training["dimensions"]),
        windows=_windows(card["windows"]),
        precision=card["windows"]["precision"],
        numbered=", ".join(f"{index} {name}" for index, name in enumerate(classes)),
        scores=_scores(card["test"]),
        citation=f" ({method['citation']})" if method["citation"] else "",
        implementation=method["implementation"],
        method_revision=method["revision"],
        params=params,
        iterations=training["iterations"],
        seed=training["seed"],
        selection=WEIGHTS[training["selection"]],
        terms=card["data_terms"],
    )


def _voxels(given: dict[str, Any], dimensions: int) -> str:
    blocks = "x".join(map(str, given["blocks"]))
    if dimensions == 2:
        return f"those of the slice, means over blocks of {blocks}; each slice resized to the patch, nearest neighbour"
    spacing = given["spacing_mm"]
    size = "x".join(map(str, spacing)) + " mm" if spacing else "those of the scan"
    return f"{size}, as means over blocks of {blocks}"


def _windows(settings: dict[str, Any]) -> str:
    if "stride" not in settings:
        return "slice by slice"
    patch, stride = ("x".join(map(str, settings[name])) for name in ("patch", "stride"))
    return f"{patch}, {stride} apart; probabilities are averaged where they overlap, smaller scans padded with zeros"


def _scores(test: dict[str, Any] | None) -> str:
    if test is None:
        return "It was not tested."
    cells = [
        {"Class": line["class"], "Post-processing": GROUPS[line["post_processing"]]}
        | {heading: _cell(line[name]) for name, heading in HEADINGS.items()}
        | {"Missed": str(line["missed"])}
        for line in test["scores"]
    ]
    grid = pd.DataFrame(cells).to_markdown(index=False, disable_numparse=True)
    said = f"Mean and standard deviation over {test['cases']} test cases of {test['patients']} patients."
    return f"{said} Missed: cases in which nothing was found; their Dice is 0, they have no distance.\n\n{grid}"


def _cell(score: dict[str, float | None]) -> str:
    mean, sd = score["mean"], score["sd"]
    return "-" if mean is None else f"{mean:.2f}" + ("" if sd is None else f" ± {sd:.2f}")
