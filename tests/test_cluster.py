import pytest

from dmd import cluster
from dmd.errors import InputError


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """A path with nothing on it but what a test puts there."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, script: str) -> None:
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    return put


def test_without_sbatch_it_says_where_to_go(commands):
    with pytest.raises(InputError, match="expected SLURM's `sbatch` on the path, found none"):
        cluster.check({"gpu"})


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
