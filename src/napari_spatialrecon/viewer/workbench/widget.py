"""The dock Spatial Reconstruction: five tabs over one workspace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

from qtpy.QtCore import QSize
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.canvas.detail import keep_smooth
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.data.tab import DataTab
from napari_spatialrecon.viewer.inspect.tab import InspectTab
from napari_spatialrecon.viewer.reconstruct.tab import ReconstructTab
from napari_spatialrecon.viewer.results.tab import ResultsTab
from napari_spatialrecon.viewer.session.bar import SessionBar
from napari_spatialrecon.viewer.validate.tab import ValidateTab
from napari_spatialrecon.viewer.widgets.tab_order import focus_style
from napari_spatialrecon.viewer.window.docks import share_tabs
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import tones
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari.utils.events import Event
    from napari.viewer import Viewer

WIDTH = 380
"""Width of the dock in pixels."""
_KEPT = "workbench"


class Tab(Protocol):
    """A tab of the workbench."""

    def go(self, what: str, about: object) -> None:
        """Show what another tab asks for."""


class Workbench(QWidget):
    """Everything from opened files to compared results, in one viewer.

    Parameters
    ----------
    napari_viewer
        Filled in by napari.

    Attributes
    ----------
    tabs
        By name: ``data``, ``reconstruct``, ``validate``, ``inspect``, ``results``.
    """

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.space = workspace_of(self.viewer)
        keep_smooth(self.viewer)
        share_tabs(self)
        reconstruct = ReconstructTab(self.viewer)
        self.tabs: dict[str, QWidget] = {
            "data": DataTab(self.viewer),
            "reconstruct": reconstruct,
            "validate": ValidateTab(self.viewer, lambda: reconstruct.current.model),
            "inspect": InspectTab(self.viewer),
            "results": ResultsTab(self.viewer),
        }
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.pages.setStyleSheet("QTabBar::tab { min-height: 20px; padding: 3px 9px; }")
        for name, tab in self.tabs.items():
            self.pages.addTab(tab, name.capitalize())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.pages, 1)
        self.session = SessionBar(self.viewer)
        layout.addWidget(self.session)
        self.pages.currentChanged.connect(self._show_session)
        self._show_session()
        self.setMinimumWidth(320)
        self.space.go.connect(self.go)
        self.space.kept[_KEPT] = self
        self.viewer.events.theme.connect(self._set_theme)
        when_destroyed(self, _release, self)
        self._set_theme()

    def sizeHint(self) -> QSize:
        """As wide as its tabs are drawn for."""
        return QSize(WIDTH, 640)

    def go(self, where: str, about: object = None) -> None:
        """Show a tab, and in it what is asked for.

        Parameters
        ----------
        where
            Name of a tab, perhaps with what to show in it: ``"reconstruct/place"``.
        about
            The entry, layer or result that it is about.
        """
        name, _, what = where.partition("/")
        self.pages.setCurrentWidget(self.tabs[name])
        cast("Tab", self.tabs[name]).go(what, about)

    def _show_session(self, *_: object) -> None:
        """Offer to keep the session below the results; a session to recover below any tab."""
        results = self.pages.currentWidget() is self.tabs["results"]
        self.session.setVisible(results or self.session.recovery.pending)

    def _set_theme(self, event: Event | None = None) -> None:
        """Ring what has the focus, in all tabs."""
        self.setStyleSheet(focus_style(tones(self.viewer)))

    def state(self) -> dict[str, Any]:
        """Return which tab is open."""
        return {"tab": list(self.tabs)[self.pages.currentIndex()]}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Open the tab that was open."""
        tab = self.tabs.get(str(state.get("tab")))
        if tab is not None:
            self.pages.setCurrentWidget(tab)


def _release(bench: Workbench) -> None:
    """Disconnect a workbench that Qt has deleted."""
    bench.viewer.events.theme.disconnect(bench._set_theme)
    bench.space.go.disconnect(bench.go)
    bench.space.kept.pop(_KEPT, None)
