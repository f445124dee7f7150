"""What SLURM's commands say, read."""

import math

import pytest
from slurm_said import SINFO

from dmd.errors import InputError
from dmd.terminal import cluster
from dmd.terminal.cluster import Node, read_partitions


@pytest.mark.parametrize(("there", "missing"), [([], "sbatch"), (["sbatch"], "sinfo")])
def test_without_slurms_commands_it_says_where_to_go(commands, there, missing):
    for name in there:
        commands(name, "")
    with pytest.raises(InputError, match=f"expected SLURM's `{missing}` on the path, found none"):
        cluster.partitions()


def test_a_controller_that_never_answers_is_not_waited_for(commands, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.2)
    commands("sbatch", "")
    commands("sinfo", "exec /bin/sleep 60")
    with pytest.raises(InputError, match=r"`sinfo` took more than 0\.2 s"):
        cluster.partitions()


def test_a_controller_that_does_not_answer_is_quoted(commands):
    commands("sbatch", "")
    commands("sinfo", "echo Unable to contact slurm controller >&2; exit 1")
    with pytest.raises(InputError, match="SLURM does not answer: Unable to contact slurm controller"):
        cluster.partitions()


def test_partitions_are_read_with_limits_and_with_every_kind_of_node():
    found = read_partitions(f"Welcome to the cluster!\n\n{SINFO}")
    assert {name: partition.minutes for name, partition in found.items()} == {
        "gpu": 1440,
        "short": 60,
        "cpu": 1440,
        "shared": 1440,
        "mixed": math.inf,
        "secret": 30,
        "empty": 3600,
    }
    assert [name for name, partition in found.items() if partition.is_default] == ["cpu"]
    assert [name for name, partition in found.items() if not partition.is_up] == ["secret", "empty"]
    assert found["gpu"].nodes == (Node(4, 8192, ("fake",)),)
    assert found["shared"].nodes == (Node(4, 8192, ("fake",), shards=4),)
    assert found["mixed"].nodes == (
        Node(128, 1030000, ()),
        Node(64, 515000, ("a100", "v100.16gb")),
        Node(32, 257000, ("",)),
    )
