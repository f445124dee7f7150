"""Signed distance maps of label maps: what level-set heads learn."""

import numpy as np

from dmd.data.euclidean import bounding_box, squared_distances


def signed_distances(labels: np.ndarray, classes: int) -> np.ndarray:
    """Return the signed distance map of every foreground class of every sample.

    Parameters
    ----------
    labels : np.ndarray
        Integers ``(L, *S)``.
    classes : int
        Number of classes C including the background.

    Returns
    -------
    np.ndarray
        float32 ``(L, C - 1, *S)``, see `signed_distance`.
    """
    return np.stack([[signed_distance(sample == index) for index in range(1, classes)] for sample in labels])


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """Return ``phi = d_out / max d_out - d_in / max d_in``, 0 on the inner boundary.

    ``d_out`` is the Euclidean distance of a background voxel to the mask, ``d_in`` that of a foreground voxel to the
    background, each 0 on the other side; each side is scaled by its own maximum in this patch. The inner boundary is
    the foreground with a background voxel across a face; what lies beyond the patch does not count.

    Parameters
    ----------
    mask : np.ndarray
        bool ``(*S)``.

    Returns
    -------
    np.ndarray
        float32 ``(*S)`` in [-1, 1], negative inside. An empty mask gives 0 everywhere as in the released code; a mask
        that fills the patch, where that code divides by zero, gives -1 everywhere: inside, no boundary in sight.

    Notes
    -----
    Xue et al. 2020; kleinzcy/SASSnet:code/utils/util.py, HiLab-git/DTC:code/utils/util.py.

    >>> signed_distance(np.array([0, 0, 1, 1, 1, 1, 1], bool))
    array([ 1. ,  0.5,  0. , -0.4, -0.6, -0.8, -1. ], dtype=float32)
    """
    if not mask.any():
        return np.zeros(mask.shape, np.float32)
    if mask.all():
        return np.full(mask.shape, -1, np.float32)
    phi = _distances(mask)
    phi /= phi.max()
    # The nearest background of the foreground always lies in its bounding box and one voxel around it.
    box = bounding_box(mask, margin=1)
    inside = _distances(~mask[box])
    # A face neighbour is the only one at distance 1.
    phi[box] -= np.where(inside == 1, 0, inside / inside.max())
    return phi


def _distances(mask: np.ndarray) -> np.ndarray:
    return np.sqrt(squared_distances(mask), dtype=np.float32)
