"""The real Snakefile: dry runs of every scale, bad configurations, and the whole of it at scale `smoke`."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

BIN = Path(sys.executable).parent


def snakemake(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}", "XDG_CACHE_HOME": str(folder / ".cache")}
    command = [str(BIN / "snakemake"), "--cores", "2", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def jobs(dry_run: str) -> dict[str, int]:
    """Read the job counts that a dry run prints."""
    table = dry_run.split("Job stats:")[1].split("total")[0].splitlines()[3:]
    return {name: int(count) for name, count in (line.split() for line in table if line.strip())}


@pytest.fixture(scope="module")
def copy(tmp_path_factory, request) -> Path:
    """A copy of what a user has after a clone, so that no result is made in the checkout itself."""
    root = Path(__file__).parents[2]
    folder = tmp_path_factory.mktemp("clone")
    for name in ("config", "workflow", "profiles", "dmd"):
        shutil.copytree(root / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Snakefile", "environment.yaml"):
        shutil.copy(root / name, folder / name)
    (folder / "slurm").symlink_to("profiles/slurm")
    return folder


@pytest.mark.parametrize(
    ("target", "runs", "prepared"),
    [
        ("results/table3.csv", 15, 1),
        ("results/half/table3.csv", 5, 1),
        ("results/smoke/table3.csv", 5, 1),
        ("results/table1.csv", 21, 1),
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
    assert jobs(done.stdout)["train"] == 21


def test_no_key_stands_in_both_profiles(root):
    profiles = [yaml.safe_load((root / "profiles" / name / "config.yaml").read_text()) for name in ("default", "slurm")]
    assert not set(profiles[0]) & set(profiles[1])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("scale=haf", "unknown scale 'haf'; did you mean 'half'?"),
        ("build=[tabel3]", "unknown artefact 'tabel3'; did you mean 'table3'?"),
        ("bild=[table3]", "unknown key 'bild'; did you mean 'build'?"),
        ("methods={dmd: {params: {lamda: 3}}}", "method 'dmd' has no hyper-parameter 'lamda'"),
    ],
)
def test_a_mistake_in_the_configuration_stops_with_its_place(copy, setting, message):
    done = snakemake(copy, "--dry-run", "--config", setting)
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


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


@pytest.mark.slow
def test_the_whole_pipeline_at_scale_smoke(copy):
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

    tracked = [json.loads(path.read_text()) for path in (copy / "results/runs").glob("*/tracked.json")]
    assert len(tracked) == 5
    assert all(entry["status"] == "complete" and entry["experiment"] == "dmd-smoke" for entry in tracked)

    again = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in again.stdout + again.stderr

    (copy / "dmd/methods/dmd.py").write_text((copy / "dmd/methods/dmd.py").read_text() + "\n# a comment\n")
    edited = snakemake(copy, "--dry-run", *settings, "results/smoke/table3.csv")
    assert "Nothing to be done" in edited.stdout + edited.stderr

    raised = snakemake(
        copy, "--dry-run", "--config", "scale=smoke", "methods={dmd: {revision: 2}}", "--", "results/smoke/table3.csv"
    )
    assert jobs(raised.stdout)["train"] == 2  # DMD and DML, which share the file

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


@pytest.mark.slow
def test_figures_from_a_few_short_runs(copy, tmp_path):
    mine = tmp_path / "mine.yaml"
    grid = {"dataset": "la", "labelled": 8, "method": "dmd"}
    points = [
        grid | {"params": {"divergence": "dice", "weight": 4, "temperature": 2}},
        grid | {"params": {"divergence": "kl", "weight": 1, "temperature": 1}},
    ]
    own = {
        "build": ["fig2", "fig4"],
        "scales": {"smoke": {"datasets": {"la": {"iterations": 8}}}},
        "artefacts": {"fig2": {"runs": [grid]}, "fig4": {"runs": points}},
    }
    mine.write_text(yaml.safe_dump(own))
    done = snakemake(copy, "--configfile", str(mine))
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list((copy / "results/runs").glob("*-8-dmd-*/snapshots/000004.pt"))) == 2
    for name in ("fig2", "fig4"):
        for ending in ("png", "svg", "csv"):
            assert (copy / f"results/smoke/{name}.{ending}").stat().st_size > 0
    again = snakemake(copy, "--dry-run", "--configfile", str(mine))
    assert "Nothing to be done" in again.stdout + again.stderr
