"""One result in the list: what it is, its error beside yardsticks, a verdict."""

from __future__ import annotations

from qtpy.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from qtpy.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QCheckBox, QFrame, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget
from superqt import QElidingLabel

from napari_spatialrecon.viewer.results.facts import Facts, Number
from napari_spatialrecon.viewer.window.tones import DARK, Tones

_BAR = QSize(56, 10)


class Card(QFrame):
    """A result that is ticked, chosen by a click, inspected by a double click.

    Signals: ``ticked(bool)``, ``chosen()``, ``opened()``.
    """

    ticked = Signal(bool)
    chosen = Signal()
    opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.tones: Tones = DARK
        self._current, self._tone = False, "quiet"
        self.box = QCheckBox()
        self.box.setToolTip("Tick two results to compare them")
        self.box.setFocusPolicy(Qt.FocusPolicy.ClickFocus)  # Space ticks the card in focus
        self.title = QElidingLabel()
        self.title.setElideMode(Qt.TextElideMode.ElideMiddle)
        self.title.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.value, self.bar = QLabel(), Bar()
        self.verdict = QElidingLabel()
        self.beside = [QLabel(), QLabel()]
        self.details = [QLabel() for _ in range(4)]
        self._lay_out()
        self.box.toggled.connect(self.ticked)

    def show_facts(self, facts: Facts, *, ticked: bool, current: bool) -> None:
        """Show what is said of a result."""
        with QSignalBlocker(self.box):
            self.box.setChecked(ticked)
        self.box.setAccessibleName(f"Compare {facts.title}")
        self.setAccessibleName(facts.title)
        self.title.setText(facts.title)
        self.title.setToolTip(f"{facts.title}\n{facts.task} by {facts.method}")
        _show(self.value, facts.numbers[0])
        self.bar.show_values(facts.bar, facts.numbers)
        yardsticks = [*facts.numbers[1:], None, None]
        for label, number in zip(self.beside, yardsticks, strict=False):
            _show(label, number)
        _show(self.verdict, facts.verdict)
        made = Number(facts.task, f"Made by {facts.method}")
        for label, number in zip(
            self.details, (made, facts.time, facts.seed, facts.saved), strict=True
        ):
            _show(label, number)
        self._current, self._tone = current, facts.tone
        self.set_tones(self.tones)

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        edge = tones.accent if self._current else tones.line
        self.setStyleSheet(
            f"#card {{ border: 1px solid {tones.line}; border-left: 3px solid {edge};"
            f" border-radius: 3px; }} #card:focus {{ border: 1px solid {tones.accent};"
            f" border-left: 3px solid {edge}; }}"
        )
        weight = "600" if self._current else "400"
        self.title.setStyleSheet(f"font-weight: {weight};")
        self.verdict.setStyleSheet(f"color: {getattr(tones, self._tone)};")
        for label in (*self.beside, *self.details):
            label.setStyleSheet(f"color: {tones.quiet};")
        self.bar.set_tones(tones, self._tone)

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        """Choose the result."""
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        self.chosen.emit()

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Inspect the result."""
        self.opened.emit()

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Tick by Space, choose and inspect by Enter."""
        key = None if event is None else event.key()
        if key == Qt.Key.Key_Space:
            self.box.toggle()
        elif key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.chosen.emit()
            self.opened.emit()
        else:
            super().keyPressEvent(event)

    def _lay_out(self) -> None:
        first = _row(self.box, self.title, self.bar, self.value)
        first.setStretch(1, 1)
        self.verdict.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        second = _row(self.verdict, *self.details[1:])
        second.setStretch(0, 1)
        third = _row(self.details[0], *self.beside)
        third.setStretch(0, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(6, 4, 6, 4)
        column.setSpacing(2)
        for row in (first, second, third):
            column.addLayout(row)


class Bar(QWidget):
    """An error as a bar, with a mark at each yardstick."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(_BAR)
        self.values: tuple[float, ...] = ()
        self._tones, self._tone = DARK, "quiet"

    def show_values(self, values: tuple[float, ...], numbers: tuple[Number, ...]) -> None:
        """Show values over the largest: its own, then the yardsticks."""
        self.values = values
        self.setVisible(bool(values))
        marks = ", ".join(number.text for number in numbers[1:])
        self.setToolTip(numbers[0].text + (f"; marks: {marks}" if marks else ""))
        self.update()

    def set_tones(self, tones: Tones, tone: str) -> None:
        """Use the colors of a theme."""
        self._tones, self._tone = tones, tone
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw bar and marks."""
        if not self.values:
            return
        painter, width, height = QPainter(self), self.width() - 2, self.height()
        painter.fillRect(QRectF(0, 2, width, height - 4), QColor(self._tones.line))
        own = QRectF(0, 2, self.values[0] * width, height - 4)
        painter.fillRect(own, QColor(getattr(self._tones, self._tone)))
        for value in self.values[1:]:
            painter.fillRect(QRectF(value * width, 0, 2, height), QColor(self._tones.accent))
        painter.end()


def _show(label: QLabel, number: Number | None) -> None:
    label.setVisible(number is not None)
    if number is not None:
        label.setText(number.text)
        label.setToolTip(number.tip)


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    return row
