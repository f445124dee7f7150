"""`dmd track`: send tested runs, and masks made elsewhere, to MLflow as far as it lacks them."""

from dmd.terminal.options import PROJECT, RESULTS, Configuration, Results, Uri


def track(
    *runs: str,
    weights: bool = False,
    pictures: bool = False,
    uri: Uri = None,
    results: Results = RESULTS,
    configuration: Configuration = PROJECT,
) -> None:
    """Send the runs that are tested to MLflow, as far as it lacks them.

    Parameters
    ----------
    runs : str
        Ids of runs, parts of them, or paths of their folders or of those of guests; left out, all in results.
    weights : bool
        Their weights too, which otherwise stay in their folders.
    pictures : bool
        The pictures too that a sweep of more than 100 runs leaves out.
    """
    from dmd.tracking.sweep import find_folder, folders, send_pictures, send_weights, sweep

    found = [find_folder(run, results) for run in runs] or folders(results)
    checked, made = configuration.plan()
    store = uri or checked.tracking.store
    sent, pending = sweep(found, store, made)
    print(f"{sent} runs sent to MLflow" + (f", {pending} not: see above" if pending else ""))
    for what, send in [("weights", send_weights)] * weights + [("pictures", send_pictures)] * pictures:
        there, lacking = send(found, store)
        print(f"{what} of {there} runs in MLflow" + (f", of {lacking} not" if lacking else ""))
        pending += lacking
    if pending:
        raise SystemExit(1)
