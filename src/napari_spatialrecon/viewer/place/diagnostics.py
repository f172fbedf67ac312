"""How far to trust placed cells: one sentence per diagnostic, green, amber or red.

Diagnostics that a method did not write are omitted. docs/data-model.md lists columns and numbers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import SpatialReconError, Stopped
from napari_spatialrecon.tissue.slots import COMMUNITY, OURS, OUTSIDE, WEAK
from napari_spatialrecon.viewer.task.job import Line
from napari_spatialrecon.viewer.window.apart import apart

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.progress import ShouldStop

MANY = 0.5
"""Share of flagged cells above which a flag is red; any flagged cell makes it amber."""
_FEWEST, _APART = 50, 1_000
"""Fewest cells for a search of communities, and for one in a separate process."""
_SEARCH = "napari_spatialrecon.evaluation.communities:communities"
_log = logging.getLogger(__name__)


def diagnostics(adata: AnnData) -> list[Line]:
    """Return the diagnostics of a result, one line each."""
    from napari_spatialrecon.methods.placement.limits import LIMITS

    numbers: Mapping[str, Any] = adata.uns.get(OURS, {}).get("diagnostics", {})
    lines = [
        _flagged(
            adata,
            OUTSIDE,
            "unlike anything in the reference: placement is unreliable",
            "Every cell resembles part of the reference",
        ),
        _flagged(
            adata,
            WEAK,
            "in too few agreeing patches to be placed reliably",
            "Every cell is in enough agreeing patches",
        ),
        _number(
            numbers.get("patch_disagreement"),
            LIMITS["patch_disagreement"],
            "Overlapping patches differ in a distance by a factor of {:.2f} "
            "(1.0 is perfect agreement)",
            shown=np.exp,
        ),
        _number(
            numbers.get("solve_stress"),
            LIMITS["solve_stress"],
            "Joining patches into one layout changed their distances by {:.0%}",
        ),
        _number(
            numbers.get("residual_spread"),
            LIMITS["residual_spread"],
            "The refiner moves spots it was trained on by {:.0%} of the tissue's radius "
            "(σ of the residual; 3 to 5 % is healthy)",
        ),
    ]
    return [line for line in lines if line is not None]


def with_communities(adata: AnnData, should_stop: ShouldStop = lambda: False) -> AnnData:
    """Add the spatial community of each placed cell (GEARS, figure 3), if there are enough."""
    from napari_spatialrecon.tasks.communities import PLACES, named

    slot = next((name for name in PLACES if name in adata.obsm), None)
    if slot is None or adata.n_obs < _FEWEST or COMMUNITY in adata.obs:
        return adata
    places = np.asarray(adata.obsm[slot], float)
    try:
        adata.obs[COMMUNITY] = named(spatial_communities(places, should_stop))
    except Stopped:
        raise
    except (OSError, SpatialReconError) as error:  # keep the result without communities
        _log.warning("The result has no communities: %s", error)
    return adata


def spatial_communities(
    places: np.ndarray, should_stop: ShouldStop, *, resolution: float = 1.0
) -> np.ndarray:
    """Return the community (n,) int of each of many places, without freezing the window.

    Many are searched in a separate process.

    Raises
    ------
    Stopped
        It was stopped.
    SpatialReconError
        As `evaluation.communities.communities`, or the process failed.
    """
    from napari_spatialrecon.evaluation.communities import communities

    if len(places) < _APART:
        return communities(places, resolution=resolution)
    return apart(_SEARCH, places, "communities", should_stop, resolution=resolution)


def _flagged(adata: AnnData, column: str, meaning: str, none: str) -> Line | None:
    if column not in adata.obs:
        return None
    n = int(adata.obs[column].sum())
    if n == 0:
        return "good", f"{none}."
    share = n / adata.n_obs
    part = f"{share:.0%}" if share >= 0.01 else "under 1%"
    cells, are = ("cell", "is") if n == 1 else ("cells", "are")
    tone = "wrong" if share > MANY else "warning"
    return tone, f"{n:,} {cells} ({part}) {are} {meaning}."


def _number(
    value: float | None,
    limits: tuple[float, float],
    text: str,
    *,
    shown: Callable[[float], float] = float,
) -> Line | None:
    if value is None or not np.isfinite(value):
        return None
    return _tone(float(value), limits), f"{text.format(shown(value))}."


def _tone(value: float, limits: tuple[float, float]) -> str:
    """Return green up to the first limit, amber up to the second, then red."""
    return ("good", "warning", "wrong")[sum(value > limit for limit in limits)]
