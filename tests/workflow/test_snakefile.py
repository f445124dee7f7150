"""The real Snakefile, planning: dry runs of every scale, profiles, commands of the README, bad configurations."""

import os
import re
import resource
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from dmd.planning import config, plan, reading
from dmd.terminal import cost
from dmd.terminal.site import PROFILE, SITE
from workflow.project import BIN, clone, jobs, snakemake

RUN_FILES = ("weights.pt", "run.json")
STAYS_HERE = {"download", "mosaic", "table", "curve", "report"}  # on the machine that submits


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return clone(tmp_path_factory.mktemp("clone"))


@pytest.mark.parametrize(
    ("target", "runs", "prepared"),
    [
        ("results/table3.csv", 15, 1),
        ("results/half/table3.csv", 5, 1),
        ("results/smoke/table3.csv", 5, 1),
        ("results/table1.csv", 60, 1),
        ("results/half/table1.csv", 20, 1),
        ("results/table2.csv", 30, 1),
        ("results/half/table2.csv", 10, 1),
        ("results/smoke/table2.csv", 10, 1),
        ("results/fig4.png", 42, 1),
        ("results/smoke/fig3b.svg", 5, 1),
    ],
)
def test_a_dry_run_has_one_chain_per_run(copy, target, runs, prepared):
    done = snakemake(copy, "--dry-run", "--", target)
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    for rule in ("train", "test"):
        assert counted[rule] == runs
    assert counted["prepare"] == counted["check"] == prepared
    assert "mosaic" not in counted  # a training that needs a check needs no picture
    assert counted.get("download", 0) == (0 if "smoke" in target else 1)


@pytest.mark.parametrize(("name", "runs"), [("fig2", 2), ("fig3a", 1), ("entropy", 4)])
def test_a_panel_needs_trained_runs_only(copy, name, runs):
    done = snakemake(copy, "--dry-run", "--", f"results/smoke/{name}.png")
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    assert (counted["train"], counted["panel"]) == (runs, 1)
    assert {"test", "table"}.isdisjoint(counted)


def test_all_figures_and_the_table_share_their_runs(copy):
    names = ("table3.csv", "fig2.svg", "fig3a.csv", "fig3b.png", "fig4.csv", "entropy.pixels.csv")
    done = snakemake(copy, "--dry-run", "--", *(f"results/smoke/{name}" for name in names))
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    # Table 3 has 5; Fig. 3(b) adds 4 weights, Fig. 4 six temperatures per loss.
    assert counted["train"] == 5 + 4 + 12
    assert (counted["table"], counted["curve"], counted["panel"]) == (1, 2, 3)


@pytest.mark.parametrize("target", ["results/smoke/report.html", "results/report.html"])
def test_the_page_of_a_scale_waits_for_what_is_built(copy, target):
    done = snakemake(copy, "--dry-run", "--", target)
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    assert (counted["report"], counted["table"]) == (1, 1)


def test_the_page_is_made_anew_when_what_it_shows_is_newer(tmp_path, root):
    folder = clone(tmp_path)
    results, target = folder / "results", ("--", "results/smoke/report.html")
    planned = plan.make(config.check(reading.read(root / "config")), root)
    files = [folder / "docs/deviations.md", results / "smoke/report.html"]
    for name in ("table3", "fig2"):
        runs = [results / "runs" / run for run in planned.artefacts[f"smoke/{name}"].runs]
        files += [results / f"smoke/{name}.csv", *(run / file for run in runs for file in RUN_FILES)]
    for path in files:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (1e9, 1e9))
    assert "Nothing to be done" in snakemake(folder, "--dry-run", *target).stdout
    for newer in (results / "smoke/fig2.csv", folder / "docs/deviations.md"):
        newer.touch()
        assert jobs(snakemake(folder, "--dry-run", *target).stdout) == {"report": 1}
        os.utime(newer, (1e9, 1e9))
    # A figure whose runs are not here is not made again for the page.
    (results / "smoke/fig4.csv").touch()
    assert "Nothing to be done" in snakemake(folder, "--dry-run", *target).stdout


def test_a_plain_call_ends_with_the_page(copy):
    done = snakemake(copy, "--dry-run", "--config", "scale=smoke")
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    assert (counted["report"], counted["mosaic"]) == (1, 1)


def test_a_local_folder_replaces_the_download(copy):
    done = snakemake(copy, "--dry-run", "--config", "data={la: /some/where}", "--", "results/half/table3.csv")
    assert done.returncode == 0, done.stderr
    assert "download" not in jobs(done.stdout)
    assert (
        "/some/where"
        in snakemake(
            copy, "--dry-run", "--printshellcmds", "--config", "data={la: /some/where}", "--", "results/half/table3.csv"
        ).stdout
    )


def test_the_slurm_profile_resolves_from_the_root(copy):
    done = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table1.csv")
    assert done.returncode == 0, done.stderr
    assert jobs(done.stdout)["train"] == 60


def test_nodes_need_no_network_and_what_takes_seconds_waits_in_no_queue(root):
    """A dry run does not show which rules run where Snakemake runs."""
    rules = "".join(path.read_text() for path in (root / "workflow/rules").glob("*.smk"))
    stays = {rule.split(":")[0] for rule in rules.split("\nrule ")[1:] if "localrule: True" in rule}
    assert stays == STAYS_HERE


def test_every_rule_is_a_job_and_the_plan_counts_those_that_are_submitted(copy, content, tmp_path, capsys):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table1.csv").stdout
    assert "Group job" not in said
    submitted = {rule: count for rule, count in jobs(said).items() if rule not in STAYS_HERE}
    assert submitted == {"prepare": 1, "check": 1, "train": 60, "test": 60}
    checked = config.check(content)
    made = plan.make(checked, copy)
    runs = [made.runs[name] for name in made.artefacts["table1"].runs]
    cost.show(runs, made, checked, tmp_path, copy / cost.MEASURED)
    assert "122 jobs: 2 of data, 120 of runs" in capsys.readouterr().out


def test_no_time_limit_is_longer_than_a_day(content):
    """Many partitions allow no more."""
    for scale in config.check(content).scales.values():
        assert max(scale.jobs.train_minutes, scale.jobs.test_minutes) <= 24 * 60


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("results/table3.csv", {"mem_mb=16000", "runtime=1290", "cpus_per_task=4", "gpu=1"}),
        ("results/smoke/table3.csv", {"mem_mb=2000", "runtime=10", "cpus_per_task=1", "gpu=1"}),
    ],
)
def test_a_training_asks_for_what_its_scale_says(copy, target, asked):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", target).stdout
    resources = re.findall(r"^rule train:.*?resources: (.*?)$", said, flags=re.MULTILINE | re.DOTALL)
    assert resources
    assert all(asked <= set(line.split(", ")) for line in resources)


def test_a_training_whose_steps_were_measured_asks_for_its_own_time(copy, content):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/half/table3.csv").stdout
    asked = re.findall(r"^rule train:.*?wildcards: run=(\S+).*?runtime=(\d+)", said, flags=re.MULTILINE | re.DOTALL)
    made = plan.make(config.check(content), copy)
    times = cost.step_times(copy / "results/runs", copy / cost.MEASURED)
    assert len(asked) == 5
    assert {run: int(minutes) for run, minutes in asked} == {
        run: cost.minutes(made.runs[run].spec, times, 1290) for run, _ in asked
    }
    assert len({minutes for _, minutes in asked}) > 1


@pytest.mark.parametrize("rule", ["prepare", "check"])
def test_what_needs_no_gpu_asks_for_none(copy, rule):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table3.csv").stdout
    (line,) = re.findall(rf"rule {rule}:.*?resources: (.*?)$", said, flags=re.MULTILINE | re.DOTALL)
    assert "gpu=" not in line


def test_snakemake_takes_the_profile_of_the_site_where_there_is_one(tmp_path):
    """Its name is Snakemake's word for a file that goes before config.yaml."""
    folder = clone(tmp_path)
    filled = (folder / PROFILE).read_text().replace("# slurm_partition: gpu", "slurm_partition: a100")
    (folder / SITE).write_text(filled.replace("# slurm_partition: cpu", "slurm_partition: serial"))
    said = snakemake(folder, "--profile", "slurm", "--dry-run", "--", "results/smoke/table3.csv").stdout
    found = re.findall(r"rule (\w+):.*?slurm_partition=(\w+)", said, flags=re.DOTALL)
    assert set(found) - {("table", "serial")} == {
        ("prepare", "serial"),
        ("check", "serial"),
        ("train", "a100"),
        ("test", "a100"),
    }


def test_the_dry_run_of_the_papers_matrix_takes_less_than_five_seconds_of_processor_time(copy):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table1.csv", "results/table3.csv")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5


def test_no_key_stands_in_both_profiles(root):
    profiles = [yaml.safe_load((root / "profiles" / name / "config.yaml").read_text()) for name in ("default", "slurm")]
    assert not set(profiles[0]) & set(profiles[1])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("scale=haf", "unknown scale 'haf'; did you mean 'half'?"),
        ("build=[tabel3]", "unknown artefact 'tabel3'; did you mean 'table3'?"),
        ("bild=[table3]", "unknown key 'bild'; did you mean 'build'?"),
        ("tracking={uri: mlruns}", "The file store (a folder) is refused: it is in maintenance mode"),
        ("methods={dmd: {params: {lamda: 3}}}", "method 'dmd': unknown hyper-parameter 'lamda'"),
    ],
)
def test_a_mistake_in_the_configuration_stops_with_its_place(copy, setting, message):
    done = snakemake(copy, "--dry-run", "--config", setting)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_key_that_stands_twice_in_a_file_of_ones_own_is_refused(copy, tmp_path):
    """Which Snakemake itself reads, and takes the last."""
    (tmp_path / "mine.yaml").write_text("scale: smoke\nscale: half\n")
    done = snakemake(copy, "--dry-run", "--configfile", str(tmp_path / "mine.yaml"))
    assert done.returncode != 0
    assert "mine.yaml is not valid YAML: expected each key once" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_key_that_stands_twice_on_the_command_line_is_refused(copy):
    done = snakemake(copy, "--dry-run", "--config", "tracking={uri: null, uri: null}")
    assert done.returncode != 0
    assert "expected YAML after 'tracking='" in done.stdout + done.stderr
    assert "found 'uri' again" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_null_on_the_command_line_is_no_folder(copy):
    done = snakemake(
        copy, "--dry-run", "--printshellcmds", "--config", "data={la: null}", "--", "results/data/la-2x2x2.h5"
    )
    assert done.returncode == 0, done.stderr
    assert "dmd step prepare la-2x2x2 results/raw/la " in done.stdout
    assert jobs(done.stdout)["download"] == 1


def test_what_a_failed_rule_said_is_shown_on_the_terminal(tmp_path):
    folder = clone(tmp_path)
    done = snakemake(folder, "--retries", "1", "--config", "data={la: /no/where}", "--", "results/half/table3.csv")
    assert done.returncode != 0
    assert done.stderr.count("dmd step prepare: expected the file /no/where/") == 2
    assert done.stderr.count("so ended the first attempt; this one did not try again") == 1
    listed = done.stderr.split("\nFailed:\n")[1]
    assert listed.startswith("  prepare la-2x2x2\n    expected the file /no/where/")
    assert "Not made for want of that:\n  results/half/table3.csv" in listed
    planned = subprocess.run([BIN / "dmd", "plan", "half/table3"], cwd=folder, capture_output=True, text=True)
    assert planned.stdout.count("  failed ") == 5
    assert planned.stdout.split("\nfailed:\n")[1].startswith("  prepare la-2x2x2\n    expected the file /no/where/")
    # Another call forgets what is about to be made again, and nothing else.
    assert (
        snakemake(folder, "--config", "data={la: /no/where}", "--", "results/data/synthetic3d-1x1x1.h5").returncode == 0
    )
    assert (folder / "results/logs/prepare/la-2x2x2.failed.json").exists()


@pytest.mark.parametrize(
    ("gpus", "options", "available"),
    [
        (2, [], 2),
        (2, ["--config", "trainings_per_gpu=2"], 4),
        (2, ["--resources", "gpu=5"], 5),
        (2, ["--profile", "slurm"], 7),
        (0, [], 7),
    ],
    ids=["one on each", "two on each", "as many as I say", "not on a cluster", "no bound without one"],
)
def test_trainings_on_this_machine_share_its_gpus(copy, tmp_path, gpus, options, available):
    """A job that wants more gets as many as there are."""
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\n" + gpus * "echo GPU 0: Some\n")
    driver.chmod(0o755)
    wanted = ("--set-resources", "prepare:gpu=7", "--", "results/data/synthetic3d-1x1x1.h5")
    path = {"PATH": f"{tmp_path}:{BIN}:{os.environ['PATH']}"}
    done = snakemake(copy, "--dry-run", "--forceall", *options, *wanted, **path)
    assert re.findall(r"resources:.* gpu=(\d+)", done.stdout) == [str(available)]


def test_a_database_that_takes_no_run_is_said_and_fails_nothing(tmp_path):
    results = clone(tmp_path) / "results"
    (results / "runs/tested").mkdir(parents=True)
    (results / "runs/tested/cases.csv").touch()
    (results / "mlflow.db").write_text("no database")
    done = snakemake(tmp_path, "--", "results/data/synthetic3d-1x1x1.h5")
    assert "dmd track: expected an MLflow store at sqlite:///results/mlflow.db that can be used" in done.stderr
    assert done.returncode == 0, done.stderr


def readme_commands() -> list[str]:
    """Return the `snakemake` commands of the README that stand for themselves; those of its own files have tests."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.findall(r"^snakemake .*$|(?<=`)snakemake [^`]*(?=`)", text, flags=re.MULTILINE)
    return [command for command in found if not any(of in command for of in ("...", "mine.yaml", "liver.yaml"))]


@pytest.mark.parametrize("command", readme_commands())
def test_the_readmes_commands_plan_what_they_say(copy, command):
    arguments = shlex.split(command)[1:]
    done = snakemake(copy, "--dry-run", *[argument for argument in arguments if argument != "--dry-run"])
    assert done.returncode == 0, done.stderr
    assert "train" in jobs(done.stdout)
