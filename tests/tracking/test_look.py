"""Which charts the shared view of an artefact opens with."""

from types import SimpleNamespace as Some

from dmd.tracking.look import view_state


def test_what_has_one_value_per_run_is_bars_and_what_has_steps_a_line():
    """The peak of the memory has one value, whatever its unit."""
    lines = {"train/loss", "train/dice", "system/cpu_percent", "system/memory_mb", "system/gpu0_memory_mb"}
    bars = {"dice", "hd95_voxel", "largest_component/dice", "system/peak_memory_mb", "system/attempts"}
    run = Some(data=Some(metrics=dict.fromkeys(lines | bars, 1.0), params={}))
    charts = view_state([run], "")["compareRunCharts"]
    kinds = {kind: {chart["displayName"] for chart in charts if chart["type"] == kind} for kind in ("LINE", "BAR")}
    assert kinds == {"LINE": lines, "BAR": bars}
