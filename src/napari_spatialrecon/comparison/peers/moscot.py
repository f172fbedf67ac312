"""moscot (Klein et al. 2025): its mapping problem, cells transported to spots."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import scanpy
from anndata import AnnData

from napari_spatialrecon.comparison.peers.base import (
    Array,
    Transport,
    normalised,
    on_shared_genes,
)


class Moscot(Transport):
    """Fused Gromov-Wasserstein transport with the weights that are moscot's defaults."""

    OPTIONS: ClassVar[dict[str, Any]] = {"alpha": 0.5, "epsilon": 0.01, "components": 30}

    def weights(self, plan: Array) -> Array:
        """Return the share of each cell in each spot: (n_cells, n_spots), columns sum to 1."""
        return np.asarray(plan / np.maximum(plan.sum(axis=0, keepdims=True), 1e-300), float)

    def transport(self, cells: AnnData, spots: AnnData) -> tuple[Array, AnnData]:
        """Return the plan and the logarithms; see `Transport.transport`."""
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
