"""Tangram (Biancalani et al. 2021): a soft assignment of cells to spots by gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers.base import (
    Peer,
    genes_of,
    mixture_of,
    normalised,
    one_slide,
    placed,
)


class Tangram(Peer):
    """Cells are placed at the mean of their spots, types summed, genes transferred."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "mode": "cells",
        "genes": 2000,
        "num_epochs": 1000,
        "density_prior": "",
        "device": "cpu",
    }

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Map the cells, and read the map out."""
        if task == "place":
            cells, spots = part.tables["query"], one_slide(part.references)
        else:
            cells, spots = part.tables["reference"], part.tables["slide"]
        weights, logs = self._map(cells, spots, task, seed)
        if task == "place":
            return placed(cells, weights, spots)
        if task == "impute-genes":
            genes = list(part.asked["genes"])
            return genes_of(spots, weights.T @ logs[:, genes].X, genes)
        labels = pd.get_dummies(cells.obs[part.asked["labels"]].astype(str), dtype=float)
        shares = pd.DataFrame(weights.T @ labels.to_numpy(), spots.obs_names, labels.columns)
        return mixture_of(spots, shares)

    def _map(self, cells: AnnData, spots: AnnData, task: str, seed: int) -> Any:
        import tangram

        logs, slide = normalised(cells), normalised(spots)
        logs.X, slide.X = (
            a.X.toarray() if hasattr(a.X, "toarray") else np.asarray(a.X) for a in (logs, slide)
        )
        mapped, most = logs.copy(), int(self.options["genes"])
        genes = varying([g for g in slide.var_names if g in set(mapped.var_names)], slide, most)
        tangram.pp_adatas(mapped, slide, genes=genes, gene_to_lowercase=False)
        # Each spot counts the same where spots are cells or have no totals.
        prior = "uniform" if task == "impute-genes" else "rna_count_based"
        found = tangram.map_cells_to_space(
            mapped,
            slide,
            mode=self.options["mode"],
            device=self.options["device"],
            num_epochs=int(self.options["num_epochs"]),
            density_prior=self.options["density_prior"] or prior,
            random_state=seed + 1,  # Tangram takes 0 for no seed
            verbose=False,
        )
        return np.asarray(found.X, float), logs


def varying(genes: list[str], slide: AnnData, most: int) -> list[str]:
    """Return the genes of largest variance on a slide; its tutorial maps by as many markers."""
    spread = np.asarray(slide[:, genes].X).var(axis=0)
    return [genes[i] for i in np.sort(np.argsort(-spread, kind="stable")[:most])]
