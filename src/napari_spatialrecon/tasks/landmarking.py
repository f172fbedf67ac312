"""Refining a placed result by landmarks, without its method: dp-VAE eq. 6-7."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.geometry.solver.bending import apply_bend
from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tasks.placement_trust import belonging
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract, slots
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata

COVERED = (
    "Expected errors and 90% radii are those of the placement before the landmarks, in the new "
    "scale, and 0 at hard landmarks: what the landmarks add is not in them."
)
"""What is said of the stated errors of cells that landmarks moved."""


@dataclass(frozen=True)
class LandmarkResult:
    """Result of `move_by_landmarks`.

    Parameters
    ----------
    adata
        A copy with the cells moved; its landmarks stand in ``uns["spatialrecon"]["landmarks"]``.
    record
        The run.
    """

    adata: AnnData
    record: provenance.RunRecord

    def write(self, path: str | Path, *, add: bool = False) -> tuple[Path, Path]:
        """Write the cells as h5ad or SpatialData zarr, the record beside it; return both paths.

        `add` adds them to the SpatialData zarr in `path`. A zarr holds all of the SpatialData that
        the task was given as well.
        """
        return write_result(path, self.adata, self.record, add=add)


@takes_spatialdata
def move_by_landmarks(
    placed: Table,
    landmarks: Landmarks,
    *,
    bend: bool = False,
    name: str = "placed",
    reporter: Reporter | None = None,
) -> LandmarkResult:
    """Update the placement of a result, given the known positions of some cells.

    The distances of ``obsm["X_layout"]``, whatever method made it, are kept as well as the
    landmarks allow (eqs. 6-7 of the dp-VAE paper), the scale refitted to them.

    Parameters
    ----------
    placed
        A result of any placing method; not changed.
    landmarks
        Rows of `placed`, and places (x, y) in the frame and unit of its ``obsm["spatial"]``.
    bend
        Whether the smooth residual of dense landmarks moves the cells too
        (`geometry.bending.residual_field`).
    name
        Name of the table in messages and in the record.
    reporter
        Receives the steps of the solver; may stop it.

    Returns
    -------
    LandmarkResult
        The moved cells; `write` saves them.

    Raises
    ------
    InputError
        There is no layout, or a landmark is not one of the cells.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> known = sr.read_landmarks("known.csv", placed.obs_names)  # doctest: +SKIP
    >>> sr.move_by_landmarks(placed, known).write("moved.h5ad")  # doctest: +SKIP
    """
    layout = layout_of(placed, name)
    reporter = reporter or Reporter()
    record = provenance.RunRecord("move-by-landmarks", "dp-VAE eq. 6-7", {"bend": bend}, 0)
    record.inputs = {name: provenance.fingerprint(placed.obs_names, layout)}
    scale = fit_scale(layout, landmarks, trained=1.0)
    solver = PlaceSolver(layout, reporter=reporter)
    solution = solver.solve(landmarks, scale=scale, reporter=reporter)
    places = apply_bend(solution.places, layout, landmarks) if bend else solution.places
    record.metrics = {"stress": solution.stress, "scale": scale}
    record.warnings += [text for _, text in belonging(placed)]
    if slots.EXPECTED in placed.obs:
        record.notes = [COVERED]
    known = np.asarray(placed.obs_names)[landmarks.indices].astype(str)
    record.settings["landmarks"] = {
        str(cell): [float(x), float(y)]
        for cell, (x, y) in zip(known, landmarks.places, strict=True)
    }
    moved = placed.copy()
    moved.obsm[slots.BEFORE] = contract.coordinates(placed)
    moved.obsm[slots.SPATIAL] = places
    for column in (slots.EXPECTED, slots.UNCERTAINTY):
        if column in moved.obs:
            spread = moved.obs[column].to_numpy(float, copy=True) / scale
            spread[landmarks.indices[landmarks.hard]] = 0.0
            moved.obs[column] = spread
    pose = fit_pose(layout, places)
    ours = dict(placed.uns.get(slots.OURS, {}))
    ours["pose"] = {k: np.asarray(v) for k, v in pose.to_dict().items()}
    ours[slots.LANDMARKS] = {
        "obs_name": known.astype(object),
        "x": landmarks.places[:, 0],
        "y": landmarks.places[:, 1],
        "hard": landmarks.hard,
        "weight": landmarks.weights,
        "provenance": json.dumps(record.provenance(), sort_keys=True),
    }
    moved.uns[slots.OURS] = ours
    return LandmarkResult(moved, record)


def layout_of(placed: AnnData, name: str) -> np.ndarray:
    """Return the layout of a result before its pose, (n, 2), in the unit of its places.

    Raises
    ------
    InputError
        The table has none.
    """
    if slots.LAYOUT not in placed.obsm:
        raise InputError(
            f'Expected placed cells with obsm["{slots.LAYOUT}"], found none.',
            remedy="Try a result of Place cells, or a file that it saved.",
            where=name,
        )
    return np.asarray(placed.obsm[slots.LAYOUT], float)


def stored_landmarks(placed: AnnData) -> Landmarks | None:
    """Return the landmarks that a result holds, as rows of its cells; None without any.

    Landmarks of missing cells are excluded; if fewer than 3 remain, the result is None.
    """
    ours = placed.uns.get(slots.OURS)
    content = ours.get(slots.LANDMARKS) if isinstance(ours, Mapping) else None
    if not isinstance(content, Mapping):
        return None
    rows = placed.obs_names.get_indexer(np.asarray(content["obs_name"]).astype(str))
    kept = rows >= 0
    places = np.column_stack([content["x"], content["y"]])[kept]
    try:
        return Landmarks(
            rows[kept],
            places,
            np.asarray(content["hard"], bool)[kept],
            np.asarray(content["weight"], float)[kept],
        )
    except InputError:
        return None
