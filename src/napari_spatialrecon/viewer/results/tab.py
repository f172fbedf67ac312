"""The tab Results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.results.actions import Actions
from napari_spatialrecon.viewer.results.acts import bring_up
from napari_spatialrecon.viewer.results.compare_panel import ComparePanel
from napari_spatialrecon.viewer.results.looks import Look
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.result_list import ResultList
from napari_spatialrecon.viewer.results.symbols import Symbols
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import Themed, tones
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Workspace, workspace_of

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

_KEPT = "results"


class ResultsTab(QWidget):
    """The tab Results of one viewer: a list, a comparison of two, and what to do with one."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)
        self.model = ResultsModel(self.space)
        self.results = ResultList(self.model)
        self.compare = ComparePanel(self.model, viewer)
        self.actions_panel = Actions(self.model, viewer)
        self.symbols = Symbols(self.space)
        self.compare_title = QLabel("Compare")
        self._lay_out()
        self.results.chosen.connect(self._choose)
        self.results.opened.connect(self._inspect)
        self.model.changed.connect(self._refresh)
        viewer.events.theme.connect(self._set_theme)
        self.space.kept[_KEPT] = self
        when_destroyed(self, _release, self)
        self._set_theme()
        self._refresh()

    def go(self, what: str, about: object) -> None:
        """Choose the result that another tab is about."""
        if isinstance(about, Result) and about in list(self.space.results):
            self.model.choose(about)

    def state(self) -> dict[str, Any]:
        """Return what is ticked, the order, and how the two are looked at."""
        stage = self.compare.stage
        look = None if stage.look is None else str(stage.look)
        return {**self.model.state(), "look": look, "visible": stage.visible}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Tick and look as before, as far as the results exist."""
        self.model.restore(state)
        for name, visible in dict(state.get("visible", {})).items():
            if name in self.viewer.layers:
                self.viewer.layers[name].visible = bool(visible)
        if state.get("look") in set(Look):
            self.compare.look(Look(state["look"]))

    def _choose(self, result: Result) -> None:
        self.model.choose(result)
        self.compare.look(None)
        bring_up(self.viewer, result)

    def _inspect(self, result: Result) -> None:
        layer = bring_up(self.viewer, result)
        if layer is not None:
            self.space.go.emit("inspect", layer)

    def _refresh(self) -> None:
        self.results.refresh()
        self.compare.refresh()
        self.actions_panel.refresh()
        some = len(self.space.results) > 0
        for widget in (self.compare_title, self.compare):
            widget.setVisible(some)

    def _set_theme(self, event: Event | None = None) -> None:
        chosen = tones(self.viewer)
        for part in (self.results, self.compare, self.actions_panel):
            if isinstance(part, Themed):
                part.set_tones(chosen)
        self.compare_title.setStyleSheet(f"color: {chosen.quiet}; margin-top: 6px;")

    def _lay_out(self) -> None:
        area = ScrollColumn(spacing=6)
        for widget in (self.results, self.compare_title, self.compare):
            area.column.addWidget(widget)
        area.column.addStretch()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(area, 1)
        layout.addWidget(self.actions_panel)


def _release(tab: ResultsTab) -> None:
    """Disconnect the signals of a tab that Qt has deleted, and leave the canvas as it was."""
    space: Workspace = tab.space
    space.kept.pop(_KEPT, None)
    tab.model.changed.disconnect(tab._refresh)
    tab.viewer.events.theme.disconnect(tab._set_theme)
    tab.compare.close_stage()
    tab.symbols.close()
    tab.model.close()
