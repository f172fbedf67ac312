"""cell2location (Kleshchevnikov et al. 2022): a Bayesian model of abundances."""

from __future__ import annotations

from typing import Any, ClassVar

from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import Part
from napari_spatialrecon.comparison.peers.base import (
    Peer,
    mixture_of,
    needs_counts,
    on_shared_genes,
)


class Cell2Location(Peer):
    """Settings of its tutorial; shares are of the 5% quantile of abundances, as it advises."""

    OPTIONS: ClassVar[dict[str, Any]] = {
        "epochs_cells": 250,
        "epochs_spots": 30000,
        "detection_alpha": 20,
        "samples": 1000,
    }

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Fit the types' profiles, then the spots."""
        import scvi
        from cell2location.models import Cell2location, RegressionModel

        scvi.settings.seed = seed
        cells, spots = on_shared_genes(part.tables["reference"], part.tables["slide"])
        needs_counts(spots, self.info.title)
        drawn = {"num_samples": int(self.options["samples"]), "batch_size": 2500}
        RegressionModel.setup_anndata(cells, labels_key=part.asked["labels"])
        profiles = RegressionModel(cells)
        profiles.train(max_epochs=int(self.options["epochs_cells"]))
        cells = profiles.export_posterior(cells, sample_kwargs=drawn)
        names = [f"means_per_cluster_mu_fg_{n}" for n in cells.uns["mod"]["factor_names"]]
        means = cells.varm["means_per_cluster_mu_fg"][names]
        means.columns = cells.uns["mod"]["factor_names"]
        Cell2location.setup_anndata(spots)
        model = Cell2location(
            spots,
            cell_state_df=means,
            N_cells_per_location=part.asked.get("cells_per_spot", 30),
            detection_alpha=float(self.options["detection_alpha"]),
        )
        model.train(max_epochs=int(self.options["epochs_spots"]), batch_size=None, train_size=1)
        drawn["batch_size"] = spots.n_obs
        found = model.export_posterior(spots, sample_kwargs=drawn)
        shares = found.obsm["q05_cell_abundance_w_sf"]
        shares.columns = [c.removeprefix("q05cell_abundance_w_sf_") for c in shares.columns]
        return mixture_of(spots, shares)
