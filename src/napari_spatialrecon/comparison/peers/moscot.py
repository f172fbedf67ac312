"""moscot (Klein et al. 2025): its mapping problem, cells transported to spots."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scanpy
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers.base import (
    Peer,
    genes_of,
    normalised,
    on_shared_genes,
    one_slide,
    placed,
)


class Moscot(Peer):
    """Fused Gromov-Wasserstein transport with the weights that are moscot's defaults."""

    OPTIONS: ClassVar[dict[str, Any]] = {"alpha": 0.5, "epsilon": 0.01, "components": 30}

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Transport the cells, and read the transport out."""
        if task == "place":
            cells, spots = part.tables["query"], one_slide(part.references)
            return placed(cells, self._transport(cells, spots)[0], spots)
        genes = list(part.asked["genes"])
        cells, spots = part.tables["reference"], part.tables["slide"]
        plan, logs = self._transport(cells, spots)
        weights = plan / np.maximum(plan.sum(axis=0, keepdims=True), 1e-300)
        return genes_of(spots, weights.T @ logs[:, genes].X, genes)

    def _transport(self, cells: AnnData, spots: AnnData) -> Any:
        from moscot.problems.space import MappingProblem

        logs, slide = normalised(cells), normalised(spots)
        seen, known = on_shared_genes(logs, slide)
        size = min(int(self.options["components"]), min(*seen.shape, *known.shape) - 1)
        scanpy.pp.pca(seen, n_comps=size)
        known.obsm["spatial"] = np.asarray(spots.obsm["spatial"], float)
        problem = MappingProblem(adata_sc=seen, adata_sp=known).prepare(
            sc_attr={"attr": "obsm", "key": "X_pca"}, xy_callback="local-pca"
        )
        problem = problem.solve(
            alpha=float(self.options["alpha"]), epsilon=float(self.options["epsilon"])
        )
        plan = np.asarray(next(iter(problem.solutions.values())).transport_matrix, float)
        return (plan if plan.shape[0] == cells.n_obs else plan.T), logs
