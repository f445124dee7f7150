"""The picture of a run in MLflow: how it trained and what every test case scored."""

from mlflow import MlflowClient

from dmd.runs.folder import RunFolder, read_json

PICTURE = "curves.png"


def add_picture(client: MlflowClient, run: RunFolder) -> bool:
    """Put a picture beside the curves of a run that is tracked, and say whether its MLflow run is there."""
    mirror = read_json(run.tracked).get("mlflow_run")
    if mirror is None:
        return False
    if PICTURE not in {file.path for file in client.list_artifacts(mirror)}:
        send_picture(client, mirror, run)
    return True


def send_picture(client: MlflowClient, mirror: str, run: RunFolder) -> None:
    """Draw how a tested run trained and what it scored, and put it beside its curves in MLflow."""
    # matplotlib, which whoever follows a training need not wait for
    from dmd.report.picture import picture
    from dmd.report.style import our_style

    with our_style():
        client.log_figure(mirror, picture(run), PICTURE, save_kwargs={"dpi": 150})
