"""novoSpaRc (Nitzan et al. 2019; Moriel et al. 2021): cells transported to places."""

from __future__ import annotations

import contextlib
import io
from typing import Any, ClassVar

import numpy as np
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

#: Genes of largest variance that distances between cells are measured in.
VARYING = 2000


class NovoSpaRc(Peer):
    """Settings of its tutorial with an atlas; the slide is the atlas."""

    OPTIONS: ClassVar[dict[str, Any]] = {"neighbors": 5, "alpha_linear": 0.8, "epsilon": 5e-3}

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Transport the cells, and read the transport out."""
        if task == "place":
            cells, spots = part.tables["query"], one_slide(part.references)
            return placed(cells, self._transport(cells, spots)[0], spots)
        genes = list(part.asked["genes"])
        cells, spots = part.tables["reference"], part.tables["slide"]
        plan, logs = self._transport(cells, spots)
        return genes_of(spots, plan.T @ logs[:, genes].X, genes)

    def _transport(self, cells: AnnData, spots: AnnData) -> Any:
        import novosparc

        logs, slide = normalised(cells), normalised(spots)
        seen, atlas = on_shared_genes(logs, slide)
        markers = [logs.var_names.get_loc(gene) for gene in seen.var_names]
        dense, known = (
            a.X.toarray() if hasattr(a.X, "toarray") else np.asarray(a.X) for a in (logs, atlas)
        )
        varying = np.argsort(-dense.var(axis=0))[:VARYING]
        near = int(self.options["neighbors"])
        with contextlib.redirect_stdout(io.StringIO()):
            tissue = novosparc.cm.Tissue(
                dataset=AnnData(dense), locations=np.asarray(spots.obsm["spatial"], float)
            )
            tissue.setup_smooth_costs(dense[:, varying], near, near, verbose=False)
            tissue.setup_linear_cost(markers, known)
            tissue.reconstruct(
                alpha_linear=float(self.options["alpha_linear"]),
                epsilon=float(self.options["epsilon"]),
                verbose=False,
            )
        return np.asarray(tissue.gw, float), logs
