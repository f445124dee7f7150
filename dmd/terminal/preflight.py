"""Whether the cluster takes the jobs of a call, asked once before anything is submitted."""

import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dmd.errors import InputError, nearest
from dmd.terminal import cluster
from dmd.terminal.cluster import Node, Partition, UnansweredError
from dmd.terminal.site import where_to_edit


@dataclass(frozen=True)
class Request:
    """What jobs of a rule ask for; ``partition`` may be several, ``a,b``, an empty word is the cluster's default."""

    rule: str
    partition: str = ""
    account: str = ""
    qos: str = ""
    minutes: int = 0
    memory_mb: int = 0
    cpus: int = 0
    gpus: int = 0
    gpu_model: str = ""
    shards: int = 0

    @classmethod
    def of(cls, rule: str, resources: Mapping[str, Any], qos: str | None) -> "Request":
        """Return what a job asks for by its resources in Snakemake, and by the profile's ``slurm-qos``."""
        asked = str(resources.get("gres", ""))
        gres = re.fullmatch(r"gpu(?::([^:]*[^:\d][^:]*))?(?::\d+)?", asked)
        shards = re.fullmatch(r"shard(?::(\d+))?", asked)
        words = {name: str(resources.get(name) or "") for name in ("slurm_partition", "slurm_account", "qos")}
        numbers = {name: resources.get(name) for name in ("runtime", "mem_mb", "cpus_per_task", "gpu")}
        counted = {name: value if isinstance(value, int) else 0 for name, value in numbers.items()}
        return cls(
            rule,
            words["slurm_partition"],
            words["slurm_account"],
            words["qos"] or qos or "",
            counted["runtime"],
            counted["mem_mb"],
            counted["cpus_per_task"],
            counted["gpu"] or int(bool(gres)),
            str(resources.get("gpu_model") or (gres and gres[1]) or ""),
            int(shards[1] or 1) if shards else 0,
        )


class Answers:
    """What SLURM would refuse, by rule, and what it cannot be asked."""

    def __init__(self) -> None:
        self.refused: dict[str, set[str]] = defaultdict(set)
        self.unchecked: set[str] = set()

    def ask_for_partitions(self, request: Request, known: Mapping[str, Partition]) -> None:
        """Note what is wrong in every partition that a job may go to; one that takes it is enough."""
        default = [name for name, partition in known.items() if partition.is_default]
        names = request.partition.split(",") if request.partition else default
        if not names:
            self.refused["slurm_partition: not set, and the cluster has no default"].add(request.rule)
        wrong = [_wrong(request, name, known) for name in names]
        if wrong and all(wrong):
            self.refused[str(wrong[0])].add(request.rule)
        for partition in (known[name] for name in names if name in known):
            if not partition.is_up:
                self.unchecked.add(f"partition '{partition.name}' is not up; its jobs wait until it is")
            if request.qos and request.minutes > partition.minutes:
                allowed = f"{request.minutes} minutes in partition '{partition.name}'"
                self.unchecked.add(f"slurm-qos '{request.qos}', without which nothing allows {allowed}")

    def ask_for_names(self, key: str, asked: Mapping[str, set[str]], ask: Callable[[], set[str]]) -> None:
        """Note names, each with the rules that use it, that accounting does not know."""
        if not asked:
            return
        try:
            known = ask()
        except UnansweredError as error:
            self.unchecked.add(f"{key} '{', '.join(sorted(asked))}': {error}")
            return
        for name, rules in asked.items():
            if name.lower() not in known:
                self.refused[_unknown(key, name, known)] |= rules


def check(requests: Iterable[Request]) -> None:
    """Require that SLURM takes such jobs, and that they can begin; print on stderr what could not be checked.

    Raises
    ------
    InputError
        SLURM does not answer, or would refuse a job, or leave it in the queue for ever: says which and what to edit.
    """
    asked, known, answers = _largest(requests), cluster.partitions(), Answers()
    accounts: dict[str, set[str]] = defaultdict(set)
    qualities: dict[str, set[str]] = defaultdict(set)
    for request in asked:
        answers.ask_for_partitions(request, known)
        for name in re.split(r"[,\s]+", request.account):
            accounts[name].add(request.rule)
        qualities[request.qos].add(request.rule)
    for names in (accounts, qualities):
        names.pop("", None)
    answers.ask_for_names("slurm_account", accounts, cluster.accounts)
    answers.ask_for_names("slurm-qos", qualities, cluster.qualities)
    for said in sorted(answers.unchecked):
        print(f"SLURM, not checked: {said}", file=sys.stderr)
    if answers.refused:
        told = [f"  {', '.join(sorted(rules))}: {said}" for said, rules in sorted(answers.refused.items())]
        raise InputError("\n".join(["SLURM would not run these jobs:", *told, where_to_edit()]))


def _largest(requests: Iterable[Request]) -> list[Request]:
    """Return one request for all that differ in amounts alone, with the largest of each."""
    most: dict[Request, Request] = {}
    for request in requests:
        alike = replace(request, minutes=0, memory_mb=0, cpus=0)
        held = most.get(alike, alike)
        amounts = {name: max(getattr(held, name), getattr(request, name)) for name in ("minutes", "memory_mb", "cpus")}
        most[alike] = replace(alike, **amounts)
    return list(most.values())


def _wrong(request: Request, name: str, known: Mapping[str, Partition]) -> str | None:
    """Return why a partition would never run a job, and the key to edit."""
    if name not in known:
        return _unknown("slurm_partition", name, known)
    partition = known[name]
    if request.minutes > partition.minutes and not request.qos:  # which may allow more
        return (
            f"partition '{name}' allows {partition.minutes:.0f} minutes, asked for are {request.minutes}; edit "
            "slurm_partition, or give the rule a shorter runtime: a training goes on in the next job"
        )
    nodes = list(partition.nodes)
    for fits, lacking in _wanted(request):
        left = [node for node in nodes if fits(node)]
        if not left:
            return f"partition '{name}' has no node with {lacking(nodes)}"
        nodes = left
    return None


def _wanted(request: Request) -> Iterator[tuple[Callable[[Node], bool], Callable[[list[Node]], str]]]:
    """Yield what a node must have, and how to say that the nodes that have all before lack it."""
    model = request.gpu_model
    if request.gpus or model:
        yield lambda node: bool(node.gpus), lambda _: "a GPU; edit slurm_partition, or set gpu: 0"
    if model:
        yield (
            lambda node: model in node.gpus,
            lambda nodes: f"a GPU of type '{model}', but {_types(nodes)}; edit gpu_model",
        )
    if request.shards:
        yield (
            lambda node: node.shards >= request.shards,
            lambda nodes: f"{request.shards} shards, at most {max(node.shards for node in nodes)}; edit gres",
        )
    yield (
        lambda node: node.memory_mb >= request.memory_mb,
        lambda nodes: f"{request.memory_mb} MB, at most {max(node.memory_mb for node in nodes)}; edit mem_mb",
    )
    yield (
        lambda node: node.cpus >= request.cpus,
        lambda nodes: f"{request.cpus} processors, at most {max(node.cpus for node in nodes)}; edit cpus_per_task",
    )


def _types(nodes: list[Node]) -> str:
    return ", ".join(sorted({gpu or "some of no type" for node in nodes for gpu in node.gpus}))


def _unknown(key: str, name: str, known: Iterable[str]) -> str:
    return f"{key}: no '{name}' here{nearest(name, known)}; there are {', '.join(sorted(known))}"
