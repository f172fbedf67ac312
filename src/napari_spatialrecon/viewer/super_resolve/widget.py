"""Super-resolve: from spots to their parts, one gene at a time over the histology."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.super_resolve.inputs import SuperInputs
from napari_spatialrecon.viewer.super_resolve.job import Resolved
from napari_spatialrecon.viewer.super_resolve.layers import GeneLayers
from napari_spatialrecon.viewer.super_resolve.model import SuperModel
from napari_spatialrecon.viewer.super_resolve.panel import SuperPanel
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.workspace.results import Result

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer

_LAID_OUT_MS = 200
"""Delay after which the new parts of the widget have their final heights."""


class SuperResolve(TaskWidget[SuperModel, Resolved]):
    """The widget Super-resolve of one viewer."""

    model_class = SuperModel
    inputs_class = SuperInputs
    curves_tip = "Error of the split on held-out blocks of the slide's own spots."

    def __init__(self, napari_viewer: Viewer) -> None:
        self.genes = SuperPanel()
        self.layers: GeneLayers | None = None
        super().__init__(napari_viewer)
        self._scroll = QTimer(self)
        self._scroll.setSingleShot(True)
        self._scroll.setInterval(_LAID_OUT_MS)
        self._scroll.timeout.connect(lambda: self.area.ensureWidgetVisible(self.genes))
        for part in (self.result.color_by, self.result.fade):
            part.hide()
        self.genes.shown.connect(self.show_gene)
        self.genes.compared.connect(self._compare)
        self.genes.doubted.connect(self._doubt)
        self.genes.pointed.connect(self._point)

    def more_parts(self) -> list[QWidget]:
        """Return the panel that chooses the gene."""
        return [self.genes]

    def show_layer(self, outcome: Resolved) -> Image:
        """Show a gene on the histology."""
        ground = self.ground
        image = ground.image
        gene = self.layers.gene if self.layers is not None else ""
        self.layers = GeneLayers(self.viewer, outcome, self.model.result_name, ground.under)
        self.genes.show_outcome(outcome)
        self.show_gene(gene if gene in outcome.genes else outcome.first_gene)
        if image is not None:
            image.visible = True
        ground.hide_spots()
        return self.layers.main

    def show_reopened(self, outcome: Resolved, result: Result) -> None:
        """Choose among the genes of the result."""
        if isinstance(result.drawn, GeneLayers):
            self.layers = result.drawn
            self.genes.show_outcome(outcome)
            self.genes.show_gene(self.layers.gene)

    def show_gene(self, gene: str) -> None:
        """Show another gene."""
        if self.layers is None:
            return
        from napari_spatialrecon.tissue.gene_lookup import lookup

        outcome = self.layers.outcome
        at = int(lookup(outcome.adata.var, [gene])[0])
        if at < 0:
            self.panel.refuse(
                InputError(
                    f"Expected a gene that was split, found {gene!r}.",
                    remedy="Try typing part of its name, or run again with it in the list.",
                )
            )
            self.genes.show_gene(self.layers.gene)
            return
        self.panel.notice.clear()
        gene = outcome.genes[at]
        self.layers.show(gene)
        self.layer = self.layers.main
        self.genes.show_gene(gene)

    def _inspect(self) -> None:
        """Zoom to the image, and reveal the choice of the gene."""
        super()._inspect()
        layer = self.shown
        if layer is not None:
            self.viewer.reset_view(layers=[layer])
        self._scroll.start()

    def _compare(self, before: bool) -> None:
        if self.layers is not None:
            self.layers.show_before(before)

    def _doubt(self, on: bool) -> None:
        if self.layers is not None:
            self.layers.show_spread(on)

    def _point(self, on: bool) -> None:
        layer = None if self.layers is None else self.layers.part("points")
        if layer is not None:
            layer.visible = on

    def _lock(self, locked: bool) -> None:
        if self.layers is not None:
            self.layers.lock(locked)
