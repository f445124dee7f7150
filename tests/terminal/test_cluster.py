import pytest

from dmd.errors import InputError
from dmd.terminal import cluster


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A path with nothing on it but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


@pytest.mark.parametrize(("there", "missing"), [([], "sbatch"), (["sbatch"], "sinfo")])
def test_without_slurms_commands_it_says_where_to_go(commands, there, missing):
    for name in there:
        commands(name, "")
    with pytest.raises(InputError, match=f"expected SLURM's `{missing}` on the path, found none"):
        cluster.check({"gpu"})


def test_a_controller_that_never_answers_is_not_waited_for(commands, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    commands("sbatch", "")
    commands("sinfo", "exec /bin/sleep 60")
    with pytest.raises(InputError, match=r"`sinfo` took more than 0\.2 s"):
        cluster.check({"gpu"})


def test_a_hidden_partition_counts(commands):
    commands("sbatch", "")
    commands("sinfo", 'echo cpu; [ "$1" = --all ] && echo secret')
    cluster.check({"secret"})


def test_a_controller_that_does_not_answer_is_quoted(commands):
    commands("sbatch", "")
    commands("sinfo", "echo Unable to contact slurm controller >&2; exit 1")
    with pytest.raises(InputError, match="SLURM does not answer: Unable to contact slurm controller"):
        cluster.check({"gpu"})


def test_an_unknown_partition_names_the_file_to_edit_the_nearest_and_the_known(commands):
    commands("sbatch", "")
    commands("sinfo", "printf 'gpu_long\\ncpu\\n'")
    with pytest.raises(InputError) as raised:
        cluster.check({"cpu", "gpu_lang"})
    assert str(raised.value) == (
        "profiles/slurm/config.yaml: the cluster has no partition 'gpu_lang'; did you mean 'gpu_long'?. "
        "It has: cpu, gpu_long. Edit slurm_partition there"
    )


def test_known_partitions_lists_of_them_and_the_default_pass(commands):
    commands("sbatch", "")
    commands("sinfo", "printf 'gpu\\ncpu\\n'")
    cluster.check({"cpu", "gpu,cpu", None})
