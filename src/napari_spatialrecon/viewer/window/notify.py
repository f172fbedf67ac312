"""How errors are shown in the window: what was wrong, what to try, and details on demand."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import SpatialReconError, ValidationError
from napari_spatialrecon.faces import speaking
from napari_spatialrecon.viewer.window.face import Window

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

_LINE = 60
"""Characters that napari shows of a notice before it is expanded."""


def headline(error: BaseException) -> str:
    """Return the text of a notification: the message and the remedy, never a traceback."""
    with speaking(Window()):
        return _headline(error)


def _headline(error: BaseException) -> str:
    if isinstance(error, ValidationError) and len(error.problems) > 1:
        rest = len(error.problems) - 1
        more = f"and {rest} more problem{'s' if rest > 1 else ''} (see Details)"
        return f"{error.problem}\n{more}"
    if isinstance(error, SpatialReconError):
        return str(error)
    if isinstance(error, MemoryError):
        return "The computer ran out of memory. Try fewer cells, or the preset quick."
    return "Something unexpected went wrong in Spatial Reconstruction; your layers are unchanged."


def details(error: BaseException) -> str:
    """Return the text of the Details box, which can be copied into a bug report."""
    with speaking(Window()):
        trace = "".join(traceback.format_exception(error))
        first = str(error) if isinstance(error, SpatialReconError) else _headline(error)
    return f"{first}\n\n{trace}\n{_versions()}"


def notify_error(error: BaseException) -> None:
    """Show a notification with a button that opens the Details box."""
    from napari.utils.notifications import Notification, notification_manager

    def show_details(notification: QWidget | None = None) -> None:
        from napari_spatialrecon.viewer.window.details import DetailsBox

        parent = None if notification is None else notification.parentWidget()
        DetailsBox(headline(error), details(error), parent).show()

    actions = (("Details", show_details),)
    notification_manager.dispatch(Notification(headline(error), "error", actions))


def notify_info(message: str) -> None:
    """Show a short notice; a longer one, of which napari shows a line, can be read in a box."""
    from napari.utils.notifications import Notification, notification_manager, show_info

    if len(message) <= _LINE:
        show_info(message)
        return

    def show_all(notification: QWidget | None = None) -> None:
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QMessageBox

        parent = None if notification is None else notification.parentWidget()
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Spatial Reconstruction", message, parent=parent)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.show()

    actions = (("Read all", show_all),)
    notification_manager.dispatch(Notification(message, "info", actions))


def _versions() -> str:
    from napari_spatialrecon.provenance import versions

    return "\n".join(f"{name} {version}" for name, version in versions().items())
