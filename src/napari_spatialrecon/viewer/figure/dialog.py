"""The dialog that asks what a figure shows, draws a preview, and saves it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtGui import QImage, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QDialog,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.figure.drawing import draw
from napari_spatialrecon.viewer.figure.page import ONE_COLUMN_MM, PAGE_MM, Chosen, Page, page_of
from napari_spatialrecon.viewer.figure.writing import FORMATS, write_figure
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.rows import combo, side_by_side
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.main_window import has_window, main_window
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import tones
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

_AFTER_MS = 300
"""Delay after the last change before the preview is drawn."""
_PREVIEW_DPI = 110
_WINDOW = "As in the window"


class FigureDialog(QDialog):
    """Panels, captions, size and format of a figure, with a preview.

    Parameters
    ----------
    viewer
        Its layers can be panels.
    layers
        Ticked at first; what the window shows if there are none.
    parent
        Deleting it deletes the dialog.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        layers: Sequence[Layer] = (),
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.viewer = unwrapped(viewer)
        self.setWindowTitle("Figure")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._layers: list[Layer | None] = []
        self._drawing: Run | None = None
        self._saving: Run | None = None
        self._again = False
        self._picture = QPixmap()
        self._make_fields()
        self._lay_out()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_AFTER_MS)
        self._timer.timeout.connect(self.draw_preview)
        self._connect()
        self.notice.set_tones(tones(self.viewer))
        self._list(set(layers) or {None}, {})

    # What is chosen

    def chosen(self) -> list[Chosen]:
        """Return the panels that are ticked, with their captions."""
        rows = range(self.panels.rowCount())
        ticked = [
            row
            for row in rows
            if present(self.panels.item(row, 0)).checkState() == Qt.CheckState.Checked
        ]
        return [Chosen(self._layers[r], present(self.panels.item(r, 1)).text()) for r in ticked]

    def page(self) -> Page:
        """Return the page as it is chosen now.

        Raises
        ------
        InputError
            There is nothing to draw.
        """
        return page_of(
            self.viewer,
            self.chosen(),
            part=self.part.currentData(),
            histology=self.histology.isChecked(),
            width_mm=self.width_mm.currentData(),
            dark=self.ground.currentData(),
        )

    # Drawing and saving

    def draw_preview(self) -> None:
        """Draw the preview in the background; again if something changes meanwhile."""
        if self._drawing is not None:
            self._again = True
            self._drawing.cancel()
            return
        page = self._page_or_notice()
        if page is None:
            return
        self._again = False
        self._drawing = run = Run(partial(_pixels, page), "Drawing a figure", parent=self)
        run.returned.connect(self._show)
        run.failed.connect(self.notice.show_error)
        run.finished.connect(self._on_drawn)
        run.start()

    def save(self, path: str) -> None:
        """Write the figure in the background."""
        page = self._page_or_notice()
        if page is None or self._saving is not None:
            return
        self.said.setText("Saving…")
        work = partial(_write, page, path)
        self._saving = run = Run(work, "Saving a figure", viewer=self.viewer, parent=self)
        run.returned.connect(lambda notes: self.said.setText("\n".join([f"Saved {path}", *notes])))
        run.failed.connect(self._on_failed)
        run.stopped.connect(lambda _: self.said.setText("Stopped; nothing was written."))
        run.finished.connect(self._on_saved)
        self._set_saving(True)
        run.start()

    def _page_or_notice(self) -> Page | None:
        try:
            page = self.page()
        except SpatialReconError as error:
            self.notice.show_error(error)
            return None
        self.notice.clear()
        return page

    def _on_drawn(self) -> None:
        self._drawing = None
        if self._again:
            self._timer.start()

    def _on_failed(self, error: Exception) -> None:
        self.said.setText("")
        self.notice.show_error(error)

    def _on_saved(self) -> None:
        self._saving = None
        self._set_saving(False)

    def _set_saving(self, on: bool) -> None:
        self.save_button.setEnabled(not on)
        self.cancel_button.setEnabled(on)

    def _ask(self) -> None:
        suffix = self.format.currentData()
        path, _ = QFileDialog.getSaveFileName(
            self, "Save figure", f"figure{suffix}", FORMATS[suffix]
        )
        if path:
            self.save(path if path.lower().endswith(suffix) else f"{path}{suffix}")

    def _cancel(self) -> None:
        if self._saving is not None:
            self._saving.cancel()

    def _show(self, drawn: tuple[QImage, tuple[str, ...]]) -> None:
        image, notes = drawn
        self._picture = QPixmap.fromImage(image)
        self.preview.setToolTip("\n".join(notes))
        self._fit()

    def _fit(self) -> None:
        if not self._picture.isNull():
            keep, smooth = (
                Qt.AspectRatioMode.KeepAspectRatio,
                Qt.TransformationMode.SmoothTransformation,
            )
            self.preview.setPixmap(self._picture.scaled(self.preview.size(), keep, smooth))

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Fit the preview."""
        super().resizeEvent(event)
        self._fit()

    # Fields

    def _make_fields(self) -> None:
        self.panels = QTableWidget(0, 2)
        self.panels.setHorizontalHeaderLabels(["panel", "caption"])
        present(self.panels.verticalHeader()).hide()
        header = present(self.panels.horizontalHeader())
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.panels.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.panels.setTabKeyNavigation(False)
        self.panels.setToolTip("Tick what to show, one panel each; double-click a caption to edit")
        self.format, self.width_mm, self.part, self.ground = (combo() for _ in range(4))
        for suffix, words in FORMATS.items():
            self.format.addItem(words, suffix)
        self.width_mm.addItem(f"{PAGE_MM:g} mm, a page", PAGE_MM)
        self.width_mm.addItem(f"{ONE_COLUMN_MM:g} mm, one column", ONE_COLUMN_MM)
        self.part.addItem("the whole tissue", "tissue")
        self.part.addItem("cells and spots", "points")
        self.part.addItem("what the window shows", "view")
        self.ground.addItem("white", False)
        self.ground.addItem("black", True)
        self.histology = QCheckBox("H&&E beneath each layer")
        self.histology.setChecked(True)
        self.preview = QLabel("Preview")
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setMinimumSize(380, 380)
        self.preview.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.notice, self.said = Notice(), WrappedLabel("")
        self.save_button, self.cancel_button = QPushButton("Save…"), QPushButton("Cancel")
        self.save_button.setToolTip("Text stays text in SVG and PDF; points stay shapes")
        self.cancel_button.setEnabled(False)
        self.save_button.setDefault(True)

    def _lay_out(self) -> None:
        form = QFormLayout()
        for words, field in (
            ("Format", self.format),
            ("Width", self.width_mm),
            ("Shows", self.part),
            ("Ground", self.ground),
        ):
            form.addRow(words, field)
            field.setAccessibleName(words)
        left = QVBoxLayout()
        left.addWidget(self.panels, 1)
        left.addWidget(self.histology)
        left.addLayout(form)
        for part in (self.notice, self.said, side_by_side(self.save_button, self.cancel_button)):
            left.addWidget(part)
        layout = QHBoxLayout(self)
        layout.addLayout(left, 2)
        layout.addWidget(self.preview, 3)
        self.resize(900, 560)

    def _connect(self) -> None:
        self.panels.itemChanged.connect(lambda _: self._timer.start())
        for box in (self.width_mm, self.part, self.ground):
            box.currentIndexChanged.connect(lambda _: self._timer.start())
        self.histology.toggled.connect(lambda _: self._timer.start())
        self.save_button.clicked.connect(self._ask)
        self.cancel_button.clicked.connect(self._cancel)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed):
            event.connect(self._on_layers)
        when_destroyed(self, _release, self)

    def _on_layers(self, event: Event | None = None) -> None:
        captions = {
            layer: present(self.panels.item(row, 1)).text()
            for row, layer in enumerate(self._layers)
        }
        self._list({choice.layer for choice in self.chosen()}, captions)

    def _list(self, ticked: set[Layer | None], captions: dict[Layer | None, str]) -> None:
        """List what the window shows, then its layers, topmost first."""
        from napari_spatialrecon.tissue.slots import OURS

        self._layers = [None] + [
            layer
            for layer in reversed(self.viewer.layers)
            if layer.metadata.get(OURS, {}).get("role") != "marks"
        ]
        on, off = Qt.CheckState.Checked, Qt.CheckState.Unchecked
        with QSignalBlocker(self.panels):
            self.panels.setRowCount(len(self._layers))
            for row, layer in enumerate(self._layers):
                name = _WINDOW if layer is None else layer.name
                caption = captions.get(layer, "" if layer is None else layer.name)
                item = QTableWidgetItem(name)
                item.setToolTip(name)
                item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
                item.setCheckState(on if layer in ticked else off)
                self.panels.setItem(row, 0, item)
                self.panels.setItem(row, 1, QTableWidgetItem(caption))
        self._timer.start()


def open_figure(viewer: ViewerModel, layers: Sequence[Layer] = ()) -> FigureDialog:
    """Show the dialog of a figure of these layers, or of what the window shows."""
    viewer = unwrapped(viewer)
    parent = main_window(viewer) if has_window(viewer) else None
    dialog = FigureDialog(viewer, layers, parent)
    dialog.show()
    return dialog


def _pixels(
    page: Page, progress: ProgressCallback, should_stop: ShouldStop
) -> tuple[QImage, tuple[str, ...]]:
    """Draw a page as pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    drawn = draw(page, Reporter(progress, should_stop), _PREVIEW_DPI)
    canvas = drawn.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg), "`draw` uses this backend"
    canvas.draw()
    width, height = canvas.get_width_height()
    content = bytes(canvas.buffer_rgba())
    return QImage(content, width, height, QImage.Format.Format_RGBA8888).copy(), drawn.notes


def _write(page: Page, path: str, progress: ProgressCallback, should_stop: ShouldStop) -> list[str]:
    return write_figure(page, path, Reporter(progress, should_stop))


def _release(dialog: FigureDialog) -> None:
    """Disconnect a dialog that Qt has deleted."""
    layers = dialog.viewer.layers.events
    layers.inserted.disconnect(dialog._on_layers)
    layers.removed.disconnect(dialog._on_layers)
