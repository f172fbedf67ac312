"""Impute genes: maps of genes missing from the slide, and their reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.impute_genes.inputs import GeneInputs
from napari_spatialrecon.viewer.impute_genes.job import Imputed
from napari_spatialrecon.viewer.impute_genes.layers import GeneLayers
from napari_spatialrecon.viewer.impute_genes.model import GeneModel
from napari_spatialrecon.viewer.impute_genes.panel import GenePanel
from napari_spatialrecon.viewer.task.result_layers import set_locked
from napari_spatialrecon.viewer.task.table_result_widget import TableResultWidget
from napari_spatialrecon.viewer.workspace.results import Result

if TYPE_CHECKING:
    import pandas as pd
    from napari.layers import Points
    from napari.viewer import Viewer


class ImputeGenes(TableResultWidget[GeneModel, Imputed]):
    """The widget Impute genes of one viewer."""

    model_class = GeneModel
    inputs_class = GeneInputs
    row_name = "gene"
    curves_tip = "Error of the network on held-out genes."

    def __init__(self, napari_viewer: Viewer) -> None:
        self.genes = GenePanel()
        self.layers: GeneLayers | None = None
        super().__init__(napari_viewer)
        self.result.color_by.hide()
        self.genes.shown.connect(self.show_gene)
        self.genes.compared.connect(self._compare)
        self.genes.doubted.connect(self._doubt)
        self.genes.pictured.connect(self._picture)
        self.genes.save.connect(self.ask_for_table)

    def more_parts(self) -> list[QWidget]:
        """Return the genes."""
        return [self.genes]

    def show_layer(self, outcome: Imputed) -> Points:
        """Show a gene on the spots of the slide."""
        gene = self.layers.gene if self.layers is not None else ""
        ground = self.ground
        self.layers = GeneLayers(
            self.viewer,
            outcome,
            self.model.result_name,
            spots=ground.spots,
            diameter_um=ground.diameter_um,
            image=ground.image,
            frame=ground.frame,
        )
        ground.hide_spots()
        self.genes.show_outcome(outcome)
        self.show_gene(gene if gene in outcome.adata.var_names else outcome.first_gene)
        return self.layers.main

    def show_reopened(self, outcome: Imputed, result: Result) -> None:
        """Choose among the genes of the result."""
        if isinstance(result.drawn, GeneLayers):
            self.layers = result.drawn
            self.genes.show_outcome(outcome)
            self._tell(self.layers.gene)

    def show_gene(self, gene: str) -> None:
        """Show another gene."""
        if self.layers is None:
            return
        outcome = self.layers.outcome
        from napari_spatialrecon.tissue.gene_lookup import lookup

        at = int(lookup(outcome.adata.var, [gene])[0])
        name = str(outcome.adata.var_names[at])
        if at < 0:
            error = f"Expected a gene of this run, found {gene!r}."
            remedy = "Try typing part of its name, or run again with it in the list."
            self.panel.refuse(InputError(error, remedy=remedy))
            self.genes.gene.show_name(self.layers.gene)
            return
        self.panel.notice.clear()
        self.layers.show(name)
        self._tell(name)

    def _tell(self, gene: str) -> None:
        """Say how reliable the gene that is shown is."""
        assert self.layers is not None, "told of a result"
        outcome = self.layers.outcome
        held_out = outcome.measured(gene) is not None
        self.genes.show_gene(gene, outcome.sentence(gene), held_out=held_out)

    def result_table(self) -> pd.DataFrame:
        """Return the genes of the last run."""
        outcome = self.model.outcome
        assert outcome is not None, "a table is saved after a run"
        return outcome.genes

    def _compare(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.compare(on)
            show_tissue(self.viewer)

    def _doubt(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.show_spread(on)

    def _picture(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.show_image(on)

    def _lock(self, locked: bool) -> None:
        if self.layers is not None and self.layers.main in self.viewer.layers:
            set_locked(self.layers.main, locked)
