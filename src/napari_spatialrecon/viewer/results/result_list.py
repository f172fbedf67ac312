"""The list of results as cards, and of slides with the true places."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.results.card import Card
from napari_spatialrecon.viewer.results.model import Order, ResultsModel
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.window.tones import DARK, Tones
from napari_spatialrecon.viewer.workspace.results import Result

EMPTY = (
    "No results yet. Place cells, split spots or impute genes in Reconstruct, or drop a saved "
    "result on the window."
)


class ResultList(QWidget):
    """Shows the results of a model.

    Signals: ``chosen(result)`` by a click, ``opened(result)`` by a double click.
    """

    chosen = Signal(object)
    opened = Signal(object)

    def __init__(self, model: ResultsModel) -> None:
        super().__init__()
        self.model = model
        self.tones: Tones = DARK
        self.cards: dict[Result, Card] = {}
        self.boxes: list[QCheckBox] = []
        self.empty = WrappedLabel(EMPTY)
        self.count, self.order = QLabel(), _Orders()
        self.order.addItems([str(order) for order in Order])
        self.order.setToolTip("The order of the list")
        self.order.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.order.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.slides_title = QLabel("Measured places")
        self.slides_title.setToolTip("Slides that hold the true places of cells that were placed")
        self._lay_out()
        self.order.currentTextChanged.connect(model.set_order)

    def refresh(self) -> None:
        """Show the state of the model; cards stay where their results do."""
        listed = self.model.listed()
        for result in [r for r in self.cards if all(r is not other for other, _ in listed)]:
            self._drop(self.cards.pop(result))
        for position, (result, said) in enumerate(listed):
            if result not in self.cards:
                self.cards[result] = self._new_card(result)
            card = self.cards[result]
            if self._column.indexOf(card) != position:
                self._column.insertWidget(position, card)
            card.show_facts(
                said, ticked=self.model.is_ticked(result), current=result is self.model.current
            )
        self.empty.setVisible(not listed)
        self.count.setText("1 result" if len(listed) == 1 else f"{len(listed)} results")
        for widget in (self.count, self.order):
            widget.setVisible(len(listed) > 0)
        with QSignalBlocker(self.order):
            self.order.setCurrentText(str(self.model.order))
        self._refresh_slides()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        for card in self.cards.values():
            card.set_tones(tones)
        for label in (self.count, self.slides_title):
            label.setStyleSheet(f"color: {tones.quiet};")

    def _refresh_slides(self) -> None:
        slides = self.model.slides()
        self.slides_title.setVisible(bool(slides))
        if [box.text() for box in self.boxes] != [side.name for side in slides]:
            for box in self.boxes:
                self._drop(box)
            self.boxes = [self._new_box(side) for side in slides]
        for box, side in zip(self.boxes, slides, strict=True):
            with QSignalBlocker(box):
                box.setChecked(self.model.is_ticked(side))

    def _new_card(self, result: Result) -> Card:
        card = Card()
        card.set_tones(self.tones)
        card.ticked.connect(lambda on: self.model.tick(result, on))
        card.chosen.connect(lambda: self.chosen.emit(result))
        card.opened.connect(lambda: self.opened.emit(result))
        return card

    def _new_box(self, side: Side) -> QCheckBox:
        box = QCheckBox(side.name)
        box.setToolTip(f"{side.name}: {side.adata.n_obs:,} true places, to compare a result with")
        box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        box.toggled.connect(lambda on: self.model.tick(side, on))
        self._slides.addWidget(box)
        return box

    def _drop(self, widget: QWidget) -> None:
        widget.hide()
        widget.setParent(None)
        widget.deleteLater()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.addWidget(self.count, 1)
        head.addWidget(self.order, 1)
        self._column, self._slides = QVBoxLayout(), QVBoxLayout()
        self._column.setSpacing(4)
        self._slides.setSpacing(2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.empty)
        layout.addLayout(head)
        layout.addLayout(self._column)
        layout.addWidget(self.slides_title)
        layout.addLayout(self._slides)


class _Orders(QComboBox):
    """A list that the mouse wheel scrolls past."""

    def wheelEvent(self, event: QWheelEvent | None) -> None:
        """Leave the wheel to the list of results."""
        if event is not None:
            event.ignore()
