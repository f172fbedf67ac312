"""novoSpaRc (Nitzan et al. 2019; Moriel et al. 2021): cells transported to places."""

from __future__ import annotations

import contextlib
import io
from typing import Any, ClassVar

import numpy as np
from anndata import AnnData

from napari_spatialrecon.comparison.peers.base import (
    Array,
    Transport,
    normalised,
    on_shared_genes,
)

#: Genes of largest variance that distances between cells are measured in.
VARYING = 2000


class NovoSpaRc(Transport):
    """Settings of its tutorial with an atlas; the slide is the atlas."""

    OPTIONS: ClassVar[dict[str, Any]] = {"neighbors": 5, "alpha_linear": 0.8, "epsilon": 5e-3}

    def transport(self, cells: AnnData, spots: AnnData) -> tuple[Array, AnnData]:
        """Return the plan and the logarithms; see `Transport.transport`."""
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
