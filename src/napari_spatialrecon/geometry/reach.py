"""Points that lie beyond the reach of others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

#: Largest share of points that may be moved: where more lie beyond, the others do not cover what
#: the points are of, or have gaps wider than their pitch.
FEW = 0.1


def within_reach(points: np.ndarray, slides: Sequence[np.ndarray]) -> np.ndarray:
    """Return points, of which the few that lie beyond the slides' spots are moved to their rim.

    A spot stands for the tissue up to its neighbors, so that a cell that is farther than the widest
    pitch of the slides from every spot lies where there is no tissue. It is moved straight towards
    the nearest spot, until it is a pitch away. If more than a tenth lie beyond, all stay.

    Parameters
    ----------
    points : (n, 2) float
    slides : one (n_spots, 2) float per slide
        In the same frame.

    Examples
    --------
    >>> slide = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), axis=-1).reshape(-1, 2)
    >>> cells = np.vstack([slide[:10] + 0.3, [[9.0, 2.0]]])
    >>> within_reach(cells, [slide])[-1].round(4).tolist()
    [5.0, 2.0]
    """
    spots = np.concatenate(slides)
    pitches = [np.median(cKDTree(s).query(s, 2)[0][:, 1]) for s in slides if len(s) > 1]
    if not pitches:
        return points
    pitch = float(max(pitches))
    distance, nearest = cKDTree(spots).query(points)
    beyond = distance > pitch
    if not 0 < beyond.mean() <= FEW:
        return points
    moved = np.array(points, float)
    start = spots[nearest[beyond]]
    share = (1 - 1e-6) * pitch / distance[beyond]
    moved[beyond] = start + share[:, None] * (moved[beyond] - start)
    return moved
