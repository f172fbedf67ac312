"""What is open in a viewer at one moment, to be written as a session.

Taking it copies no array, so that the window is not held up; it is packed in a thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.tissue.sharing import sharing
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.coloring import look_of
from napari_spatialrecon.viewer.canvas.colors import ColorKey, color_key
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.session.landmark_docks import landmark_docks
from napari_spatialrecon.viewer.session.table_files import TableSource
from napari_spatialrecon.viewer.workspace.workspace import Role, workspace_of

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.viewer.workspace.validations import Found
    from napari_spatialrecon.viewer.workspace.workspace import Workspace

_TABLE = "table"


@dataclass(frozen=True)
class LayerTaken:
    """A layer.

    Parameters
    ----------
    kind, data, state
        As napari describes a layer.
    ours
        Slots of ours in its metadata, without its table.
    table
        Number of its table; None if it has none.
    source
        File and reader of an image that napari read.
    """

    kind: str
    data: Any = field(repr=False)
    state: Mapping[str, Any] = field(repr=False)
    ours: Mapping[str, Any]
    table: int | None
    key: ColorKey | None
    look: Mapping[str, Any] | None
    colorbar: bool
    source: tuple[str, str | None] | None


@dataclass(frozen=True)
class ModelTaken:
    """An encoder that is open; it is written if it has no folder."""

    name: str
    path: Path | None
    model: EncoderMethod | None = field(repr=False)


@dataclass(frozen=True)
class Snapshot:
    """What is open, as `session.saving.write_session` needs it.

    Parameters
    ----------
    tables
        All tables, each once.
    layers
        In their order, bottom first.
    cells
        Tables that no layer shows: number, name and role of each.
    results
        Of each its name, task, record, path, and the numbers of its table and layer.
    validations
        The oldest first.
    roles
        Number of a layer to its role and name, where it is listed.
    view
        Camera and axes.
    selected
        Returns the names that are selected, which takes a while for many.
    kept
        State of each part of the window that has one.
    """

    tables: list[TableSource]
    layers: list[LayerTaken]
    cells: list[dict[str, Any]]
    results: list[dict[str, Any]]
    models: list[ModelTaken]
    roles: dict[int, tuple[str, str]]
    view: dict[str, Any]
    kept: dict[str, Any]
    selected: Callable[[], list[str]] = list
    validations: Sequence[Found] = ()

    @property
    def unsaved(self) -> int:
        """Number of results that are on no disk."""
        return sum(result["path"] is None for result in self.results)


class _Tables:
    """Gives each table a number."""

    def __init__(self, space: Workspace) -> None:
        self.sources: list[TableSource] = []
        self._numbers: dict[int, int] = {}
        self._held: list[AnnData] = []  # while numbers go by id
        self._files = {
            id(entry.adata): (entry.path, tuple(entry.read.items()))
            for entry in space
            if entry.adata is not None and entry.path is not None
        }
        for result in space.results:
            if result.path is not None:
                self._files.setdefault(id(result.adata), (result.path, ()))

    def number(self, adata: AnnData | None) -> int | None:
        if adata is None:
            return None
        if id(adata) not in self._numbers:
            path, read = self._files.get(id(adata), (None, ()))
            self._numbers[id(adata)] = len(self.sources)
            self._held.append(adata)
            still = sharing(adata, obs=adata.obs.copy(deep=False))
            self.sources.append(TableSource(still, path, read))
        return self._numbers[id(adata)]


def take(viewer: ViewerModel) -> Snapshot:
    """Return what is open in a viewer; nothing of it is changed or copied."""
    space = workspace_of(viewer)
    tables = _Tables(space)
    kept_layers = [layer for layer in viewer.layers if not is_passing(layer)]
    layers = [_layer(layer, tables) for layer in kept_layers]
    at = {layer: number for number, layer in enumerate(kept_layers)}
    roles, cells, models = {}, [], []
    for entry in space:
        if entry.role is Role.MODEL:
            models.append(ModelTaken(entry.name, entry.path, entry.model))
        elif entry.layer in at:
            roles[at[entry.layer]] = (str(entry.role), entry.name)
        elif entry.adata is not None:
            number = tables.number(entry.adata)
            cells.append({"name": entry.name, "role": str(entry.role), "table": number})
    results = [
        {
            "name": result.name,
            "task": result.task,
            "record": dict(result.record),
            "path": result.path,
            "table": tables.number(result.adata),
            "layer": at.get(result.layer) if result.layer is not None else None,
        }
        for result in space.results
    ]
    kept = {name: part.state() for name, part in space.kept.items()}
    view = _view(viewer, space, at)
    lost = space.selection.source is not None and view["selected_in"] is None
    names = None if lost else space.selection.held()
    return Snapshot(
        tables.sources,
        layers,
        cells,
        results,
        models,
        roles,
        view,
        kept,
        list if names is None else lambda: names().tolist(),
        tuple(reversed(list(space.validations))),
    )


def _layer(layer: Layer, tables: _Tables) -> LayerTaken:
    from napari.layers import Image, Points

    data, state, kind = layer.as_layer_data_tuple()
    ours = {k: v for k, v in layer.metadata.get(OURS, {}).items() if k != _TABLE}
    bar = layer.colorbar if isinstance(layer, Image) else getattr(layer, "face_colorbar", None)
    file = layer.source.path
    return LayerTaken(
        kind,
        data,
        state,
        ours,
        tables.number(table_of(layer)),
        color_key(layer) if isinstance(layer, Points) else None,
        look_of(layer) if isinstance(layer, Points) else None,
        bool(bar is not None and bar.visible),
        None if file is None else (str(file), layer.source.reader_plugin),
    )


def _view(viewer: ViewerModel, space: Workspace, at: Mapping[Layer, int]) -> dict[str, Any]:
    from napari.layers import Points

    camera, active = viewer.scene.camera, viewer.layers.selection.active
    selection = space.selection
    of = [layer for layer in at if isinstance(layer, Points) and selection.is_of(layer)]
    source = selection.source
    if source is not None and source not in at:
        source = next(iter(of), None)
    return {
        "center": [float(c) for c in camera.center],
        "zoom": float(camera.zoom),
        "angles": [float(a) for a in camera.angles],
        "ndisplay": int(viewer.dims.ndisplay),
        "scale_bar": bool(viewer.canvas.overlays.scale_bar.visible),
        "active": None if active is None else at.get(active),
        "selected_in": None if source is None else at[source],
        "docks": landmark_docks(viewer, at),
    }
