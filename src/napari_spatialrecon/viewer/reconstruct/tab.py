"""The tab Reconstruct: one of four tasks, chosen at the top, which share their data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import (
    QButtonGroup,
    QHBoxLayout,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.viewer.deconvolve.widget import Deconvolve
from napari_spatialrecon.viewer.impute_genes.widget import ImputeGenes
from napari_spatialrecon.viewer.place.widget import PlaceCells
from napari_spatialrecon.viewer.super_resolve.widget import SuperResolve
from napari_spatialrecon.viewer.task.repeating import choices_of, data_of
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.task.widget import TaskWidget
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Entry, workspace_of

if TYPE_CHECKING:
    from napari.viewer import Viewer

TASKS: dict[str, tuple[str, str, type[TaskWidget]]] = {
    "place": ("Place", "Put dissociated cells, or spots, back into the tissue", PlaceCells),
    "deconvolve": ("Deconvolve", "The cell types in each spot of a slide", Deconvolve),
    "impute-genes": ("Impute genes", "Maps of genes that a slide lacks", ImputeGenes),
    "super-resolve": ("Super-resolve", "Split spots into smaller parts", SuperResolve),
}
"""Title, tooltip and widget of each task, by its name in `methods.registry`."""
_KEPT = "reconstruct"


class ReconstructTab(QWidget):
    """The tab Reconstruct of one viewer.

    Attributes
    ----------
    widgets
        The tasks that were shown so far, by name.
    choice
        The data that they share.
    """

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.viewer, self.space = viewer, workspace_of(viewer)
        self.choice = SharedChoice()
        self.widgets: dict[str, TaskWidget] = {}
        self.task = ""
        self.buttons: dict[str, QPushButton] = {}
        self.group, self.pages = QButtonGroup(self), QStackedWidget()
        segments = QHBoxLayout()
        segments.setContentsMargins(8, 8, 8, 0)
        segments.setSpacing(1)
        for name, (title, tip, _) in TASKS.items():
            button = self.buttons[name] = QPushButton(title)
            button.setCheckable(True)
            button.setToolTip(tip)
            button.clicked.connect(lambda _=False, name=name: self.show_task(name))
            self.group.addButton(button)
            segments.addWidget(button, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(segments)
        layout.addWidget(self.pages, 1)
        self.show_task(next(iter(TASKS)))
        self.space.kept[_KEPT] = self
        when_destroyed(self, self.space.kept.pop, _KEPT, None)

    @property
    def current(self) -> TaskWidget:
        """The task that is shown."""
        return self.widgets[self.task]

    def show_task(self, name: str) -> TaskWidget:
        """Show a task, made when it is first shown; it starts with the data of the last one."""
        if self.task == name:
            return self.current
        if self.task:
            self.current.model.share(self.choice)
            self.current.panel.watch(False)
        if name not in self.widgets:
            self.widgets[name] = TASKS[name][2](self.viewer)
            self.pages.addWidget(self.widgets[name])
        self.task = name
        widget = self.current
        if not widget.model.running:
            widget.model.take(self.choice)
        widget.panel.watch(True)
        self.buttons[name].setChecked(True)
        self.pages.setCurrentWidget(widget)
        return widget

    def go(self, what: str, about: object) -> None:
        """Show a task, with an entry as its input.

        Parameters
        ----------
        what
            The task's name in `methods.registry`; another name keeps the one that is shown.
        about
            An entry of the workspace, or a result whose choices are made again; anything else is
            ignored.
        """
        widget = self.show_task(what) if what in TASKS else self.current
        if isinstance(about, Result) and not widget.model.running:
            widget.model.take(data_of(about, self.space))
            widget.inputs.restore(choices_of(about))
        if isinstance(about, Entry) and about in list(self.space) and not widget.model.running:
            widget.inputs.start_with(about)

    def state(self) -> dict[str, Any]:
        """Return the task that is shown, what was chosen in each, and the data they share."""
        self.current.model.share(self.choice)
        return {
            "task": self.task,
            "choices": {name: widget.inputs.state() for name, widget in self.widgets.items()},
            "data": self.choice.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to a state; entries that are no longer open are omitted."""
        self.choice = SharedChoice.of(state.get("data", {}), self.space)
        self.current.model.take(self.choice)
        choices = state.get("choices", {})
        for name in [*choices, state.get("task")]:
            if name in TASKS:
                self.show_task(name).inputs.restore(choices.get(name, {}))
