"""What a cluster would refuse, or leave in the queue for ever, is said before anything is submitted."""

import pytest
from slurm_said import NO_ACCOUNTING

from dmd.errors import InputError
from dmd.terminal import preflight, site
from dmd.terminal.preflight import Request, check

TRAIN = {"slurm_partition": "gpu", "runtime": 600, "mem_mb": 8000, "cpus_per_task": 4, "gpu": 1}


def refused(**changes) -> str:
    """Return what is said of a training that asks for something else."""
    with pytest.raises(InputError) as raised:
        check([Request.of("train", TRAIN | changes, None)])
    first, said, _ = str(raised.value).splitlines()
    assert first == "SLURM would not run these jobs:"
    return said.removeprefix("  train: ")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"slurm_partition": "gpus"},
            "slurm_partition: no 'gpus' here; did you mean 'gpu'?; there are cpu, empty, gpu, mixed, secret, shared, "
            "short",
        ),
        ({"slurm_account": "nope"}, "slurm_account: no 'nope' here; there are lab, root"),
        ({"slurm_account": "lab, nope"}, "slurm_account: no 'nope' here; there are lab, root"),
        ({"qos": "gold"}, "slurm-qos: no 'gold' here; there are normal"),
        (
            {"runtime": 1441},
            "partition 'gpu' allows 1440 minutes, asked for are 1441; edit slurm_partition, or give the rule a shorter "
            "runtime: a training goes on in the next job",
        ),
        ({"mem_mb": 900_000}, "partition 'gpu' has no node with 900000 MB, at most 8192; edit mem_mb"),
        ({"cpus_per_task": 5}, "partition 'gpu' has no node with 5 processors, at most 4; edit cpus_per_task"),
        ({"gpu_model": "h100"}, "partition 'gpu' has no node with a GPU of type 'h100', but fake; edit gpu_model"),
        (
            {"gpu": 0, "gres": "gpu:h100:2"},
            "partition 'gpu' has no node with a GPU of type 'h100', but fake; edit gpu_model",
        ),
        (
            {"gpu": 0, "gres": "shard:1"},
            "partition 'gpu' has no node with 1 shards, at most 0; edit gres",
        ),
        (
            {"slurm_partition": "shared", "gpu": 0, "gres": "shard:5"},
            "partition 'shared' has no node with 5 shards, at most 4; edit gres",
        ),
        (
            {"slurm_partition": "cpu"},
            "partition 'cpu' has no node with a GPU; edit slurm_partition, or set gpu: 0",
        ),
        ({"slurm_partition": None}, "partition 'cpu' has no node with a GPU; edit slurm_partition, or set gpu: 0"),
        # 515 GB are there beside the a100, 1030 GB on a node without a GPU.
        (
            {"slurm_partition": "mixed", "gpu_model": "a100", "mem_mb": 600_000},
            "partition 'mixed' has no node with 600000 MB, at most 515000; edit mem_mb",
        ),
        (
            {"slurm_partition": "mixed", "gpu_model": "h100"},
            "partition 'mixed' has no node with a GPU of type 'h100', but a100, some of no type, v100.16gb",
        ),
    ],
)
def test_what_would_not_run_is_said_with_what_there_is_and_what_to_edit(slurm, changes, said):
    assert refused(**changes).startswith(said)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"slurm_account": "LAB", "qos": "normal"},
        {"gpu_model": "fake", "runtime": 1440, "mem_mb": 8192},
        {"gpu": 0, "gres": "gpu:2"},
        {"slurm_partition": "shared", "gpu": 0, "gres": "shard"},
        {"slurm_partition": "shared", "gpu": 0, "gres": "shard:4"},
        {"slurm_partition": "short,gpu"},  # whichever takes it
        {"slurm_partition": None, "gpu": 0},
        {"slurm_partition": "mixed", "gpu_model": "v100.16gb", "runtime": 100_000, "mem_mb": 500_000},
    ],
)
def test_what_would_run_passes_in_silence(slurm, changes, capsys):
    check([Request.of("train", TRAIN | changes, None)])
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("qos", "said"),
    [
        ("gold", "slurm-qos: no 'gold' here"),
        (None, "partition 'gpu' allows 1440 minutes, asked for are 1500"),
    ],
)
def test_rules_that_lack_the_same_are_named_together_and_only_the_most_that_they_ask_for(slurm, qos, said):
    limits = [(rule, minutes) for rule in ("train", "test") for minutes in (1500, 1450)]
    with pytest.raises(InputError) as raised:
        check([Request.of(rule, TRAIN | {"runtime": minutes}, qos) for rule, minutes in limits])
    _, *lines, _ = str(raised.value).splitlines()
    assert len(lines) == 1
    assert lines[0].startswith(f"  test, train: {said}")


def test_where_accounting_is_missing_it_says_what_it_could_not_check(slurm, commands, capsys):
    asked = [Request.of("train", TRAIN | {"slurm_account": "lab"}, "gold")]
    commands("sacctmgr", f'echo "{NO_ACCOUNTING}" >&2; exit 1')
    check(asked)
    because = (
        "You are not running a supported accounting_storage plugin Only 'accounting_storage/slurmdbd' is supported."
    )
    assert capsys.readouterr().err.splitlines() == [
        f"SLURM, not checked: slurm-qos 'gold': {because}",
        f"SLURM, not checked: slurm_account 'lab': {because}",
    ]


def test_a_missing_sacctmgr_is_said_where_a_name_was_to_be_checked_and_only_there(slurm, tmp_path, capsys):
    (tmp_path / "bin/sacctmgr").unlink()
    check([Request.of("train", TRAIN, None)])
    assert capsys.readouterr().err == ""
    check([Request.of("train", TRAIN | {"slurm_account": "lab"}, None)])
    assert capsys.readouterr().err == ("SLURM, not checked: slurm_account 'lab': there is no `sacctmgr` on the path\n")


def test_a_job_that_waits_for_its_partition_or_leans_on_its_qos_is_said(slurm, capsys):
    check([Request.of("train", TRAIN | {"slurm_partition": "secret", "runtime": 31}, "normal")])
    assert capsys.readouterr().err.splitlines() == [
        "SLURM, not checked: partition 'secret' is not up; its jobs wait until it is",
        "SLURM, not checked: slurm-qos 'normal', without which nothing allows 31 minutes in partition 'secret'",
    ]


def test_the_message_ends_with_the_file_to_edit_or_how_it_is_made(slurm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"`dmd init --slurm` writes .* into profiles/slurm/config\.v9\+\.yaml"):
        check([Request.of("train", TRAIN | {"gpu_model": "h100"}, None)])
    site.SITE.parent.mkdir(parents=True)
    site.SITE.touch()
    with pytest.raises(InputError, match=r"Edit profiles/slurm/config\.v9\+\.yaml$"):
        preflight.check([Request.of("train", TRAIN | {"gpu_model": "h100"}, None)])


def test_the_documented_example_is_what_is_said(slurm, commands, root, tmp_path, monkeypatch):
    """In its order; the end of a long line is left out there."""
    commands("sinfo", "echo 'gpu*|up|12:00:00|16|128000|gpu:a100:4'")
    (tmp_path / site.SITE).parent.mkdir(parents=True)
    (tmp_path / site.SITE).touch()
    monkeypatch.chdir(tmp_path)
    asked = {"train": 1290, "test": 150}
    with pytest.raises(InputError) as raised:
        check([Request.of(rule, TRAIN | {"gpu_model": "h100", "runtime": of}, None) for rule, of in asked.items()])
    example = (root / "docs/slurm.md").read_text().split("```\n")[1].splitlines()
    said = str(raised.value).splitlines()
    assert len(said) == len(example)
    assert all(line.startswith(documented.removesuffix("...")) for line, documented in zip(said, example, strict=True))
