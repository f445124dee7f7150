"""The mirror of one run: found by its tag ``dmd.run`` or made, and sent what it lacks.

What a mirror holds is compared with the files of the run, and only what is missing is sent: repeating is harmless,
and the mirror of a run that was trained anew is made again.
"""

import math
from collections.abc import Sequence

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LifecycleStage, Metric, Param, Run, RunTag, ViewType

from dmd.files import locked, write_json
from dmd.planning.address import database, public
from dmd.planning.identity import canonical, scale_of
from dmd.runs.folder import RunFolder
from dmd.runs.guests import GuestFolder
from dmd.tracking.models import log_model, retire_models
from dmd.tracking.picture import send_picture
from dmd.tracking.record import OUR_TAGS, USED_BY, Point, Record, read_record
from dmd.tracking.server import FAULTS, brief, experiment_id, open_server, say

BATCH = 1000  # MLflow's limit on metrics per call
CURVES = ("train/", "system/")  # names that only we use


def track_run(
    run: RunFolder, uri: str, artefacts: list[str], methods: Sequence[str] = (), is_pictured: bool = True
) -> bool:
    """Mirror an evaluated run in MLflow, write ``tracked.json`` and return whether all of it is there.

    Parameters
    ----------
    run : RunFolder
        Folder of the run.
    uri : str
        As in `make_server`.
    artefacts : list of str
        Names of the artefacts that use the run (``table3``, ``smoke/table3``). The scale of the first decides
        the experiment, ``dmd-paper`` or ``dmd-smoke``; without any it is ``dmd-other``.
    methods : sequence of str
        What the artefacts call the method (``dml``, where the implementation is ``dmd``), for the tag ``method``.
    is_pictured : bool
        Whether a picture of its training and test goes with it.

    Raises
    ------
    InputError
        A file of the run is missing, or the kind of store is not supported. A store that does not answer
        raises nothing: it is a warning and the status ``pending`` in ``tracked.json``, and a later call makes
        up for it.
    """
    return track(run, read_record(run), uri, artefacts, methods, is_pictured)


def track(
    folder: RunFolder | GuestFolder,
    content: Record,
    uri: str,
    artefacts: list[str],
    methods: Sequence[str] = (),
    is_pictured: bool = True,
) -> bool:
    """Mirror what a folder holds, as `track_run`."""
    database(uri)
    try:
        with locked(folder.tracking_lock):
            mirror = Mirror(uri, folder.id, content, artefacts, methods)
            mirror.send(content)
            mirror.complete(folder, content, is_pictured)
        found = {"experiment": mirror.experiment, "mlflow_run": mirror.run, "status": "complete"}
    except FAULTS as error:
        found = {"status": "pending", "reason": brief(error)}
        say(
            folder.id,
            f"not in MLflow yet ({public(uri)}): {found['reason']}. The files of the run are complete; "
            "`dmd track` sends what is missing, and so does the next `snakemake` that has something to do",
        )
    write_json(folder.tracked, {"uri": public(uri), "cases": folder.cases_digest()} | found)
    return found["status"] == "complete"


class Mirror:
    """The MLflow run of a run, with settings and tags up to date.

    Whoever makes one holds the run's ``tracking_lock``, so that two processes do not make two.

    Attributes
    ----------
    run : str
        Its id in MLflow.
    experiment : str
        Name of its experiment.
    is_richer : bool
        Whether it shows more than the record at hand; then it is left as it is.
    """

    def __init__(self, uri: str, run: str, content: Record, artefacts: list[str], methods: Sequence[str]) -> None:
        self.client = open_server(uri)
        methods = methods or [content.tags["method"]]
        home = experiment_id(self.client, f"dmd-{scale_of(artefacts[0]) if artefacts else 'other'}", uri)
        ours = self.client.search_experiments(filter_string="name LIKE 'dmd-%'")
        experiments = {experiment.experiment_id: experiment.name for experiment in ours}
        found = _find(self.client, list(experiments), run)
        self.stored = _stored(self.client, found, content) if found else {}
        if found and _contradicts(self.stored, content):
            _retire(self.client, found, run, "shows another training or test")
            found, self.stored = None, {}
        if found is None:
            found = self.client.create_run(home, content.start, {"dmd.run": run}, _name(methods, content))
        self.run, self.experiment = found.info.run_id, experiments[found.info.experiment_id]
        # Whoever comes late has nothing to say to a view that shows more already.
        finished = found.info.status == "FINISHED" and not content.is_whole
        self.is_richer = finished or any(point not in content.points for point in self.stored)
        if self.is_richer:
            return
        tags = {"method": ",".join(methods), "scale": self.experiment.removeprefix("dmd-")}
        self._describe(content, tags | {f"{USED_BY}{name}": "yes" for name in artefacts})

    def send(self, content: Record) -> None:
        """Send the points that are not there yet."""
        if self.is_richer:
            return
        missing = [point for point in content.points if point not in self.stored]
        for start in range(0, len(missing), BATCH):
            part = {point: content.points[point] for point in missing[start : start + BATCH]}
            metrics = [Metric(name, value, time, step) for (name, step), (value, time) in part.items()]
            self.client.log_batch(self.run, metrics=metrics)
            self.stored |= {point: value for point, (value, _) in part.items()}

    def complete(self, folder: RunFolder | GuestFolder, content: Record, is_pictured: bool) -> None:
        """Send the files and, of a run, its model and, if that is wanted, a picture, and close it."""
        for file in content.files:
            self.client.log_artifact(self.run, str(file))
        if isinstance(folder, RunFolder):
            if is_pictured:
                send_picture(self.client, self.run, folder)
            log_model(self.client, self.client.get_run(self.run), folder, content)
        self.client.set_terminated(self.run, "FINISHED", content.end)

    def show(self, status: str) -> None:
        """Say ``RUNNING`` or ``KILLED``."""
        if self.is_richer:
            return
        self.client.update_run(self.run, status)

    def _describe(self, content: Record, tags: dict[str, str]) -> None:
        self.client.log_batch(
            self.run,
            params=[Param(name, value) for name, value in content.params.items()],
            tags=[RunTag(name, value) for name, value in (content.tags | tags).items()],
        )
        dataset = Dataset(content.dataset["name"], content.digest, "dmd", canonical(content.dataset))
        inputs = [DatasetInput(dataset, [InputTag("mlflow.data.context", "training")])]
        try:
            self.client.log_inputs(self.run, inputs)
        except FAULTS:
            # Of runs that name a new data set at once one makes it, the others collide (MLflow 3.17); now it is there.
            self.client.log_inputs(self.run, inputs)


def _name(methods: Sequence[str], content: Record) -> str:
    """Return what lists and legends show, what tells runs apart first: ``DMD T=2 λ=4 s1337 la-8``."""
    params, tags = content.params, content.tags
    if "seed" not in tags:  # nothing is known of a training
        return f"{tags['method']} {tags['dataset']}-{tags['labelled']}"
    shown = {"T": params.get("temperature"), "λ": params.get("weight")}
    parts = [methods[0].upper().replace("_", " ")]
    parts += ["KL"] if params.get("divergence") == "kl" else []
    parts += [f"{symbol}={value}" for symbol, value in shown.items() if value is not None]
    parts += [f"s{tags['seed']}", f"d{tags['draw']}" if tags["draw"] != "0" else ""]
    return " ".join([*filter(None, parts), f"{tags['dataset']}-{tags['labelled']}"])


def _find(client: MlflowClient, experiments: list[str], run: str) -> Run | None:
    """Return the MLflow run of a run. Of several, one that a person wrote to stays, else the oldest.

    There are several where files cannot be locked, or after a deleted one was restored.
    """
    mirrors = client.search_runs(
        experiments, f"tags.`dmd.run` = '{run}'", ViewType.ALL, order_by=["attributes.start_time ASC"]
    )
    active = [mirror for mirror in mirrors if mirror.info.lifecycle_stage == LifecycleStage.ACTIVE]
    if mirrors and not active:
        say(run, "its MLflow run was deleted; made again")
    active.sort(key=lambda mirror: not _has_words(mirror))
    for surplus in active[1:]:
        _retire(client, surplus, run, "shows it a second time")
    return active[0] if active else None


def _retire(client: MlflowClient, mirror: Run, run: str, why: str) -> None:
    """Let a run of MLflow be no mirror any more, and delete it unless a person wrote to it.

    Without the tag nobody finds it again: restored, it is its user's.
    """
    if mirror.data.tags.get("dmd.run"):
        client.delete_tag(mirror.info.run_id, "dmd.run")
    for name in mirror.data.tags:
        if name.startswith(USED_BY):  # no table shows it beside its successor
            client.delete_tag(mirror.info.run_id, name)
    retire_models(client, mirror)
    if _has_words(mirror):
        say(run, f"MLflow run {mirror.info.run_id} {why}; left, for its note or tags, and another takes its place")
    else:
        say(run, f"MLflow run {mirror.info.run_id} {why}; deleted")
        client.delete_run(mirror.info.run_id)


def _has_words(mirror: Run) -> bool:
    """Say whether a run has a note or tag that is not ours nor MLflow's own."""
    tags = mirror.data.tags
    theirs = {name for name in tags if not name.startswith(("mlflow.", "dmd.", USED_BY))} - OUR_TAGS
    return bool(theirs or tags.get("mlflow.note.content"))


def _stored(client: MlflowClient, mirror: Run, content: Record) -> dict[Point, float]:
    """Return what MLflow holds under the names of our points; other metrics are their owner's business.

    To ask takes a second for 10 000 points. To send them again instead would change nothing either, but takes
    MLflow 3.17 half a minute, because it looks each of them up.
    """
    sent = {name for name, _ in content.points}
    names = [name for name in mirror.data.metrics if name in sent or name.startswith(CURVES)]
    return {
        (name, metric.step): metric.value
        for name in names
        for metric in client.get_metric_history(mirror.info.run_id, name)
    }


def _contradicts(stored: dict[Point, float], content: Record) -> bool:
    """Say whether a view shows another training or test: another value, or more than a whole record has."""
    shared = {point: value for point, value in stored.items() if point in content.points}
    differ = any(not math.isclose(content.points[point][0], value, rel_tol=1e-12) for point, value in shared.items())
    return differ or (content.is_whole and len(shared) < len(stored))
