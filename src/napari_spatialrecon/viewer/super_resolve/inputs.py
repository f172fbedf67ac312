"""The fields of Super-resolve: slide, genes, factor, model, and a missing spot diameter."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.super_resolve.model import FACTORS, SuperModel
from napari_spatialrecon.viewer.task.gene_list_field import GeneListField
from napari_spatialrecon.viewer.task.gene_list_model import GeneChoice
from napari_spatialrecon.viewer.task.inputs import Row
from napari_spatialrecon.viewer.task.one_slide_inputs import OneSlideInputs
from napari_spatialrecon.viewer.task.saved_choice import SavedModelInputs
from napari_spatialrecon.viewer.widgets.path_menu import show_menu
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.workspace import read_um


class SuperInputs(OneSlideInputs, SavedModelInputs):
    """Shows what a `SuperModel` holds, and changes it."""

    model: SuperModel

    def make_fields(self) -> None:
        """Make and connect the fields."""
        super().make_fields()
        model = self.model
        self.genes = combo()
        self.genes.addItem("All genes", GeneChoice.ALL)
        self.genes.addItem("A list", GeneChoice.LIST)
        self.markers_button = QPushButton("Markers of a cluster…")
        self.markers_button.setToolTip(
            "Add the genes that distinguish a cluster from the rest of the slide"
        )
        self.gene_list = GeneListField(
            model, "type part of a gene's name, or paste a list", self.markers_button
        )
        self.gene_list.failed.connect(self.failed)
        self.gene_list.opened.connect(self.opened)
        self.factor = combo()
        self.factor.setEditable(True)
        self.factor.setInsertPolicy(self.factor.InsertPolicy.NoInsert)
        self.factor.setToolTip("Rows × columns per spot; type any other, such as 2x6")
        for name, title in FACTORS.items():
            self.factor.addItem(title, name)
        self.trained = combo()
        self.trained.setToolTip("A network trained on many slides, then adapted to this one")
        self.guided = QCheckBox("Let the H&&E guide the split")
        self.guided.setToolTip(
            "Parts with more nuclei get more of a spot's counts, as far as the H&E predicts "
            "held-out spots; if it does not, the guide has no effect"
        )
        self.diameter = QLineEdit()
        self.diameter.setPlaceholderText("as the slide states")
        self.diameter.setToolTip("For round spots, if the slide does not state it")
        self._finding: Run | None = None
        self.genes.activated.connect(lambda i: setattr(model, "choice", self.genes.itemData(i)))
        self.markers_button.clicked.connect(self._show_clusters)
        self.factor.activated.connect(lambda i: setattr(model, "factor", self.factor.itemData(i)))
        self._factor_field = present(self.factor.lineEdit())
        self._factor_field.editingFinished.connect(self._type_factor)
        self.trained.activated.connect(self._choose_model)
        self.guided.toggled.connect(partial(setattr, model, "guided"))
        self.diameter.editingFinished.connect(self._set_diameter)

    def rows(self) -> list[Row]:
        """Return slide, genes, factor and model."""
        return [
            *super().rows(),
            ("Genes", self.genes, None),
            ("", self.gene_list, None),
            ("Split into", self.factor, None),
            ("Model", self.trained, None),
        ]

    def below(self) -> list[QWidget]:
        """Return the guide, and the diameter of spots."""
        label = QLabel("Spot diameter, µm")
        return [self.guided, row(label, self.diameter)]

    def refresh(self) -> None:
        """Show the model's current choices."""
        super().refresh()
        model = self.model
        listed = model.choice is GeneChoice.LIST
        self.genes.setCurrentIndex(self.genes.findData(model.choice))
        self.genes.setItemText(0, f"All genes ({len(model.names):,})" if model.names else "All")
        self.genes.setItemText(1, f"A list ({len(model.genes):,})" if model.genes else "A list…")
        self.gene_list.setVisible(listed)
        self.gene_list.refresh()
        self.markers_button.setEnabled(bool(model.clusters) and self._finding is None)
        if not model.clusters:
            self.markers_button.setToolTip("The slide has no column of clusters")
        with QSignalBlocker(self.factor):
            known = self.factor.findData(model.factor)
            if not self._factor_field.hasFocus():
                self.factor.setEditText(FACTORS.get(model.factor, model.factor.replace("x", "×")))
                if known >= 0:
                    self.factor.setCurrentIndex(known)
        self._show_models()
        with QSignalBlocker(self.guided):
            self.guided.setChecked(model.guided)
        self.guided.setEnabled(model.has_histology)
        with QSignalBlocker(self.diameter):
            if model.diameter_um is None and not self.diameter.hasFocus():
                self.diameter.clear()

    def find_markers(self, column: str, cluster: str) -> None:
        """Add the marker genes of a cluster to the list, in the background."""
        work = self.model.markers(column, cluster)
        run = self._finding = Run(work, f"Markers of {cluster}", viewer=self.viewer, parent=self)
        self.markers_button.setText("Finding markers…")
        run.returned.connect(self._add_markers)
        run.failed.connect(self.failed.emit)
        run.finished.connect(run.deleteLater)
        run.finished.connect(self._after_markers)
        self.refresh()
        run.start()

    def clusters_menu(self) -> QMenu:
        """Return the columns of clusters, and the clusters of each."""
        menu = QMenu(self)
        for column, names in self.model.clusters.items():
            below = present(menu.addMenu(column))
            for name in names:
                below.addAction(name, partial(self.find_markers, column, name))
        return menu

    def _show_clusters(self) -> None:
        show_menu(self.clusters_menu(), self.markers_button)

    def _add_markers(self, names: list[str]) -> None:
        self.model.genes = (*self.model.genes, *names)

    def _after_markers(self) -> None:
        self._finding = None
        self.markers_button.setText("Markers of a cluster…")
        self.refresh()

    def _type_factor(self) -> None:
        text = self.factor.currentText()
        chosen = next((name for name, title in FACTORS.items() if title == text), text)
        if chosen.replace("×", "x") != self.model.factor:
            self.model.factor = chosen

    def _set_diameter(self) -> None:
        text = self.diameter.text().strip()
        value = read_um(text)
        if text and value is None:
            self.failed.emit(
                InputError(f"Expected a diameter in µm, found {text!r}.", remedy="Try 55.")
            )
        elif value != self.model.diameter_um:
            self.model.diameter_um = value

    def _choose_model(self, index: int) -> None:
        if index == 0:
            self.model.saved = None
        elif index == self.trained.count() - 1:
            folder = QFileDialog.getExistingDirectory(self, "Use your own model")
            if folder:
                self.use_model(folder)
        self._show_models()

    def _show_models(self) -> None:
        """Offer the model of the package, the one in use, and the choice of one."""
        saved, method = self.model.saved, self.model.method
        learns = method.has_generalist or method.selects
        with QSignalBlocker(self.trained):
            self.trained.clear()
            self.trained.addItem("Built in, for any tissue" if learns else "none needed")
            if saved is not None:
                self.trained.addItem(f"{saved.folder.name} (saved)")
                self.trained.setItemData(1, str(saved.folder), Qt.ItemDataRole.ToolTipRole)
            if learns:
                self.trained.addItem("Use your own…")
            self.trained.setCurrentIndex(0 if saved is None else 1)
        self.trained.setEnabled(learns)
