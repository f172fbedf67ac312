"""Intervals of shares, calibrated on pseudo-spots whose mixture is known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.methods.mixtures.base import CellTypes, CheckedShares, MixtureMethod
from napari_spatialrecon.methods.mixtures.config import GOT, LEVEL
from napari_spatialrecon.methods.mixtures.pseudo_spots import pseudo_spots
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

Shares = NDArray[np.float64]

#: Limits between ranges of estimated shares; the errors differ from range to range.
_LIMITS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7])
#: Fewest pseudo-spots in a range for a type to be judged by its own errors, not by those of all.
_OWN = 60


def checked_shares(
    method: MixtureMethod, slide: Prepared, reference: Prepared, types: CellTypes, run: Run
) -> CheckedShares | None:
    """Return what a method finds in pseudo-spots that resemble those of a slide.

    Returns
    -------
    None where the reference has too few cells to make them of, or the method fails on them.

    Raises
    ------
    Stopped
        The user stopped the run.
    """
    try:
        run.reporter.begin("Making pseudo-spots of the reference")
        problem = pseudo_spots(slide, reference, types, run.seed)
        if problem is None:
            return None
        found = method.deconvolve(problem.slide, problem.reference, problem.types, run)
    except Stopped:
        raise
    except SpatialReconError:
        return None
    return CheckedShares(problem.truth, found.proportions)


def intervals(checked: CheckedShares, shares: Shares) -> tuple[Shares, Shares]:
    """Return the bounds between which a true share lies with a probability of `LEVEL`.

    Split-conformal: quantiles of true minus estimated share over pseudo-spots, within ranges of the
    estimate; those of a type where it has enough pseudo-spots in the range, else those of all types
    together. In a range that too few pseudo-spots reach, nothing is known: 0 to 1.

    Parameters
    ----------
    shares : (n_spots, n_types), rows sum to 1

    Returns
    -------
    lower, upper : (n_spots, n_types), 0 <= lower <= share <= upper <= 1
    """
    lower, upper = np.zeros_like(shares), np.ones_like(shares)
    there, here = (np.searchsorted(_LIMITS, s, side="right") for s in (checked.found, shares))
    away = checked.truth - checked.found
    for number in np.unique(here):
        of_all = _quantiles(away[there == number])
        for kind in range(shares.shape[1]):
            own = away[there[:, kind] == number, kind]
            below, above = _quantiles(own) if len(own) >= _OWN else of_all
            rows = here[:, kind] == number
            share = shares[rows, kind]
            lower[rows, kind] = np.clip(share + below, 0.0, share)
            upper[rows, kind] = np.clip(share + above, share, 1.0)
    return lower, upper


def coverage(checked: CheckedShares) -> dict[str, float]:
    """Return how intervals fare on pseudo-spots that did not calibrate them, in two halves.

    Returns
    -------
    dict
        ``interval_coverage`` and ``interval_width``: share of true shares inside, and mean width,
        where a type got `GOT` or more; missing where no type did.
    """
    half = np.arange(len(checked.truth)) % 2 == 0
    inside: list[NDArray[np.bool_]] = []
    widths: list[Shares] = []
    for fit, test in ((half, ~half), (~half, half)):
        known = CheckedShares(checked.truth[fit], checked.found[fit])
        lower, upper = intervals(known, checked.found[test])
        got, truth = checked.found[test] >= GOT, checked.truth[test]
        inside.append(((truth >= lower) & (truth <= upper))[got])
        widths.append((upper - lower)[got])
    covered, wide = np.concatenate(inside), np.concatenate(widths)
    if not len(covered):
        return {}
    return {"interval_coverage": float(covered.mean()), "interval_width": float(wide.mean())}


def errors_beside_the_mean(checked: CheckedShares) -> tuple[Shares, Shares]:
    """Return the Jensen-Shannon distances of pseudo-spots, of the method and of the mean mixture.

    The mean of the true mixtures in every spot is what is known without looking at expression.
    """
    same = np.broadcast_to(checked.truth.mean(axis=0), checked.truth.shape)
    with np.errstate(invalid="ignore"):  # the root of a distance that rounding made negative
        own, mean = (
            np.nan_to_num(np.asarray(jensenshannon(checked.truth, found, base=2, axis=1)))
            for found in (checked.found, same)
        )
    return own, mean


def _quantiles(away: Shares) -> tuple[float, float]:
    """Return the errors between which a new one lies with a probability of `LEVEL` at least."""
    outside, n, ordered = (1 - LEVEL) / 2, len(away), np.sort(away, axis=None)
    first = int(np.floor((n + 1) * outside)) - 1
    last = int(np.ceil((n + 1) * (1 - outside))) - 1
    return (
        float(ordered[first]) if first >= 0 else -1.0,
        float(ordered[last]) if last < n else 1.0,
    )
