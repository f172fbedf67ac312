"""Result of a placement: annotated cells and the record of the run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.methods.placement.base import Placement, PlacementMethod
from napari_spatialrecon.tasks.stated import calibration_metrics, stated_words, supported
from napari_spatialrecon.tasks.verdicts import placement_verdict
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.backed import in_memory
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.sdata.source import carried
from napari_spatialrecon.tissue.slots import (
    BEFORE,
    DISTANCES,
    EXPECTED,
    GEOMETRY,
    LAYOUT,
    MAPPING,
    OURS,
    SPATIAL,
    UNCERTAINTY,
)


@dataclass(frozen=True)
class PlaceResult:
    """Result of `place` and `impute_locations`.

    Parameters
    ----------
    adata
        The query's cells with ``obsm["spatial"]``, ``obsm["X_layout"]``,
        ``obs["placement_uncertainty"]``, diagnostics of each cell in ``obs``; if available,
        ``obsm["X_geometry"]``, ``obsm["mapping"]`` (the likeliest spots of each cell) and
        ``obsp["stitched_distances"]``, and the provenance in ``uns["spatialrecon"]``.
    placement
        The same data as arrays.
    method
        The fitted method; ``method.save(folder)`` saves it.
    record
        The run: ``record.write("run.json")``.
    notes
        Messages for the user.
    """

    adata: AnnData
    placement: Placement
    method: PlacementMethod
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())

    def write(self, path: str | Path, *, add: bool = False) -> tuple[Path, Path]:
        """Write the cells as h5ad or SpatialData zarr, the record beside it; return both paths.

        `add` adds them to the SpatialData zarr in `path`. A zarr holds all of the SpatialData that
        the task was given as well.
        """
        return write_result(path, self.adata, self.record, add=add)

    @property
    def verdict(self) -> str:
        """Median error on held-out spots beside the baseline's, and the cells' expected error."""
        known = placement_verdict(self.method.held_out).text
        said = [known, stated_words(self.record.metrics), *self.record.warnings]
        return " ".join(filter(None, said))


class Frame(NamedTuple):
    """Unit and scale of placed coordinates, and the slide that they lie on: its H&E goes along."""

    unit: str
    um_per_unit: float | None
    shown: AnnData | None


def placed(
    record: provenance.RunRecord,
    method: PlacementMethod,
    placement: Placement,
    query: AnnData,
    prepared: Sequence[Prepared],
    frame: Frame,
) -> PlaceResult:
    """Return the annotated cells with the record of their run, after completing it.

    Parameters
    ----------
    prepared
        The slides and, last, the cells.
    frame
        Where they lie.
    """
    unit, um_per_unit, shown = frame
    placement, rests_on = supported(
        placement, record.settings.get("spatial_signal", {}), method.held_out
    )
    notes = (
        *(note for table in prepared for note in table.notes),
        *method.reference.space.notes,
        *placement.notes,
        rests_on,
    )
    record.notes = list(notes)
    record.metrics |= placement.diagnostics | calibration_metrics(placement, um_per_unit)
    record.warnings = [*record.warnings, *placement.warnings]
    image = shown.uns.get(SPATIAL) if shown is not None else None
    adata = annotate(
        query,
        prepared[-1],
        placement,
        record,
        unit=unit,
        um_per_unit=um_per_unit,
        uns={} if image is None else {SPATIAL: image},
        slides=prepared[:-1],
        origin=carried(shown),
    )
    return PlaceResult(adata, placement, method, record, notes)


def annotate(
    query: AnnData,
    cells: Prepared,
    placement: Placement,
    record: provenance.RunRecord,
    *,
    unit: str,
    um_per_unit: float | None,
    uns: dict[str, Any],
    slides: Sequence[Prepared] = (),
    origin: Mapping[str, Any] = MappingProxyType({}),
) -> AnnData:
    """Return a copy of the query's usable cells with positions in the usual AnnData slots.

    Coordinates that the query had are kept in ``obsm["spatial_before"]``, their unit and scale in
    ``uns["spatialrecon"]["before"]``.

    Parameters
    ----------
    uns
        Slots of the slide that the cells now lie on (its H&E), so that scanpy and squidpy draw it.
    slides
        Slides that the method was fitted on, whose spots a mapping refers to.
    origin
        Slot that says of which SpatialData object's frame that slide is; see `sdata.source`.
    """
    placed = in_memory(query, cells.kept)
    before = {}
    if SPATIAL in placed.obsm:
        placed.obsm[BEFORE] = placed.obsm[SPATIAL]
        before = {"before": scale_slots(contract.unit(query), contract.um_per_unit(query))}
    placed.obsm[SPATIAL] = placement.coordinates
    placed.obsm[LAYOUT] = placement.layout
    placed.obs = placed.obs.drop(columns=[EXPECTED, UNCERTAINTY], errors="ignore")
    if placement.stated is not None:
        placed.obs[EXPECTED] = placement.stated.expected
        placed.obs[UNCERTAINTY] = placement.stated.radius
    for name, values in placement.per_cell.items():
        placed.obs[name] = values
    if placement.geometry is not None:
        placed.obsm[GEOMETRY] = placement.geometry
    if placement.distances is not None:
        placed.obsp[DISTANCES] = placement.distances
    if placement.mapping is not None:
        placed.obsm[MAPPING] = placement.mapping
    placed.uns.pop(SPATIAL, None)
    placed.uns |= uns
    own: dict[str, Any] = {
        **scale_slots(unit, um_per_unit),
        "provenance": json.dumps(record.provenance(), sort_keys=True),
        "pose": {k: np.asarray(v) for k, v in placement.pose.to_dict().items()},
        "diagnostics": {k: float(v) for k, v in placement.diagnostics.items()},
        **origin,
        **before,
    }
    if placement.per_patch:
        own["patches"] = {k: np.asarray(v) for k, v in placement.per_patch.items()}
    if placement.mapping is not None and slides:
        own["mapping_spots"] = np.concatenate([s.adata.obs_names.to_numpy(str) for s in slides])
        own["mapping_slides"] = np.repeat([s.name for s in slides], [s.adata.n_obs for s in slides])
    placed.uns[OURS] = own
    return placed
