"""Stereoscope (Andersson et al. 2020) of scvi-tools: a negative binomial model of mixtures."""

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


class Stereoscope(Peer):
    """Epochs are the defaults of scvi-tools."""

    OPTIONS: ClassVar[dict[str, Any]] = {"epochs_cells": 400, "epochs_spots": 400}

    def solve(self, task: str, part: Part, seed: int) -> AnnData:
        """Fit the types' profiles, then the spots."""
        import scvi
        from scvi.external import RNAStereoscope, SpatialStereoscope

        scvi.settings.seed = seed
        cells, spots = on_shared_genes(part.tables["reference"], part.tables["slide"])
        needs_counts(spots, self.info.title)
        RNAStereoscope.setup_anndata(cells, labels_key=part.asked["labels"])
        profiles = RNAStereoscope(cells)
        profiles.train(max_epochs=int(self.options["epochs_cells"]))
        SpatialStereoscope.setup_anndata(spots)
        model = SpatialStereoscope.from_rna_model(spots, profiles)
        model.train(max_epochs=int(self.options["epochs_spots"]))
        return mixture_of(spots, model.get_proportions())
