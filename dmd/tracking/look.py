"""What MLflow's page of an artefact opens with: its columns, order and charts, as a shared view of the experiment.

MLflow keeps shared views as tags of the experiment; the address names one (`viewStateShareKey`). The form is that of
its own page (3.5 to 3.17); a page that does not know a field of it shows its default.
"""

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any
from urllib.parse import quote

from mlflow import MlflowClient
from mlflow.entities import Run

from dmd.errors import InputError
from dmd.tracking.record import TOTALS

TAG = "mlflow.sharedViewState."
SCORES, LOSS = ("dice", "hd95_voxel"), "train/loss"
# Columns in order, with pixels: all but the last fit a window of 1280 beside MLflow's two panels.
WIDTHS = {
    "attributes.`Run Name`": 180,
    "runDateAndNestInfo": 85,  # MLflow keeps it in this place
    "tags.`method`": 75,
    "tags.`labelled`": 68,
    "tags.`seed`": 55,
    "metrics.`dice`": 70,
    "metrics.`hd95_voxel`": 90,
    "duration": 80,
}
PAIR = ("temperature", "weight")  # what Figs. 3(b) and 4 vary, one at a time
FOLLOWING = ("seed", "draw", "batch_labelled", "batch_size")  # they differ, but are no setting that is tried out
SINGLE = {f"system/{name}" for name in TOTALS}
TOP, MODEL, SYSTEM = "Dice, HD95 and loss", "Model metrics", "System metrics"  # the last two are MLflow's names


def share(client: MlflowClient, experiment: str, name: str, search: str) -> str:
    """Keep the view of the runs found by ``search`` under a name, and return the address of it in MLflow's page."""
    runs = client.search_runs([experiment], search, max_results=1000)
    if not runs:
        raise InputError(f"no run of '{name}' is tracked yet")
    state = view_state(runs, search)
    client.set_experiment_tag(experiment, f"{TAG}{name}", json.dumps(state, separators=(",", ":")))
    return f"#/experiments/{experiment}/runs?workflowType=machine_learning&viewStateShareKey={quote(name)}"


def view_state(runs: Sequence[Run], search: str) -> dict[str, Any]:
    """Return search, columns and charts: scores, loss and what the runs differ in first, the machine's use last."""
    metrics = sorted(set(chain.from_iterable(run.data.metrics for run in runs)))
    charts = _top([run.data.params for run in runs], len(runs))
    charts += [_chart(name, _section(name), len(runs)) for name in metrics if name not in (*SCORES, LOSS)]
    sections = dict.fromkeys([TOP, MODEL, *map(_section, metrics)])
    ordered = [*(name for name in sections if name != SYSTEM), SYSTEM]
    return {
        "searchFilter": search,
        "orderByKey": "metrics.`dice`",
        "orderByAsc": False,
        "selectedColumns": [name for name in WIDTHS if name.startswith(("tags.", "metrics."))],
        "columnOrder": [*WIDTHS],
        "columnWidths": WIDTHS,
        "runsHiddenMode": "SHOW_ALL",
        "compareRunCharts": charts,
        "compareRunSections": [
            {"uuid": name, "name": name, "display": name == TOP, "isReordered": True, "deleted": False}
            for name in ordered
        ],
        "isAccordionReordered": True,
    }


def varied(params: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the numbers that every run has and that are not the same in all; temperature and weight go together.

    >>> varied([{"weight": "4", "temperature": "2", "lr": "0.1"}, {"weight": "3", "temperature": "2", "lr": "0.1"}])
    ['temperature', 'weight']
    """
    shared = set.intersection(*map(set, params)) if params else set()
    values = {name: {of[name] for of in params} for name in sorted(shared.difference(FOLLOWING))}
    found = [name for name, said in values.items() if len(said) > 1 and all(map(_is_number, said))]
    return sorted({*found, *PAIR}) if set(found) & set(PAIR) and shared.issuperset(PAIR) else found


def _top(params: Sequence[Mapping[str, str]], count: int) -> list[dict[str, Any]]:
    charts = [_chart(name, TOP, count) for name in (*SCORES, LOSS)]
    if names := varied(params):
        about = {"selectedParams": names, "selectedMetrics": ["dice"], "showAllRuns": True}
        charts.append(_card("PARALLEL", " and ".join(names), TOP, count) | about)
    groups = {"compareGroups": ["Parameters"], "showDifferencesOnly": True, "showChangeFromBaseline": False}
    charts.append(_card("DIFFERENCE", "Parameters that differ", TOP, count) | groups | {"chartName": "Parameters"})
    return charts


def _chart(metric: str, section: str, count: int) -> dict[str, Any]:
    """Return a curve or bars, as what has one value per run has no step of its own."""
    if metric.startswith(("train/", "system/")) and metric not in SINGLE:
        about = {"lineSmoothness": 0, "xAxisKey": "step", "selectedMetricKeys": [metric], "scaleType": "linear"}
        return _card("LINE", metric, section, count) | about | {"metricKey": metric}
    return _card("BAR", metric, section, count) | {"metricKey": metric}


def _card(kind: str, title: str, section: str, count: int) -> dict[str, Any]:
    card = {"uuid": f"{kind}-{title}", "type": kind, "metricSectionId": section, "displayName": title}
    return card | {"runsCountToCompare": count, "deleted": False, "isGenerated": False}


def _section(metric: str) -> str:
    """Return the section that MLflow puts a metric in: the name up to its last slash."""
    group = metric.rpartition("/")[0]
    return {"": MODEL, "system": SYSTEM}.get(group, group)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
