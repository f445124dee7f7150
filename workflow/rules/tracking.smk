# Every run is mirrored in MLflow, by itself while it trains and when it is tested. The files of the run are the truth;
# this is a view of them, and nothing waits for it. What a run could not send (a server that was down, a job of a cluster
# beside a SQLite file) is sent in one sweep at the end.


def send_the_rest():
    results = Path("results")
    folders = [
        *map(RunFolder, results.glob("runs/*/")),
        *map(GuestFolder, results.glob("guests/*/")),
    ]
    if any(folder.is_untracked for folder in folders):
        # What it cannot send it says; what was asked for is there all the same.
        shell(f"dmd track {LAID_OVER} || true")
