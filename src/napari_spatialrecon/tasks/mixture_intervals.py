"""What a deconvolution states of its own certainty, from pseudo-spots of the user's reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from napari_spatialrecon.methods.method import Estimate
from napari_spatialrecon.methods.mixtures.base import (
    CellTypes,
    CheckedShares,
    Mixture,
    MixtureMethod,
    MixtureSizes,
)
from napari_spatialrecon.methods.mixtures.config import GOT
from napari_spatialrecon.methods.mixtures.intervals import (
    checked_shares,
    coverage,
    errors_beside_the_mean,
    intervals,
)
from napari_spatialrecon.methods.mixtures.pseudo_spots import CELLS, SPOTS
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared

#: Seconds to make pseudo-spots, and per type and gene of the regressions that this takes.
_FIXED_S, _PER_FIT = 0.3, 5e-5
#: Mean share from which on a type is looked at, and the share of the spots that got it in which its
#: interval has to include 0 to be warned of.
_COMMON, _MOSTLY = 0.05, 0.85
#: Standard errors by which a method has to be better than the same mixture everywhere.
_CLEAR = 2.0


MISSED = (
    "Intervals of shares below 2% hold for the most part because most such spots lack the type: "
    "where it is there all the same, they are too short."
)
"""What is said of types that a method misses."""


@dataclass(frozen=True, eq=False)
class Certainty:
    """Intervals of the shares of a mixture, and how the method did on pseudo-spots.

    Parameters
    ----------
    lower, upper : (n_spots, n_types), or None
        None where nothing could be calibrated.
    metrics
        For the record.
    warnings, notes
        For the user.
    """

    lower: NDArray[np.float64] | None = None
    upper: NDArray[np.float64] | None = None
    metrics: dict[str, float] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def certainty(
    mixture: Mixture,
    method: MixtureMethod,
    slide: Prepared,
    reference: Prepared,
    types: CellTypes,
    run: Run,
    *,
    has_prior: bool,
) -> Certainty:
    """Return intervals of shares; the method is tried on pseudo-spots unless it was before.

    Shares found with a prior have none: there is no prior for pseudo-spots.

    Raises
    ------
    Stopped
        The user stopped the run.
    """
    if has_prior:
        return Certainty(notes=("Shares have no intervals: they follow from the known shares.",))
    checked = mixture.checked
    if checked is None:
        own = run.reporter.within("Checking on pseudo-spots")
        own.history = []  # the losses of a check are none of the run
        apart = replace(run.within("pseudo-spots").unsaved(), reporter=own)
        checked = checked_shares(method, slide, reference, types, apart)
    if checked is None:
        few = "the reference has too few cells with types to make pseudo-spots of"
        return Certainty(notes=(f"Shares have no intervals: {few}.",))
    return _calibrated(checked, mixture.proportions, types.names)


def _calibrated(
    checked: CheckedShares, shares: NDArray[np.float64], names: Sequence[str]
) -> Certainty:
    lower, upper = intervals(checked, shares)
    own, mean = errors_beside_the_mean(checked)
    metrics = {"pseudo_error": float(own.mean()), "pseudo_error_of_mean": float(mean.mean())}
    return Certainty(
        lower,
        upper,
        metrics | coverage(checked),
        (*_no_better(own, mean), *_may_be_absent(shares, lower, names)),
        (MISSED,),
    )


def _no_better(own: NDArray[np.float64], mean: NDArray[np.float64]) -> tuple[str, ...]:
    gain = mean - own
    noise = gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) > 1 else np.inf
    if gain.mean() > _CLEAR * noise:
        return ()
    return (
        "No better than the baseline: in pseudo-spots made of this reference, the error "
        f"({own.mean():.2f}) is not below that of one mixture for all spots ({mean.mean():.2f}). "
        "Check that the labels belong to these cells.",
    )


def _may_be_absent(
    shares: NDArray[np.float64], lower: NDArray[np.float64], names: Sequence[str]
) -> tuple[str, ...]:
    """Return a warning for each common type that may be in few of the spots that got it.

    Examples
    --------
    >>> shares = np.full((10, 2), 0.5)
    >>> bounds = np.column_stack([np.zeros(10), np.full(10, 0.2)])
    >>> _may_be_absent(shares, bounds, ["Macrophage", "L6"])[0].partition(":")[0]
    'Macrophage'
    """
    said = []
    for number in np.argsort(-shares.mean(axis=0), kind="stable"):
        got = shares[:, number] >= GOT
        if shares[:, number].mean() < _COMMON or not got.any():
            continue
        absent = float((lower[got, number] <= 0).mean())
        if absent > _MOSTLY:
            said.append(
                f"{names[number]}: {shares[:, number].mean():.0%} of the tissue, but its interval "
                f"includes 0 in {absent:.0%} of the spots that got {GOT:.0%} or more. It may be "
                "absent."
            )
    return tuple(said)


def whole_cost(method: MixtureMethod, sizes: MixtureSizes, *, selects: bool) -> Estimate:
    """Return the cost of a run, and of trying the method on pseudo-spots.

    A method that selects tries what it selects from on pseudo-spots anyway.

    Raises
    ------
    InputError
        It does not fit in the available memory.
    """
    estimate = method.estimate(sizes)
    if selects:
        return estimate
    making = _FIXED_S + _PER_FIT * sizes.types * min(sizes.genes, 2000)
    small = replace(sizes, spots=SPOTS, cells=min(CELLS, (sizes.cells + 1) // 2))
    return estimate.plus(making + method.estimate(small).seconds)
