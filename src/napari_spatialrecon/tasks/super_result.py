"""Result of super-resolution: a table of sub-spots, pictures of genes, and the record."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon import provenance
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.super_resolution.base import SuperResolution
from napari_spatialrecon.tasks.verdicts import split_verdict
from napari_spatialrecon.tasks.writing import write_result
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.gene_lookup import find_genes
from napari_spatialrecon.tissue.images import Histology, tissue_mask
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.sdata.source import carried
from napari_spatialrecon.tissue.slots import OURS, PARENT, SPATIAL, SPREAD
from napari_spatialrecon.tissue.subspot_picture import SubSpotPicture, subspot_picture
from napari_spatialrecon.tissue.subspots import SubSpots, parse_factor, split_spots


@dataclass(frozen=True)
class SuperResult:
    """Result of `super_resolve`.

    Parameters
    ----------
    adata
        One row per sub-spot: ``X`` counts that sum to the spot's, ``obsm["spatial"]``,
        ``obs["parent"]``, ``layers["spread"]`` where the method drew.
    parts
        Where the parts of the spots with counts lie.
    method
        The fitted method.
    record
        The run; ``record.metrics["fd"]`` is the fractional deviation.
    notes
        Messages for the user.
    """

    adata: AnnData
    parts: SubSpots
    method: SuperResolution
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())

    @property
    def fd(self) -> float:
        """Fractional deviation of the sums of the parts from the counts of the spots."""
        return self.record.metrics["fd"]

    @property
    def verdict(self) -> str:
        """Whether counts were conserved, and whether anything was gained over an even split."""
        return split_verdict(self.record.metrics).beside(self.record.warnings).text

    @cached_property
    def filled(self) -> np.ndarray:
        """Rows of `adata` whose spot has counts, in the order of `parts`."""
        return np.flatnonzero(self.adata.obs["has_counts"].to_numpy())

    def picture(
        self, histology: Histology | None = None, units_per_pixel: float | None = None
    ) -> SubSpotPicture:
        """Return what lays a gene on pixels, masked by the tissue of the H&E where it is given."""
        mask, units = None, 1.0
        if histology is not None:
            thumbnail, units = histology.thumbnail()
            mask = tissue_mask(thumbnail)
        return subspot_picture(self.parts, units_per_pixel, mask, units)

    def values(self, gene: str, layer: str | None = None) -> np.ndarray:
        """Return a gene's counts (or another layer) in the order of `parts`, (n * K,) float32.

        Raises
        ------
        InputError
            The gene was not split.
        """
        at = int(find_genes(self.adata.var, [gene], "those that were split")[0])
        matrix = self.adata.X if layer is None else self.adata.layers[layer]
        column = self._columns[layer or ""] if (layer or "") in self._columns else matrix.tocsc()
        self._columns[layer or ""] = column
        found = column[:, [at]].toarray().ravel()
        return np.asarray(found[self.filled], dtype=np.float32)

    @cached_property
    def _columns(self) -> dict[str, Any]:
        return {}

    def write(self, path: str | Path, *, add: bool = False) -> tuple[Path, Path]:
        """Write the sub-spots as h5ad or SpatialData zarr, the record beside it; return both paths.

        `add` adds them to the SpatialData zarr in `path`. A zarr holds all of the SpatialData that
        the task was given as well.
        """
        return write_result(path, self.adata, self.record, add=add)


def laid_out(
    slide: AnnData,
    prepared: Prepared,
    parts: SubSpots,
    genes: np.ndarray,
    values: csr_matrix,
    spread: csr_matrix | None,
    record: provenance.RunRecord,
) -> AnnData:
    """Return the table of sub-spots of all spots, those without counts included."""
    n_parts = len(parts.offsets)
    kept = np.repeat(prepared.kept, n_parts)
    points = contract.coordinates(slide)
    parents = np.repeat(slide.obs_names.to_numpy().astype(str), n_parts)
    numbers = np.tile(np.arange(1, n_parts + 1), len(points)).astype(str)
    names = pd.Index([f"{p}-{k}" for p, k in zip(parents, numbers, strict=True)], dtype=object)
    obs = pd.DataFrame({PARENT: parents, "has_counts": kept}, index=names)
    adata = AnnData(_widened(values, kept), obs=obs, var=prepared.adata.var.iloc[genes].copy())
    if spread is not None:
        adata.layers[SPREAD] = _widened(spread.astype(np.float32), kept)
    adata.obsm[SPATIAL] = (points[:, None] + parts.offsets).reshape(-1, 2)
    if SPATIAL in slide.uns:
        adata.uns[SPATIAL] = slide.uns[SPATIAL]
    own: dict[str, Any] = {
        **scale_slots(contract.unit(slide), contract.um_per_unit(slide)),
        "provenance": json.dumps(record.provenance(), sort_keys=True),
        "part_size": parts.size,
        "factor": str(parts.factor),
        **carried(slide),
    }
    adata.uns[OURS] = own
    return adata


def stored_parts(adata: AnnData) -> SubSpots:
    """Return the parts of the spots with counts from a table of sub-spots that was written.

    Raises
    ------
    InputError
        The table is none of `super_resolve`.
    """
    own = contract.section(adata.uns, OURS)
    if "factor" not in own or "part_size" not in own or "has_counts" not in adata.obs:
        raise InputError(
            "Expected the parts of spots, found a table that was not split.",
            remedy="Try a result of super-resolve.",
        )
    factor, size = parse_factor(str(own["factor"])), float(own["part_size"])
    filled = adata.obs["has_counts"].to_numpy(bool)
    places = contract.coordinates(adata)[filled].reshape(-1, factor.parts, 2)
    points = places.mean(axis=1)
    offsets = places[0] - points[0]
    round_one = 2 * size / float(np.sqrt(np.pi / factor.parts))
    for diameter in (None, round_one):
        try:
            made = split_spots(find_lattice(points, diameter), factor)
        except InputError:
            continue
        if np.allclose(made.offsets, offsets, atol=0.01 * size):
            return made
    lattice = find_lattice(points, round_one)
    steps = offsets @ np.linalg.inv(lattice.basis)
    return SubSpots(lattice, factor, steps, offsets, size)


def _widened(values: csr_matrix, kept: np.ndarray) -> csr_matrix:
    """Return the rows where `kept`, with empty rows between."""
    if kept.all():
        return values
    lengths = np.zeros(len(kept), dtype=np.int64)
    lengths[kept] = np.diff(values.indptr)
    start = np.concatenate([[0], np.cumsum(lengths)])
    return csr_matrix((values.data, values.indices, start), shape=(len(kept), values.shape[1]))
