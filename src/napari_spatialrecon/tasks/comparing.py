"""Comparing two results of the same cells, or a result with the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray

from napari_spatialrecon.geometry.distortion import Distortion, local_maps
from napari_spatialrecon.geometry.procrustes import Pose, fit_pose
from napari_spatialrecon.tasks.compared import Array, Compared, matched, places_of
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.slots import BEFORE, OURS, SPATIAL

_INSIDE, _MARGIN = 0.9, 0.25
"""Share of the cells of one that must lie in the bounding box of the other, widened by this share
on each side, for two tables of which one names no slide to be in one frame."""
_CHECKED, _ALIKE = 500, 0.5
"""Number of cells whose counts are compared, and least rank correlation of their totals."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison(Compared):
    """Two layouts of the same cells, in one frame.

    Parameters
    ----------
    pose
        How the second was moved into the frame of the first; None if both are in one frame.
    obs_names : (n,) str
        Cells or spots that both tables hold, in the order of the first.
    first, second : (n, 2) float, (x, y)
        Their places in the frame of the first, in `unit`.
    unit
        ``"um"``; that of the first table if its µm are unknown.
    only_first, only_second
        Number of those that the other does not hold.
    notes
        Messages for the user.
    """

    pose: Pose | None = None

    @cached_property
    def amount(self) -> Array:
        """How far apart the two place each cell, (n,) in `unit`."""
        return np.asarray(np.linalg.norm(self.second - self.first, axis=1))

    def title(self, other: str) -> str:
        """Return the title of the distances from another result's places."""
        return f"distance to {other}, {'µm' if self.unit == 'um' else self.unit}"

    @property
    def distance(self) -> Array:
        """How far apart the two place each cell, (n,) in `unit`."""
        return self.amount

    @property
    def summary(self) -> str:
        """Number of cells, and how far apart they are."""
        unit = "µm" if self.unit == "um" else self.unit
        return (
            f"{len(self.obs_names):,} cells: disagreement of median {self.median:,.4g} {unit}, "
            f"90% within {self.p90:,.4g} {unit}."
        )

    def distortion(self, across: int | None = None) -> Distortion:
        """Return how the first layout is deformed into the second; see `geometry.distortion`.

        Parameters
        ----------
        across
            Nodes of the grid along the longer side of the first layout; by default 8 to 24.
        """
        return local_maps(self.first, self.second, across=across)

    def table(self) -> pd.DataFrame:
        """Return the places and the distance of each cell, with one row per cell."""
        content = np.column_stack([self.first, self.second, self.distance])
        columns = ["first_x", "first_y", "second_x", "second_y", "distance"]
        return pd.DataFrame(content, index=pd.Index(self.obs_names, name="obs_name")).set_axis(
            columns, axis=1
        )


@takes_spatialdata
def compare(
    first: Table,
    second: Table,
    *,
    same_frame: bool | None = None,
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Compare where two tables place the same cells; cells are matched by name.

    Parameters
    ----------
    first, second
        Two results, or a slide with the true places and a result; ``obsm["spatial"]`` of each is
        (n, 2) as (x, y). Cells with a place that is not finite are not compared.
    same_frame
        Whether the coordinates of both are of the same slide. If None, they are if both name the
        same histology in ``uns["spatial"]``, or if not both name one and either lies in the region
        of the other. Otherwise the second is rotated, mirrored and shifted (and scaled where the µm
        of one are unknown) onto the first by least squares, which is said in `notes`.
    names
        How errors and notes call the tables.

    Returns
    -------
    Comparison
        How far apart the two place each cell, in one frame.

    Raises
    ------
    InputError
        A table has no coordinates, names are not unique, or fewer than 4 cells are common.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> slide = AnnData(np.ones((50, 1), np.float32))
    >>> slide.obsm["spatial"] = 1000 * rng.random((50, 2))
    >>> slide.uns["spatialrecon"] = {"unit": "um"}
    >>> moved = slide.copy()
    >>> moved.obsm["spatial"] += [30.0, 40.0]
    >>> compare(slide, moved).summary
    '50 cells: disagreement of median 50 µm, 90% within 50 µm.'
    """
    places = [places_of(adata, name) for adata, name in zip((first, second), names, strict=True)]
    rows, alone = matched(first, second, places, names)
    a, b = (points[row] for points, row in zip(places, rows, strict=True))
    scales = [contract.um_per_unit(adata) for adata in (first, second)]
    comparable = None not in scales or (
        scales == [None, None] and contract.unit(first) == contract.unit(second)
    )
    a, b = a * (scales[0] or 1.0), b * (scales[1] or 1.0)
    if same_frame is None:
        same_frame = comparable and _share_frame(first, second, a, b)
    notes, pose = count_doubts(first, second, rows), None
    if not same_frame:
        pose = fit_pose(b, a, scaling=not comparable)
        b = pose.apply(b)
        how = "rotated and shifted" if comparable else "rotated, shifted and scaled"
        notes.append(f"{names[1]} is in another frame: it was {how} to fit {names[0]} best.")
    unit = "um" if scales[0] is not None else contract.unit(first)
    cells = first.obs_names.to_numpy(object)[rows[0]]
    return Comparison(
        obs_names=cells,
        first=a,
        second=b,
        unit=unit,
        pose=pose,
        only_first=alone[0],
        only_second=alone[1],
        notes=tuple(notes),
    )


def _share_frame(first: AnnData, second: AnnData, a: Array, b: Array) -> bool:
    libraries = [set(adata.uns.get(SPATIAL, {})) for adata in (first, second)]
    if all(libraries):
        return bool(libraries[0] & libraries[1])
    return _lies_within(a, b) or _lies_within(b, a)


def _lies_within(points: Array, region: Array) -> bool:
    low, high = region.min(axis=0), region.max(axis=0)
    margin = _MARGIN * (high - low)
    inside = ((points >= low - margin) & (points <= high + margin)).all(axis=1)
    return bool(inside.mean() >= _INSIDE)


def count_doubts(first: AnnData, second: AnnData, rows: list[NDArray[np.intp]]) -> list[str]:
    """Return a note if cells of one name have other counts, as on slides that number their spots.

    Totals over the first shared genes are compared by rank, which scaling or a logarithm keeps.
    """
    genes = first.var_names.intersection(second.var_names)[:_CHECKED]
    if len(genes) < 2 or first.X is None or second.X is None or len(rows[0]) < 10:
        return []
    some = np.linspace(0, len(rows[0]) - 1, min(len(rows[0]), _CHECKED)).astype(int)
    totals = [
        np.asarray(adata[row[some], genes].X.sum(axis=1), float).ravel()
        for adata, row in zip((first, second), rows, strict=True)
    ]
    if min(np.ptp(total) for total in totals) == 0:
        return []
    one, two = (pd.Series(total).rank().to_numpy() for total in totals)
    if float(np.corrcoef(one, two)[0, 1]) >= _ALIKE:
        return []
    return ["Cells with the same name have different counts: they may be different cells."]


def lies_on_own_slide(settings: Mapping[str, Any]) -> bool | None:
    """Return whether placed cells were registered to the slide on which they were measured.

    Parameters
    ----------
    settings
        Of the record of the run. Without the name of the cells it is not known: None.
    """
    query, onto = settings.get("query"), settings.get("onto")
    return None if query is None else onto is not None and onto == query


def measured_places(adata: AnnData) -> AnnData:
    """Return the places that the cells of a placed result had before, as a table."""
    ours = adata.uns.get(OURS, {})
    known = {key: ours[key] for key in ("unit", "um_per_unit") if key in ours}
    scale = ours.get("before", {"unit": "unit"} | known)
    before = AnnData(obs=adata.obs[[]], uns={OURS: dict(scale)})
    before.obsm[SPATIAL] = np.asarray(adata.obsm[BEFORE], float)[:, :2]
    return before
