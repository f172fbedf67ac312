"""A line on the canvas that says which share of the points a frame draws."""

from __future__ import annotations

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QLabel, QWidget

_MARGIN = 10


def words(share: float, *, moving: bool) -> str:
    """Return what to say where this share of the points in view is drawn; "" for all of them.

    Examples
    --------
    >>> words(0.125, moving=True), words(0.7, moving=False), words(1.0, moving=True)
    ('Drawing 1 of 8 points while moving', 'Drawing 70% of the points: zoom in for all', '')
    """
    if share >= 1.0:
        return ""
    when = " while moving" if moving else ": zoom in for all"
    if share > 0.4:
        return f"Drawing {min(share, 0.99):.0%} of the points{when}"
    return f"Drawing 1 of {1 / share:,.0f} points{when}"


class SubsetNotice(QLabel):
    """Says it in the upper left corner of a canvas; clicks go through it.

    It changes after the frame in which it is told to, since a frame may not change widgets.

    Parameters
    ----------
    canvas
        The widget that is drawn on.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setStyleSheet(
            "background: rgba(0, 0, 0, 170); color: white; padding: 3px 7px; border-radius: 3px;"
        )
        self.move(_MARGIN, _MARGIN)
        self._next = ""
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._say)
        self.hide()

    def tell(self, share: float, *, moving: bool) -> None:
        """Say which share of the points is drawn; hidden when all are."""
        self._next = words(share, moving=moving)
        if self._next != self.text() and not self._later.isActive():
            self._later.start(0)

    def _say(self) -> None:
        self.setText(self._next)
        self.adjustSize()
        self.setVisible(bool(self._next))
