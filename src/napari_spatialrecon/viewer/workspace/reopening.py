"""Results of runs that are opened again: each is shown as its task showed it, from its own file.

The rooms of the tasks lie above this one, so they are named here and imported when a result of
theirs is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.coloring import look_of, restore_look
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_spatialrecon.tissue.images import Histology

SHOWN = "shown"
"""Key of a record: how the window showed the result."""
LOOK = "look"
"""Key of what a record holds in `SHOWN`: the colors, sizes and rims when it was saved."""
_ROOMS = {
    "place": "place",
    "impute-locations": "place",
    "move-by-landmarks": "place",
    "deconvolve": "deconvolve",
    "super-resolve": "super_resolve",
    "impute-genes": "impute_genes",
}
"""The room of the viewer that shows the results of a task, by its name in records."""


class Room(Protocol):
    """Module ``reopening`` of a task's room."""

    OUTCOME: Any
    """Its class: ``OUTCOME.of(adata, record, image)`` is what a run returned, from its file."""

    def show(
        self,
        viewer: ViewerModel,
        outcome: Any,
        name: str,
        *,
        diameter_um: float | None,
        image: Image | None,
    ) -> Layer:
        """Add the layers of an outcome, and return the main one."""

    def attach(self, viewer: ViewerModel, outcome: Any, name: str, layer: Layer) -> Any:
        """Give layers that are shown what no layer holds, such as pies.

        Returns
        -------
        What the task's widget drives, to be kept as `Result.drawn`; None if it drives nothing.
        """


@dataclass(frozen=True)
class Reopened:
    """A result read from its file, yet to be shown.

    Parameters
    ----------
    task
        Its name in `methods.registry`.
    outcome
        What the run returned, as far as the file holds it.
    """

    name: str
    task: str
    outcome: Any = field(repr=False)

    @property
    def record(self) -> Mapping[str, Any]:
        """Content of its ``run.json``."""
        found: Mapping[str, Any] = self.outcome.record
        return found

    @property
    def looks(self) -> Mapping[str, Any]:
        """How the window showed it; empty for a result of the command line."""
        found = self.record.get(SHOWN)
        return found if isinstance(found, Mapping) else {}


def room_of(task: str) -> Room | None:
    """Return what shows the results of a task; None if nothing does."""
    name = _ROOMS.get(task)
    if name is None:
        return None
    home = __name__.split(".workspace.")[0]
    return cast("Room", import_module(f"{home}.{name}.reopening"))


def task_of(record: Mapping[str, Any]) -> str:
    """Return the task of a record by its name in `methods.registry`; empty if none shows it."""
    task = str(record.get("task", ""))
    if task not in _ROOMS:
        return ""
    return "place" if _ROOMS[task] == "place" else task


def reopen(
    adata: AnnData,
    record: Mapping[str, Any],
    name: str,
    image: Histology | None = None,
) -> Reopened | None:
    """Return a result from its table and record: None of a table that no run made.

    Parameters
    ----------
    name
        Of the result, unless the window named it.
    image
        The H&E that the table names.
    """
    room = room_of(str(record.get("task", "")))
    if room is None:
        return None
    outcome = room.OUTCOME.of(adata, record, image)
    outcome.prepare()
    found = Reopened(name, task_of(record), outcome)
    return Reopened(str(found.looks.get("name") or name), found.task, outcome)


def show_reopened(
    viewer: ViewerModel, found: Reopened, path: Path, image: Image | None = None
) -> Result:
    """Show a result as after its run, and list it among the results.

    Layers of a result with the same name stay.

    Parameters
    ----------
    image
        The layer of its H&E.
    """
    from napari.layers import Points

    space, looks = workspace_of(viewer), found.looks
    room = room_of(found.task)
    assert room is not None, "reopened by its room"
    name = free_name(viewer, found.name, path.stem)
    diameter = looks.get("diameter_um")
    layer = room.show(viewer, found.outcome, name, diameter_um=diameter, image=image)
    layer.metadata = {
        **layer.metadata,
        OURS: {**layer.metadata.get(OURS, {}), "path": str(path), "locked": True},
    }
    entry = space.of_layer(layer)
    if entry is not None:
        entry.path = path.resolve()
        space.events.changed.emit(entry)
    look = looks.get(LOOK)
    if isinstance(layer, Points) and isinstance(look, Mapping):
        restore_look(viewer, layer, look)
    return space.results.add(
        Result(
            name,
            found.task,
            found.outcome.adata,
            found.record,
            layer=layer,
            path=path,
            outcome=found.outcome,
            drawn=room.attach(viewer, found.outcome, name, layer),
        )
    )


def with_look(record: Mapping[str, Any], layer: Layer | None) -> dict[str, Any]:
    """Return a record, to be saved, that keeps how the result looks now."""
    from napari.layers import Points

    if not isinstance(layer, Points) or layer.ndim != 2:
        return dict(record)
    return {**record, SHOWN: {**record.get(SHOWN, {}), LOOK: look_of(layer)}}


def free_name(viewer: ViewerModel, name: str, file: str) -> str:
    """Return the name of a result, with that of its file where another one has it."""
    taken = {result.name for result in workspace_of(viewer).results}
    taken |= {layer.name for layer in viewer.layers}
    if name not in taken:
        return name
    named, number = f"{name} ({file})", 2
    while named in taken:
        named, number = f"{name} ({file} {number})", number + 1
    return named
