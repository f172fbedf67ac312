"""A run that may not fit the memory: the warning before it, and the question when it is started."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox, QWidget

from napari_spatialrecon.faces import speaking, spoken
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.viewer.window.face import Window

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.memory import Need


def sentence(need: Need) -> str:
    """Return what a run needs, what is free, and what fits instead."""
    with speaking(Window()):
        return f"{need.doubt} {spoken(need.offer)}"


class MemoryBox(QMessageBox):
    """Asks whether a run that may not fit is wanted; nothing waits for the answer.

    Attributes
    ----------
    run_button, cancel_button
        Start it all the same, or not.
    smaller_button
        Starts the smaller way; None if nothing fits.
    """

    def __init__(self, need: Need, task: str, parent: QWidget | None) -> None:
        super().__init__(
            QMessageBox.Icon.Warning, "Not enough memory", sentence(need), parent=parent
        )
        self.setInformativeText("Such a run slows the computer down, and the system may end it.")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        role = QMessageBox.ButtonRole
        self.smaller_button = None
        if need.smaller:
            title = find_method(need.smaller, task).short_title
            self.smaller_button = self.addButton(f"Use {title}", role.AcceptRole)
        self.run_button = self.addButton("Run all the same", role.DestructiveRole)
        self.cancel_button = self.addButton(QMessageBox.StandardButton.Cancel)
        self.setDefaultButton(self.smaller_button or self.cancel_button)


def approved(work: Callable[[ProgressCallback, ShouldStop], Any]) -> Callable[..., Any]:
    """Return work that is not asked about again: the window has done so."""

    def run(progress: ProgressCallback, should_stop: ShouldStop) -> Any:
        from napari_spatialrecon.tasks.memory import approving

        with approving(lambda need: None):
            return work(progress, should_stop)

    return run
