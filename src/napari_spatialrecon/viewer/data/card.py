"""A card of the tab Data."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QFocusEvent, QImage, QKeyEvent, QMouseEvent, QPixmap, QResizeEvent
from qtpy.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
)

from napari_spatialrecon.viewer.data.model import ROLES, Card
from napari_spatialrecon.viewer.data.thumbnail import SIDE
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.rows import small_button
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import Tones
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role


class ElidedLabel(QLabel):
    """One line, with … in place of what does not fit; the tooltip has it whole."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._whole = text
        self.setToolTip(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Elide to the new width."""
        super().resizeEvent(event)
        middle = Qt.TextElideMode.ElideMiddle
        self.setText(self.fontMetrics().elidedText(self._whole, middle, self.width()))

    def minimumSizeHint(self) -> QSize:
        """As high as a line."""
        return QSize(20, self.fontMetrics().height())


class _NameField(QLineEdit):
    """A name that is being typed.

    Signals: ``left()`` when it is to be kept as it was.
    """

    left = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(f"New name of {name}")

    def keyPressEvent(self, event: QKeyEvent | None) -> None:
        """Leave with Esc."""
        if event is not None and event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        else:
            super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent | None) -> None:
        """Leave once something else has the focus."""
        super().focusOutEvent(event)
        self.left.emit()


class CardWidget(QFrame):
    """Shows a card, with its buttons.

    Parameters
    ----------
    actions
        By name: what is called with the entry.
    set_role, set_scale, rename
        Called with the entry, and a role, the µm or the name that were typed.
    """

    def __init__(
        self,
        card: Card,
        actions: dict[str, Callable[[Entry], None]],
        set_role: Callable[[Entry, Role], None],
        set_scale: Callable[[Entry, str], None],
        rename: Callable[[Entry, str], None],
        tones: Tones,
    ) -> None:
        super().__init__()
        self.card, self._shown = card, (card, card.entry.role, card.entry.layer)
        self._actions, self._set_role = actions, set_role
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setToolTip("\n".join([card.entry.name, card.facts, *card.problems]))
        self.name = ElidedLabel(card.name)
        self.name.setStyleSheet("font-weight: bold;")
        self.name_field = _NameField(card.name)
        self.name_field.returnPressed.connect(lambda: rename(card.entry, self.name_field.text()))
        self.name_field.left.connect(self.show_name)
        self.name_field.hide()
        role = QLabel(ROLES[card.entry.role])
        role.setStyleSheet(f"color: {tones.quiet};")
        self.align = QPushButton("Align")
        self.align.setToolTip("Register its spots to an H&E image")
        self.align.setVisible(card.entry.role is Role.SLIDE and card.entry.points is not None)
        self.align.clicked.connect(lambda: actions["Align"](card.entry))
        self.more = small_button("⋯", f"More for {card.name}")
        self.more.clicked.connect(self._show_menu)
        self.picture = QLabel()
        self.picture.setFixedSize(SIDE, SIDE)
        self.picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.picture.setVisible(card.entry.layer is not None)
        head = QHBoxLayout()
        head.addWidget(self.name, 1)
        head.addWidget(self.name_field, 1)
        for widget in (role, self.align, self.more):
            head.addWidget(widget)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(6, 4, 4, 4)
        whole.addWidget(self.picture, 0, Qt.AlignmentFlag.AlignTop)
        column = QVBoxLayout()
        whole.addLayout(column, 1)
        column.setSpacing(2)
        column.addLayout(head)
        column.addWidget(WrappedLabel(card.facts))
        for text in card.problems[: max(2, len(card.missing))]:
            line = WrappedLabel(text)
            color = tones.warning if text in card.missing else tones.quiet
            line.setStyleSheet(f"color: {color};")
            column.addWidget(line)
        self.scale = QLineEdit()
        self.scale.setPlaceholderText("µm, for instance 0.5")
        self.scale.setAccessibleName(f"µm per pixel or unit of {card.name}")
        self.scale.setVisible(card.needs_scale)
        self.scale.returnPressed.connect(lambda: set_scale(card.entry, self.scale.text()))
        column.addWidget(self.scale)

    def still_shows(self, card: Card) -> bool:
        """Return whether a card would look as this does."""
        return self._shown == (card, card.entry.role, card.entry.layer)

    def mouseDoubleClickEvent(self, event: QMouseEvent | None) -> None:
        """Rename the entry whose name is double-clicked."""
        if event is not None and self.name.geometry().contains(event.position().toPoint()):
            self.start_renaming()

    def start_renaming(self) -> None:
        """Have a name typed in place of the one shown; Esc keeps it."""
        if self.card.entry.role is Role.RESULT:
            return
        self.name.hide()
        self.name_field.setText(self.card.name)
        self.name_field.show()
        self.name_field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.name_field.selectAll()

    def show_name(self) -> None:
        """Show the name as it is."""
        self.name_field.hide()
        self.name.show()

    def set_picture(self, pixels: np.ndarray) -> None:
        """Show a thumbnail (height, width, 3) uint8."""
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        self.picture.setPixmap(QPixmap.fromImage(image))

    def menu(self) -> QMenu:
        """Return the menu of the button ⋯."""
        card, menu = self.card, QMenu(self)
        has_layer = card.entry.layer is not None
        if card.entry.role is not Role.RESULT:
            menu.addAction("Rename", self.start_renaming)
        for title in ("Zoom to it", "Show or hide", "Remove"):
            action = present(menu.addAction(title, partial(self._actions[title], card.entry)))
            action.setEnabled(has_layer or title == "Remove")
        if card.entry.role is Role.SLIDE and card.entry.points is not None:
            action = present(
                menu.addAction(
                    "Spatial signal…", partial(self._actions["Spatial signal"], card.entry)
                )
            )
            action.setToolTip("Whether expression tells where a spot lies, before a run")
        for role in card.roles:
            if role is not card.entry.role:
                act = partial(self._set_role, card.entry, role)
                menu.addAction(f"Use as {ROLES[role]}", act)
        return menu

    def _show_menu(self) -> None:
        menu = self.menu()
        menu.aboutToHide.connect(menu.deleteLater)
        menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))
