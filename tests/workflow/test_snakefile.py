"""The real Snakefile: dry runs of every scale, bad configurations, and the whole of it at scale `smoke`."""

import csv
import json
import os
import re
import resource
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from dmd import config, cost, plan
from workflow.project import BIN, clone, jobs, snakemake


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
    for rule in ("describe_run", "train", "predict", "evaluate", "track_run"):
        assert counted[rule] == runs
    assert counted["prepare"] == counted["check"] == prepared
    assert counted.get("download", 0) == (0 if "smoke" in target else 1)


@pytest.mark.parametrize(("name", "runs"), [("fig2", 2), ("fig3a", 1), ("entropy", 4)])
def test_a_panel_needs_trained_runs_only(copy, name, runs):
    done = snakemake(copy, "--dry-run", "--", f"results/smoke/{name}.png")
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    assert (counted["train"], counted["panel"]) == (runs, 1)
    assert {"predict", "evaluate", "track_run", "table"}.isdisjoint(counted)


def test_all_figures_and_the_table_share_their_runs(copy):
    names = ("table3.csv", "fig2.svg", "fig3a.csv", "fig3b.png", "fig4.csv", "entropy.pixels.csv")
    done = snakemake(copy, "--dry-run", "--", *(f"results/smoke/{name}" for name in names))
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    # Table 3 has 5; Fig. 3(b) adds 4 weights, Fig. 4 six temperatures per loss.
    assert counted["train"] == 5 + 4 + 12
    assert (counted["table"], counted["curve"], counted["panel"]) == (1, 2, 3)


@pytest.mark.parametrize(("target", "artefacts"), [("results/smoke/report.html", 8), ("results/report.html", 8)])
def test_the_page_of_a_scale_waits_for_what_is_built_and_knows_of_the_rest(copy, target, artefacts):
    done = snakemake(copy, "--dry-run", "--", target)
    assert done.returncode == 0, done.stderr
    counted = jobs(done.stdout)
    assert (counted["report"], counted["table"], counted["describe_artefact"]) == (1, 1, artefacts)


def test_the_page_is_made_anew_when_what_it_shows_is_newer(tmp_path, root):
    folder = clone(tmp_path)
    results, target = folder / "results", ("--", "results/smoke/report.html")
    planned = plan.make(config.check(config.read(root / "config")), root)
    files = [folder / "docs/deviations.md", results / "smoke/report.html"]
    files += [results / f"{artefact.name}.json" for artefact in planned.of_scale("smoke")]
    for name in ("table3", "fig2"):
        runs = [results / "runs" / run for run in planned.artefacts[f"smoke/{name}"].runs]
        files += [results / f"smoke/{name}.csv", *(run / "weights.pt" for run in runs)]
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
    assert jobs(done.stdout)["report"] == 1


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


def test_small_jobs_ride_with_others_and_what_needs_network_stays_here(copy):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table1.csv").stdout
    assert said.count("Group job run") == 60
    assert said.count("Group job store") == 1
    alone = set(re.findall(r"^rule (\w+):", said, flags=re.MULTILINE))
    here = {"describe_artefact", "describe_run", "describe_store", "download", "table", "track_run", "tracking_store"}
    assert alone == here


def test_the_plan_counts_the_jobs_that_are_submitted(copy, content, tmp_path, capsys):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table1.csv").stdout
    checked = config.check(content)
    made = plan.make(checked, copy)
    runs = [made.runs[name] for name in made.artefacts["table1"].runs]
    cost.show(runs, made, checked, tmp_path, copy / cost.MEASURED)
    assert f"{said.count('Group job')} jobs: 1 of data, 60 of runs" in capsys.readouterr().out


def test_the_time_limits_of_a_run_add_up_to_a_day_at_most(content):
    """Many partitions allow no more."""
    for scale in config.check(content).scales.values():
        assert scale.jobs.train_minutes + scale.jobs.predict_minutes + scale.jobs.evaluate_minutes <= 24 * 60


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("results/table3.csv", {"mem_mb=16000", "runtime=1290", "cpus_per_task=4", "gpu=1", "slurm_partition=gpu"}),
        ("results/smoke/table3.csv", {"mem_mb=2000", "runtime=10", "cpus_per_task=1", "gpu=1", "slurm_partition=gpu"}),
    ],
)
def test_a_training_asks_for_what_its_scale_says(copy, target, asked):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", target).stdout
    resources = re.findall(r"^ +rule train:.*?resources: (.*?)$", said, flags=re.MULTILINE | re.DOTALL)
    assert resources
    assert all(asked <= set(line.split(", ")) for line in resources)


@pytest.mark.parametrize("rule", ["prepare", "check"])
def test_what_needs_no_gpu_asks_for_none(copy, rule):
    said = snakemake(copy, "--profile", "slurm", "--dry-run", "--", "results/table3.csv").stdout
    (line,) = re.findall(rf"rule {rule}:.*?resources: (.*?)$", said, flags=re.MULTILINE | re.DOTALL)
    assert "slurm_partition=cpu" in line
    assert "gpu=" not in line


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
        ("methods={dmd: {params: {lamda: 3}}}", "method 'dmd' has no hyper-parameter 'lamda'"),
    ],
)
def test_a_mistake_in_the_configuration_stops_with_its_place(copy, setting, message):
    done = snakemake(copy, "--dry-run", "--config", setting)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_what_a_failed_rule_said_is_shown_on_the_terminal(tmp_path):
    folder = clone(tmp_path)
    done = snakemake(folder, "--config", "data={la: /no/where}", "--", "results/data/la-2x2x2.h5")
    assert done.returncode != 0
    assert "dmd prepare: expected the file /no/where/" in done.stderr


def readme_commands() -> list[str]:
    """Return the `snakemake` commands of the README that stand for themselves."""
    text = (Path(__file__).parents[2] / "README.md").read_text()
    found = re.findall(r"^snakemake .*$|(?<=`)snakemake [^`]*(?=`)", text, flags=re.MULTILINE)
    return [command for command in found if "..." not in command and "mine.yaml" not in command]


@pytest.mark.parametrize("command", readme_commands())
def test_the_readmes_commands_plan_what_they_say(copy, command):
    arguments = shlex.split(command)[1:]
    done = snakemake(copy, "--dry-run", *[argument for argument in arguments if argument != "--dry-run"])
    assert done.returncode == 0, done.stderr
    assert "train" in jobs(done.stdout)


def require_reports(copy: Path) -> None:
    """Require the page of the scale, and Snakemake's own report with its captions, both without a network."""
    target = ("--config", "scale=smoke", "--", "results/smoke/report.html")
    done = snakemake(copy, *target)
    assert done.returncode == 0, done.stderr[-3000:]
    page = (copy / "results/smoke/report.html").read_text()
    assert re.search(r"<p>5 of \d+ runs are evaluated", page)
    assert page.count("data:image/png") >= 2 * 5  # two worst cases of each run
    # A proxy that refuses stands for the network that is not there.
    nowhere = ("https_proxy", "http_proxy", "HTTPS_PROXY", "HTTP_PROXY")
    report = snakemake(copy, "--report", "results/own.html", *target, **dict.fromkeys(nowhere, "http://127.0.0.1:9"))
    assert report.returncode == 0, report.stderr[-3000:]
    own = (copy / "results/own.html").read_text()
    assert all(category in own for category in ('"Tables"', '"Report"', '"Data"'))
    assert "Missing runs" in own


def require_tracking_alone_repeats(copy: Path) -> None:
    """Require that the next call sends a run that MLflow did not get, once, and makes nothing anew but its table."""
    target = ("--config", "scale=smoke", "--", "results/smoke/table3.csv")
    tracked = next((copy / "results/runs").glob("*/tracked.json"))
    tracked.write_text(json.dumps(json.loads(tracked.read_text()) | {"status": "pending"}))
    assert jobs(snakemake(copy, "--dry-run", *target).stdout) == {"track_run": 1, "table": 1}
    assert snakemake(copy, *target).returncode == 0
    assert json.loads(tracked.read_text())["status"] == "complete"
    again = snakemake(copy, "--dry-run", *target)
    assert "Nothing to be done" in again.stdout + again.stderr
    other = "{kind: table, caption: More., columns: [dice], runs: [{dataset: la, labelled: 8, method: cps}]}"
    wanted = snakemake(copy, "--dry-run", "--config", "scale=smoke", f"artefacts={{more: {other}}}", *target[2:])
    assert jobs(wanted.stdout) == {"track_run": 1, "table": 1}


@pytest.mark.slow
def test_the_whole_pipeline_at_scale_smoke(tmp_path):
    copy = clone(tmp_path)  # of its own: what it makes is not there for others
    settings = ["--config", "scale=smoke", "--"]
    done = snakemake(copy, *settings, "results/smoke/table3.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    with (copy / "results/smoke/table3.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["method"] for row in rows] == ["supervised", "cps", "mcnet", "dml", "dmd"]
    assert all(float(row["dice_mean"]) > 0 for row in rows)
    assert [float(row["dice_paper"]) for row in rows] == [79.99, 87.49, 87.71, 88.19, 89.70]
    assert {row["cases"] for row in rows} == {"20"}
    markdown = (copy / "results/smoke/table3.md").read_text()
    assert markdown.startswith("Not the paper's setting: scale 'smoke'")
    assert (copy / "results/smoke/table3.tex").exists()
    with (copy / "results/smoke/table3.comparison.csv").open(newline="") as file:
        compared = {(line["method"], line["patients"]) for line in csv.DictReader(file) if line["metric"] == "dice"}
    assert compared == {(method, "20") for method in ("supervised", "cps", "mcnet", "dml")}

    tracked = [json.loads(path.read_text()) for path in (copy / "results/runs").glob("*/tracked.json")]
    assert len(tracked) == 5
    assert all(entry["status"] == "complete" and entry["experiment"] == "dmd-smoke" for entry in tracked)

    again = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in again.stdout + again.stderr
    require_tracking_alone_repeats(copy)
    require_reports(copy)

    (copy / "dmd/methods/dmd.py").write_text((copy / "dmd/methods/dmd.py").read_text() + "\n# a comment\n")
    edited = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in edited.stdout + edited.stderr

    raised = snakemake(
        copy, "--dry-run", "--config", "scale=smoke", "methods={dmd: {revision: 2}}", "--", "results/smoke/table3.csv"
    )
    assert jobs(raised.stdout)["train"] == 2  # DMD and DML, which share the file

    elsewhere = ["methods={dmd: {revision: 2}}", "data={synthetic3d: /else/where}"]
    moved = snakemake(copy, "--dry-run", "--config", "scale=smoke", *elsewhere, "--", "results/smoke/table3.csv")
    assert jobs(moved.stdout) == jobs(raised.stdout)

    for path in (copy / "results/runs").glob("*-cps-*/cases.csv"):
        path.unlink()
    missing = subprocess.run(
        [str(BIN / "dmd"), "table", "results/smoke/table3.json", "--output", "results/other.csv"],
        cwd=copy,
        capture_output=True,
        text=True,
    )
    assert missing.returncode == 2
    assert "cps" in missing.stderr
    assert not (copy / "results/other.csv").exists()


MINE = '''"""Mine: supervised learning with a weight."""

from dataclasses import dataclass

from dmd.losses import supervised_dice
from dmd.methods.base import Method, Predictor


@dataclass(frozen=True)
class Params:
    """``weight`` of the only term."""

    weight: float


class Mine(Method):
    """Minimise ``weight * Dice(p, y)``."""

    Params = Params

    def __init__(self, params, build):
        super().__init__()
        self.weight, self.network = params.weight, build.network(build.logit_channels)

    def losses(self, batch, step):
        """Return the supervised term."""
        logits = self.network(batch.images[: len(batch.labels)])
        return {"supervised": self.weight * supervised_dice(logits, batch.labels)}

    @property
    def predictor(self):
        """The network."""
        return Predictor(self.network)
'''
# Two iterations instead of sixty, and a table of DMD alone.
SMALL = """
scales: {smoke: {datasets: {la: {iterations: 2}}}}
artefacts:
  only:
    {kind: table, caption: DMD alone., columns: [dice], runs: [{dataset: la, labelled: 8, method: dmd}]}
"""


def made(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return time and content of the weights of every run."""
    found = (folder / "results/runs").glob("*/weights.pt")
    return {path.parent.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


@pytest.mark.slow
def test_a_method_is_one_new_file_and_a_few_lines_of_the_users_own_and_retrains_nothing(tmp_path, root):
    folder = clone(tmp_path)
    (folder / "small.yaml").write_text(SMALL)
    first = snakemake(folder, "--configfile", "small.yaml", "--", "results/smoke/only.csv")
    assert first.returncode == 0, first.stderr[-3000:]
    before = made(folder)
    assert [name.split("-")[2] for name in before] == ["dmd"]

    # What the README tells a user to write, and nothing else.
    (folder / "dmd/methods/mine.py").write_text(MINE)
    (folder / "mine.yaml").write_text(re.search(r"```yaml\n(.*?)```", (root / "README.md").read_text(), re.DOTALL)[1])
    own = ("--configfile", "mine.yaml", "small.yaml", "--")
    unchanged = snakemake(folder, "--dry-run", *own, "results/smoke/only.csv")
    # The run of DMD is now wanted by one more table, which its mirror says; nothing is trained or tested again.
    assert set(jobs(unchanged.stdout)) == {"track_run", "table"}
    planned = snakemake(folder, "--dry-run", *own, "results/smoke/mine.csv")
    assert {rule: jobs(planned.stdout)[rule] for rule in ("describe_run", "train", "predict", "evaluate")} == {
        "describe_run": 1,
        "train": 1,
        "predict": 1,
        "evaluate": 1,
    }
    done = snakemake(folder, *own, "results/smoke/mine.csv")
    assert done.returncode == 0, done.stderr[-3000:]

    after = made(folder)
    assert before.items() <= after.items()
    assert sorted(name.split("-")[2] for name in after) == ["dmd", "mine"]
    with (folder / "results/smoke/mine.csv").open(newline="") as file:
        assert [row["label"] for row in csv.DictReader(file)] == ["DMD", "Mine"]
