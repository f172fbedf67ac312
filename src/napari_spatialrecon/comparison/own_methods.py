"""A method of this package as a contestant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.methods.registry import MethodInfo
from napari_spatialrecon.provenance import versions
from napari_spatialrecon.tasks.deconvolving import deconvolve
from napari_spatialrecon.tasks.imputing import impute_genes
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tasks.super_resolving import super_resolve
from napari_spatialrecon.tissue.contract import um_per_unit, unit
from napari_spatialrecon.tissue.micrometres import scale_slots
from napari_spatialrecon.tissue.slots import (
    EXPECTED,
    GEOMETRY,
    LOWER,
    OURS,
    PARENT,
    PROPORTIONS,
    SPATIAL,
    SPREAD,
    UNCERTAINTY,
    UPPER,
)


class OwnMethod:
    """A method with a preset and settings, called as its task is."""

    def __init__(self, info: MethodInfo, preset: str, values: Sequence[str]) -> None:
        self.info, self.preset, self.values = info, preset, list(values)
        self.config = info.config().preset(preset).with_text(self.values)

    def load(self) -> None:
        """Import the method."""
        self.info.method()

    def versions(self) -> dict[str, str]:
        """Return the versions of this package and of what it computes with."""
        return versions()

    def settings(self, seed: int) -> dict[str, Any]:
        """Return preset, what differs from it, and the seed."""
        return {"preset": self.preset, "values": self.values, "seed": seed}

    def run(self, task: str, part: Part, seed: int) -> AnnData:
        """Call the task; return of its result what is scored and drawn."""
        tables, asked = part.tables, part.asked
        given: dict[str, Any] = {"method": self.info.name, "config": self.config, "seed": seed}
        if task == "place":
            found = place(part.references, tables["query"], **given).adata
            return _slim(found, obsm=(GEOMETRY, SPATIAL), obs=(EXPECTED, UNCERTAINTY))
        if task == "impute-genes":
            return impute_genes(tables["slide"], tables["reference"], asked["genes"], **given).adata
        if task == "deconvolve":
            found = deconvolve(tables["slide"], tables["reference"], asked["labels"], **given).adata
            return _slim(found, obsm=(PROPORTIONS, LOWER, UPPER))
        return _counted(super_resolve(tables["slide"], asked["factor"], **given).adata)


def _slim(adata: AnnData, obsm: Sequence[str] = (), obs: Sequence[str] = ()) -> AnnData:
    made = AnnData(obs=adata.obs[[name for name in obs if name in adata.obs]].copy())
    for key in obsm:
        if key in adata.obsm:
            made.obsm[key] = adata.obsm[key]
    made.uns[OURS] = scale_slots(unit(adata), um_per_unit(adata))
    return made


def _counted(adata: AnnData) -> AnnData:
    made = AnnData(adata.X, obs=adata.obs[[PARENT]].copy(), var=adata.var[[]].copy())
    made.obsm[SPATIAL] = adata.obsm[SPATIAL]
    if SPREAD in adata.layers:
        made.layers[SPREAD] = adata.layers[SPREAD]
    return made
