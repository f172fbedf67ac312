"""gimVI (Lopez et al. 2019) of scvi-tools: a joint model of cells and spots imputes genes."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers.base import Peer, genes_of, needs_counts


class GimVI(Peer):
    """Spots are decoded as cells; values are log-normalized to the slide's median total."""

    OPTIONS: ClassVar[dict[str, Any]] = {"max_epochs": 200}

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Train on both tables and decode the hidden genes of each spot."""
        import scvi
        from scvi.external import GIMVI

        scvi.settings.seed = seed
        slide, cells, genes = part.tables["slide"], part.tables["reference"], part.asked["genes"]
        for table in (slide, cells):
            needs_counts(table, self.info.title)
        both = [gene for gene in slide.var_names if gene in set(cells.var_names)]
        spots, cells = slide[:, both].copy(), cells[:, [*both, *genes]].copy()
        cells = cells[np.asarray(cells.X.sum(axis=1)).ravel() > 0].copy()
        kept = np.asarray(spots.X.sum(axis=1)).ravel() > 0
        for table in (spots, cells):
            GIMVI.setup_anndata(table)
        model = GIMVI(cells, spots[kept].copy() if not kept.all() else spots)
        model.train(max_epochs=int(self.options["max_epochs"]))
        shares = np.asarray(model.get_imputed_values(normalized=True)[1])[:, -len(genes) :]
        total = float(np.median(np.asarray(slide.X.sum(axis=1)).ravel()))
        values = np.zeros((slide.n_obs, len(genes)))
        values[kept] = np.log1p(shares * total)
        return genes_of(slide, values, list(genes))
