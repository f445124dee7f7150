import json
from dataclasses import asdict, replace

import pytest

from dmd import cli
from dmd.planning import config, plan
from dmd.terminal import cost


@pytest.fixture
def checked(content):
    return config.check(content)


@pytest.fixture
def made(checked, root):
    return plan.make(checked, root)


@pytest.fixture
def facts(tmp_path):
    path = tmp_path / "step_times.csv"
    path.write_text(
        "implementation,dataset,downsample,patch,width,precision,device,seconds_per_step,source\n"
        "cps,la,1x1x1,112x112x80,16,fp32,Some GPU,0.3,hand\n"
    )
    return path


def runs(made, artefact: str) -> list[plan.Run]:
    return [made.runs[name] for name in made.artefacts[artefact].runs]


def leave(results, run: plan.Run, *files: str, device: str = "", seconds: float = 0) -> None:
    """Leave files in the folder of a run as a finished one would."""
    folder = results / "runs" / run.id
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "spec.json").write_text(json.dumps(asdict(run.spec)))
    if device:
        (folder / "run.json").write_text(json.dumps({"device": device, "seconds_per_step": seconds}))
    for name in files:
        (folder / name).touch()
    if "cases.csv" in files:
        (folder / "test.json").write_text(json.dumps({"testing": run.spec.testing}))


def test_hours_are_steps_times_the_median_measured_step_of_the_same_method(made, checked, facts, tmp_path, capsys):
    """15 runs of 6000 steps. DMD: 0.1, 0.4, 0.7 s were measured, so 0.4; CPS: 0.3 s in the table; the rest unknown."""
    wanted = runs(made, "table3")
    dmd = [run for run in wanted if run.spec.training["method"]["implementation"] == "dmd"]
    for run, seconds in zip(dmd, (0.1, 0.4, 0.7), strict=False):
        leave(tmp_path, run, "weights.pt", "cases.csv", device="Some GPU", seconds=seconds)
    cost.show(wanted, made, checked, tmp_path, facts)
    lines = capsys.readouterr().out.splitlines()
    # 3 of DMD and DML (6 runs) are evaluated: 12 are left. 3 x 6000 x 0.4 s = 2 h, 3 x 6000 x 0.3 s = 1.5 h.
    assert lines == [
        "paper:",
        "  26 jobs: 2 of data, 24 of runs, 12 of these train",
        "  longest chain: data, a training of 0.67 h (limit 21.5 h), a test (limit 2.5 h)",
        "  6 of 12 trainings: 3.50 GPU-hours, the longest 0.67 h, at the step times measured on Some GPU",
        "  6 of 12 trainings: hours unknown, no step in fp32 was measured: supervised (3), mcnet (3)",
    ]


@pytest.mark.parametrize(
    ("seconds", "attempt", "minutes"),
    [
        ({"Some GPU": 0.3, "Other GPU": 0.6}, 1, 10 + 2 * 60),  # 6000 steps of 0.6 s are an hour
        ({"Some GPU": 0.00001}, 1, 11),
        ({"Some GPU": 60}, 1, 1290),
        ({"Some GPU": 0.3}, 2, 1290),
        ({}, 1, 1290),
    ],
    ids=["measured", "rounded up", "never more", "was not enough", "never measured"],
)
def test_a_training_asks_for_twice_its_own_time_or_for_its_scales_limit(made, seconds, attempt, minutes):
    spec = of_method(made, "table3", "cps").spec
    times = {cost.key(spec): seconds} if seconds else {}
    assert cost.minutes(spec, times, 1290, attempt) == minutes


def test_the_longest_chain_has_the_time_that_its_training_asks_for(made, checked, facts, tmp_path, capsys):
    cost.show([of_method(made, "table3", "cps")], made, checked, tmp_path, facts)
    # 6000 steps of 0.3 s are half an hour; twice that and ten minutes.
    assert "a training of 0.50 h (limit 1.2 h), a test (limit 2.5 h)" in capsys.readouterr().out


@pytest.mark.parametrize("files", [("weights.pt", "cases.csv"), ("cases.csv",)], ids=["whole", "without weights"])
def test_what_is_done_costs_nothing(made, checked, facts, tmp_path, capsys, files):
    for run in runs(made, "smoke/table3"):
        leave(tmp_path, run, *files)
    cost.show(runs(made, "smoke/table3"), made, checked, tmp_path, facts)
    assert capsys.readouterr().out.splitlines() == [
        "smoke:",
        "  0 jobs: 0 of data, 0 of runs, 0 of these train",
    ]


def test_a_run_that_was_tested_in_another_way_is_scored_again(made, checked, facts, tmp_path, capsys):
    run = runs(made, "half/table3")[0]
    leave(tmp_path, run, "weights.pt", "cases.csv")
    (tmp_path / "runs" / run.id / "test.json").write_text('{"testing": {"stride": [8, 8, 8]}}')
    cost.show([run], made, checked, tmp_path, facts)
    assert "1 jobs: 0 of data, 1 of runs, 0 of these train" in capsys.readouterr().out


def test_a_trained_run_is_only_scored(made, checked, facts, tmp_path, capsys):
    run = runs(made, "half/table3")[0]
    leave(tmp_path, run, "weights.pt")
    cost.show([run], made, checked, tmp_path, facts)
    assert capsys.readouterr().out.splitlines() == [
        "half:",
        "  1 jobs: 0 of data, 1 of runs, 0 of these train",
        "  longest chain: a test (limit 1.5 h)",
    ]


def of_method(made, artefact: str, method: str) -> plan.Run:
    return next(run for run in runs(made, artefact) if run.spec.training["method"]["implementation"] == method)


def test_a_step_measured_at_another_scale_is_scaled_by_voxels_and_width_and_said_to_be_an_estimate(
    made, checked, tmp_path, capsys
):
    """CPS on 64x64x32 voxels and 16 channels: 4 s. At scale smoke, 32x32x16 voxels and 8 channels, in bf16 too."""
    half = of_method(made, "half/table3", "cps")
    smoke = plan.Run(**vars(of_method(made, "smoke/table3", "cps")))
    smoke = replace(
        smoke, spec=replace(smoke.spec, training=smoke.spec.training | {"precision": half.spec.training["precision"]})
    )
    found = cost.pace(smoke.spec, {cost.key(half.spec): {"cpu": 4.0}}, {cost.key(half.spec): "half"})
    assert found == cost.Pace(4 * (32 * 32 * 16 * 8) / (64 * 64 * 32 * 16), "cpu", "half")


def test_nothing_is_scaled_from_one_precision_to_another(made):
    """Steps in bf16 at scale half say nothing of those in fp32 at scale paper."""
    half, paper = (of_method(made, artefact, "cps").spec for artefact in ("half/table3", "table3"))
    assert (half.training["precision"], paper.training["precision"]) == ("bf16", "fp32")
    assert cost.pace(paper, {cost.key(half): {"cpu": 4.0}}, {}) is None
    assert (
        cost.pace(replace(paper, training=paper.training | {"precision": "bf16"}), {cost.key(half): {"cpu": 4.0}}, {})
        is not None
    )


def test_a_step_by_other_kernels_says_nothing_of_the_usual_ones(made):
    usual = of_method(made, "half/table3", "cps").spec
    other = replace(usual, training=usual.training | {"compile": True, "deterministic": False})
    assert cost.key(other).precision == "bf16 deterministic=false compile=true"
    assert cost.pace(usual, {cost.key(other): {"cpu": 4.0}}, {}) is None


def test_every_device_of_the_table_counts_and_what_was_measured_here_goes_before_all(made, facts, tmp_path):
    run = of_method(made, "table3", "cps")
    with facts.open("a") as file:
        file.write("cps,la,1x1x1,112x112x80,16,fp32,Other GPU,0.2,hand\ncps,la,1x1x1,112x112x80,16,fp32,cpu,9,hand\n")
    times = cost.step_times(tmp_path / "runs", facts)
    assert times[cost.key(run.spec)] == {"Some GPU": 0.3, "Other GPU": 0.2, "cpu": 9}
    assert cost.pace(run.spec, times, {}) == cost.Pace(0.2, "Other GPU")
    leave(tmp_path, run, device="cpu", seconds=5)
    assert cost.step_times(tmp_path / "runs", facts)[cost.key(run.spec)] == {"cpu": 5}


def test_nothing_is_scaled_from_another_method_or_from_slices_to_volumes(made):
    other = (of_method(made, "half/table2", "mcnet"), of_method(made, "half/table3", "cps"))
    times = {cost.key(run.spec): {"cpu": 1.0} for run in other}
    assert cost.pace(of_method(made, "half/table3", "mcnet").spec, times, {}) is None


def test_what_is_known_of_a_cpu_only_says_nothing_of_gpus(root, made, checked, tmp_path, capsys):
    cost.show(runs(made, "half/table1"), made, checked, tmp_path, root / cost.MEASURED)
    said = capsys.readouterr().out
    assert "20 of 20 trainings: " in said
    assert "CPU-hours" in said
    assert "GPU-hours: unknown until a run has finished on a GPU" in said


def test_step_times_on_a_gpu_go_before_those_on_a_cpu(made, checked, facts, tmp_path, capsys):
    one, other, third = [
        run for run in runs(made, "table3") if run.spec.training["method"]["implementation"] == "mcnet"
    ]
    leave(tmp_path, one, "weights.pt", "cases.csv", device="cpu", seconds=0.01)
    leave(tmp_path, other, "weights.pt", "cases.csv", device="Some GPU", seconds=0.6)
    cost.show([third], made, checked, tmp_path, facts)
    assert "1 of 1 trainings: 1.00 GPU-hours, the longest 1.00 h, at the step times measured on Some GPU" in (
        capsys.readouterr().out
    )


@pytest.mark.parametrize(("name", "text"), [("run.json", "{"), ("run.json", "[]"), ("spec.json", "{}")])
def test_a_broken_file_measures_nothing(made, facts, tmp_path, name, text):
    run = runs(made, "table3")[0]
    leave(tmp_path, run, device="Some GPU", seconds=1)
    (tmp_path / "runs" / run.id / name).write_text(text)
    assert cost.key(run.spec) not in cost.step_times(tmp_path / "runs", facts)


def test_the_projects_table_of_facts_fits_its_runs_and_names_its_sources(made, root, tmp_path):
    known = cost.step_times(tmp_path, root / cost.MEASURED)
    assert known
    assert set(known) <= {cost.key(run.spec) for run in made.runs.values()}
    lines = (root / cost.MEASURED).read_text().splitlines()[1:]
    assert all(line.endswith('"') and "benchmarks/" in line for line in lines)


def test_the_command_prints_every_scale_asked_for(root, monkeypatch, capsys):
    monkeypatch.chdir(root)
    assert cli.main(["plan", "--slurm", "--scale", "half", "method=dmd", "labelled=8"]) == 0
    assert capsys.readouterr().out.startswith("half:\n")
