"""An initial pose of placed cells on another slide, from positions predicted by expression."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from anndata import AnnData

from napari_spatialrecon.geometry.maps.transforms import Transform
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.methods.placement.base import PlacementMethod
from napari_spatialrecon.methods.registry import baseline_for
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tasks.aligning import AlignResult, align_by_transform
from napari_spatialrecon.tasks.placing_run import prepare_slides
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.gene_lookup import lookup
from napari_spatialrecon.tissue.gene_names import GeneNames
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata

#: Share of cells whose predicted position is too far off to be used for the pose.
_TRIM = 0.1
#: Agreement above which the pose is reliable: chance gives up to 0.2.
_WEAK = 0.3


@dataclass(frozen=True)
class Expected:
    """Positions of a layout's cells on a slide, predicted by expression alone.

    Parameters
    ----------
    kept : (n,) bool
        Cells with counts.
    places : (m, 2) float, (x, y)
        Of these, in the frame of the slide.
    uncertainty : (m,) float
        Expected error of each.
    radius
        Root mean square distance of the slide's spots from their centre, for a layout of unknown
        size: expected places lie too close together to tell.
    """

    kept: np.ndarray
    places: np.ndarray
    uncertainty: np.ndarray
    radius: float


@dataclass(frozen=True)
class ExpectedStart:
    """A pose and its agreement.

    Parameters
    ----------
    pose
        From the layout's frame to the slide's.
    agreement
        Weighted correlation of the posed layout with the expected places, -1 to 1.
    """

    pose: Pose
    agreement: float

    @property
    def words(self) -> str:
        """Message for the user."""
        said = f"Moved to the positions predicted by expression (correlation {self.agreement:.2f})."
        return (
            said
            if self.agreement >= _WEAK
            else f"{said} This agreement is weak: check with landmark pairs."
        )


def expected_places(
    adata: AnnData, slide: AnnData, *, reporter: Reporter | None = None
) -> Expected:
    """Return the positions of cells on a slide, predicted by nearest neighbours in expression.

    Raises
    ------
    InputError
        The tables share too few genes, or have no counts.
    """
    cells = contract.prepare_query(adata, "cells")
    spots = prepare_slides({"slide": slide})
    method: PlacementMethod = baseline_for("place").method()()
    reporter = reporter or Reporter()
    found = method.fit(spots, cells, Run(reporter=reporter)).place(cells, reporter=reporter)
    points = contract.coordinates(spots[0].adata)
    radius = float(np.sqrt(points.var(axis=0).sum()))
    return Expected(cells.kept, found.coordinates, found.uncertainty, radius)


def lay_on_expected(
    points: np.ndarray, expected: Expected, *, size: float | None, reflection: bool = True
) -> ExpectedStart:
    """Return the pose that fits a layout to the predicted positions (weighted Procrustes).

    Parameters
    ----------
    points : (n, 2) float, (x, y)
        The layout, a row for each of the cells.
    size
        Length in the slide's unit of a unit of `points`; None where unknown.

    Raises
    ------
    InputError
        Too few cells have counts to fix a pose.
    """
    own = np.asarray(points, float)[expected.kept]
    if size is None:
        size = expected.radius / float(np.sqrt(own.var(axis=0).sum()) or 1.0)
    spread = expected.uncertainty
    weights = 1 / (spread**2 + np.median(spread) ** 2 + 1e-12 * expected.radius**2)
    turn = fit_pose(
        size * own,
        expected.places,
        weights=weights,
        reflection=reflection,
        scaling=False,
        trim=_TRIM,
    )
    posed = turn.apply(size * own)
    a, b = (p - np.average(p, axis=0, weights=weights) for p in (posed, expected.places))
    w = weights[:, None]
    agreement = float((w * a * b).sum() / np.sqrt((w * a * a).sum() * (w * b * b).sum() + 1e-300))
    return ExpectedStart(Pose(size * turn.linear, turn.translation), agreement)


@takes_spatialdata
def align_by_expression(
    adata: Table,
    ref: Table,
    *,
    reflection: bool = True,
    name: str = "result",
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> AlignResult:
    """Move placed cells onto another slide by predicted positions, as a starting point.

    Parameters
    ----------
    adata
        Placed cells with their counts.
    ref
        The slide, with counts and coordinates.

    Raises
    ------
    InputError
        The tables share too few genes, or too few cells have counts.
    """
    reporter = Reporter(progress, should_stop)
    here, there = contract.um_per_unit(adata), contract.um_per_unit(ref)
    size = here / there if here is not None and there is not None else None
    expected = expected_places(adata, ref, reporter=reporter)
    found = lay_on_expected(contract.coordinates(adata), expected, size=size, reflection=reflection)
    result = align_by_transform(adata, Transform.from_pose(found.pose), ref=ref, name=name)
    result.record.settings |= {"model": "expression", "reflection": reflection}
    result.record.notes = [found.words]
    return replace(result, notes=(found.words,))


def has_expected(adata: AnnData | None, ref: AnnData | None) -> bool:
    """Return whether a layout was generated, and a slide has genes to compare it with."""
    if adata is None or ref is None or slots.LAYOUT not in adata.obsm:
        return False
    return slots.SPATIAL in ref.obsm and bool((lookup(ref.var, GeneNames.of(adata.var)) >= 0).any())
