"""Impute genes: maps of genes that the slide never measured, and how far to believe them."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.impute_genes.inputs import GeneInputs
from napari_spatialrecon.viewer.impute_genes.job import GeneJob, Imputed
from napari_spatialrecon.viewer.impute_genes.layers import GeneLayers
from napari_spatialrecon.viewer.impute_genes.model import GeneModel
from napari_spatialrecon.viewer.impute_genes.panel import GenePanel
from napari_spatialrecon.viewer.task.result_layers import set_locked
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.tables import histology_of


class ImputeGenes(TaskWidget):
    """The widget Impute genes of one viewer."""

    model: GeneModel
    model_class = GeneModel
    inputs_class = GeneInputs
    curves_tip = "The error of the network on genes that were held out."

    def __init__(self, napari_viewer: Any) -> None:
        self.genes = GenePanel()
        self.layers: GeneLayers | None = None
        super().__init__(napari_viewer)
        self.result.color_by.hide()
        self.genes.shown.connect(self.show_gene)
        self.genes.compared.connect(self._compare)
        self.genes.doubted.connect(self._doubt)
        self.genes.pictured.connect(self._picture)
        self.genes.save.connect(self._ask_for_table)

    def more_parts(self) -> list[QWidget]:
        """Return the genes."""
        return [self.genes]

    def before_run(self, job: GeneJob) -> None:
        """Note the slide's layer and H&E, on which the genes will lie."""
        slide = self.model.slide
        assert slide is not None, "nothing is missing"
        image = histology_of(self.model.workspace, slide)
        self._spots = slide.layer
        self._image = None if image is None else image.layer
        known = slide.layer is not None and slide.um_per_unit is not None
        self._diameter = float(slide.layer.size.max()) if known else None

    def show_layer(self, outcome: Imputed) -> Any:
        """Show a gene on the spots of the slide."""
        layers = self.viewer.layers
        gene = self.layers.gene if self.layers is not None else ""
        self.layers = GeneLayers(
            self.viewer,
            outcome,
            self.model.last.result_name,
            spots=self._spots if self._spots in layers else None,
            diameter_um=self._diameter,
            image=self._image if self._image in layers else None,
        )
        if self._spots in layers:
            self._spots.visible = False
        self.genes.show_outcome(outcome)
        self.show_gene(gene if gene in outcome.adata.var_names else outcome.first_gene)
        return self.layers.main

    def show_gene(self, gene: str) -> None:
        """Show another gene."""
        if self.layers is None:
            return
        outcome = self.layers.outcome
        known = {str(name).casefold(): str(name) for name in outcome.adata.var_names}
        name = gene if gene in outcome.adata.var_names else known.get(gene.casefold())
        if name is None:
            error = f"Expected a gene of this run, found {gene!r}."
            remedy = "Try typing a part of its name, or run again with it in the list."
            self.panel.refuse(InputError(error, remedy=remedy))
            self.genes.gene.show_name(self.layers.gene)
            return
        self.panel.notice.clear()
        self.layers.show(name)
        self.genes.show_gene(
            name, outcome.sentence(name), held_out=outcome.measured(name) is not None
        )

    def save_table(self, path: str) -> None:
        """Write the table of genes as CSV in the background."""
        table = self.model.outcome.genes
        run = Run(lambda *_: _write(table, path), "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(lambda name: self.result.status.setText(f"Saved {name}"))
        run.failed.connect(self.panel.refuse)
        run.finished.connect(run.deleteLater)
        run.start()

    def _ask_for_table(self) -> None:
        name = f"{self.model.last.result_name}.csv".replace("/", "_")
        path = QFileDialog.getSaveFileName(self, "Save table", name, "Tables (*.csv)")[0]
        if path:
            self.save_table(path if path.endswith(".csv") else f"{path}.csv")

    def _compare(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.compare(on)
            self.viewer.reset_view()

    def _doubt(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.show_spread(on)

    def _picture(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.show_image(on)

    def _lock(self, locked: bool) -> None:
        if self.layers is not None and self.layers.main in self.viewer.layers:
            set_locked(self.layers.main, locked)

    def _set_theme(self, event: Any = None) -> None:
        super()._set_theme(event)
        self.genes.set_tones(self.panel.checks.tones)


def _write(table: Any, path: str) -> str:
    from pathlib import Path

    from napari_spatialrecon.storage import atomic_file

    with atomic_file(Path(path)) as temporary:
        table.to_csv(temporary, index_label="gene")
    return Path(path).name
