"""The four outcomes of a class in a test case: is there something to find, and was anything predicted."""

MEASURED, MISSED, FALSE_ALARMS, RIGHTLY_EMPTY = "measured", "missed", "false_alarms", "rightly_empty"
EMPTY = (MISSED, FALSE_ALARMS, RIGHTLY_EMPTY)  # one mask or both: nothing to measure a distance between
OUTCOMES = (MEASURED, *EMPTY)


def outcome(predicted_voxels: int, reference_voxels: int) -> str:
    """Return which of the `OUTCOMES` it is.

    >>> outcome(5, 7), outcome(0, 7), outcome(5, 0), outcome(0, 0)
    ('measured', 'missed', 'false_alarms', 'rightly_empty')
    """
    if reference_voxels:
        return MEASURED if predicted_voxels else MISSED
    return FALSE_ALARMS if predicted_voxels else RIGHTLY_EMPTY
