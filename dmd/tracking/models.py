"""The network of a tested run as a logged model of MLflow, with signature and scores: the best one is a query.

The weights stay in the folder of the run, and the model says which they are, unless they are asked for.
"""

import tempfile
from pathlib import Path

import numpy as np
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelStatus, Metric, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import Schema, TensorSpec

from dmd.planning.identity import Spec
from dmd.runs.folder import RunFolder, read_json
from dmd.runs.vouching import SUMS, require_own
from dmd.tracking.record import ONCE, OUR_TAGS, USED_BY, Record

KIND = "segmentation"
DESCRIPTION = "MLmodel"  # the name that MLflow looks for


def log_model(client: MlflowClient, mirror: Run, run: RunFolder, content: Record) -> None:
    """Make the model of a run that is mirrored, where it is not there yet, and give it the tags of the mirror.

    Any other model of the run, of an earlier training or a mirror that is gone, is no longer one of it afterwards.
    """
    found = find_models(client, run.id)
    whole = [model for model in found if _is_whole(model, mirror)]
    for model in found:
        if model not in whole[:1]:
            _retire(client, model)
    tags = {name: value for name, value in mirror.data.tags.items() if _is_ours(name)}
    sums = read_json(run.facts).get(SUMS, {})
    tags |= {"dmd.weights": sums[run.weights.name]} if run.weights.name in sums else {}
    model = whole[0] if whole else _make(client, mirror, run, content)
    client.set_logged_model_tags(model.model_id, tags)  # without them no search by data set finds one that is torn
    if not whole:
        client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)


def retire_models(client: MlflowClient, mirror: Run) -> None:
    """Let the models of a mirror that is retired be models of no run."""
    source = f"source_run_id = '{mirror.info.run_id}'"
    for model in client.search_logged_models([mirror.info.experiment_id], source):
        _retire(client, model)


def add_weights(client: MlflowClient, run: RunFolder) -> bool:
    """Put the weights of a run beside the signature of its model, and say whether there is one."""
    for model in find_models(client, run.id):
        if run.weights.name not in {file.path for file in client.list_logged_model_artifacts(model.model_id)}:
            require_own(run, run.weights)
            client.log_model_artifact(model.model_id, str(run.weights))
        return True
    return False


def find_models(client: MlflowClient, run: str) -> list[LoggedModel]:
    """Return the models of a run in all experiments of ours."""
    experiments = client.search_experiments(filter_string="name LIKE 'dmd-%'")
    ids = [experiment.experiment_id for experiment in experiments]
    return list(client.search_logged_models(ids, f"tags.`dmd.run` = '{run}'")) if ids else []


def signature(spec: Spec) -> ModelSignature:
    """Return what goes in and comes out: any number of patches, and as many with a probability per class."""
    patch, classes = spec.training["patch"], spec.training["classes"]
    images = TensorSpec(np.dtype(np.float32), (-1, 1, *patch), "images")
    probabilities = TensorSpec(np.dtype(np.float32), (-1, classes, *patch), "probabilities")
    return ModelSignature(Schema([images]), Schema([probabilities]))


def _make(client: MlflowClient, mirror: Run, run: RunFolder, content: Record) -> LoggedModel:
    home, source = mirror.info.experiment_id, mirror.info.run_id
    model = client.create_logged_model(home, run.id, source, {"dmd.run": run.id}, content.params, KIND)
    data = {"dataset_name": content.dataset["name"], "dataset_digest": content.digest}
    scores = [
        Metric(name, value, time, step, model.model_id, **data)
        for (name, step), (value, time) in content.points.items()
        if step == ONCE and not name.startswith("system/")
    ]
    client.log_batch(source, metrics=scores)
    about = Model(run_id=source, model_id=model.model_id, signature=signature(run.read_spec()))
    with tempfile.TemporaryDirectory() as folder:
        about.save(Path(folder) / DESCRIPTION)
        client.log_model_artifacts(model.model_id, folder)
    return model


def _retire(client: MlflowClient, model: LoggedModel) -> None:
    """Delete a model; from one to which a person gave a tag only ours are taken, and no search for them finds it."""
    ours = list(filter(_is_ours, model.tags))
    if any(name not in ours and not name.startswith("mlflow.") for name in model.tags):
        for name in ours:
            client.delete_logged_model_tag(model.model_id, name)
    else:
        client.delete_logged_model(model.model_id)


def _is_whole(model: LoggedModel, mirror: Run) -> bool:
    return bool(model.source_run_id == mirror.info.run_id and model.status == LoggedModelStatus.READY)


def _is_ours(tag: str) -> bool:
    return tag in OUR_TAGS or tag.startswith(("dmd.", USED_BY))
