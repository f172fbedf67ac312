"""What is open in a viewer: slides, cells to place, histology, models and results.

Widgets show the workspace and own no data. It knows napari's layers, but not Qt.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from psygnal import Signal, SignalGroup

from napari_spatialrecon import hdf5_vetting
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.viewer.canvas.layers import unwrapped
from napari_spatialrecon.viewer.canvas.passing import is_passing
from napari_spatialrecon.viewer.canvas.prepare import prepare_canvas
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.entry import SUFFIXES, Entry, Role, read_um
from napari_spatialrecon.viewer.workspace.results import Results
from napari_spatialrecon.viewer.workspace.scales import (
    apply_scale,
    stated_scale,
    um_per_data_unit,
    unify_units,
)
from napari_spatialrecon.viewer.workspace.selection import Selection
from napari_spatialrecon.viewer.workspace.tiling import Tiling
from napari_spatialrecon.viewer.workspace.validations import Validations

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer
    from napari.utils.events import Event

    from napari_spatialrecon.methods.encoders.base import EncoderMethod


__all__ = [
    "SUFFIXES",
    "Entry",
    "Kept",
    "Role",
    "Workspace",
    "read_um",
    "workspace_of",
]


class WorkspaceEvents(SignalGroup):
    """Signals for widgets; each carries the entry."""

    added = Signal(Entry)
    removed = Signal(Entry)
    changed = Signal(Entry)


class Kept(Protocol):
    """A part of the window whose state is saved with a session."""

    def state(self) -> dict[str, Any]:
        """Return its state, as JSON can hold it."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Return to a state; what no longer exists is omitted."""


class Workspace:
    """What is open in one viewer, in the order it was opened.

    Parameters
    ----------
    viewer
        Its layers are adopted if they can be used, and dropped when they are removed.
    memory
        Scales that the user typed earlier; default those in napari's settings.

    Attributes
    ----------
    results
        What was made in it, and reopened.
    validations
        What was validated in it, or came with its session.
    selection
        The cells or spots that are selected in every view of them.
    tiling
        Where slides lie on the canvas.
    kept
        Parts of the window whose state a session keeps, by name.
    """

    go = Signal(str, object)
    """Asks the workbench for a place, for instance ``"reconstruct/place"``, with an entry, a layer
    or a result that it is about, or None."""

    def __init__(self, viewer: ViewerModel, *, memory: Memory | None = None) -> None:
        self.events = WorkspaceEvents()
        self.results, self.selection = Results(), Selection()
        self.validations = Validations()
        self.tiling = Tiling(viewer)
        self.kept: dict[str, Kept] = {"tiling": self.tiling}
        self._entries: list[Entry] = []
        self._viewer = weakref.ref(viewer)
        self._scale_bar_shown = False
        self.memory = memory or Memory()
        held = weakref.ref(self)

        def unify() -> None:
            if (space := held()) is not None:
                unify_units(space.viewer, list(space))

        prepare_canvas(viewer, unify)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        for layer in viewer.layers:
            self._adopt_if_fit(layer)
        self.tiling.place(viewer.layers)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def viewer(self) -> ViewerModel | None:
        """The viewer; None once it is gone."""
        return self._viewer()

    def of_role(self, *roles: Role) -> list[Entry]:
        """Return the entries with one of these roles."""
        return [entry for entry in self._entries if entry.role in roles]

    def named(self, name: str) -> Entry | None:
        """Return the entry of this name."""
        return next((entry for entry in self._entries if entry.name == name), None)

    def at(
        self, path: str | Path, role: Role | None = None, read: Mapping[str, str] | None = None
    ) -> Entry | None:
        """Return the entry of a file: with a role and with reading options, if they are given."""
        wanted = Path(path).resolve()
        for entry in self._entries:
            fits = role in (None, entry.role) and (read is None or dict(read) == dict(entry.read))
            if entry.path == wanted and fits:
                return entry
        return None

    def of_layer(self, layer: Layer) -> Entry | None:
        """Return the entry that a layer shows."""
        return next((entry for entry in self._entries if entry.layer is layer), None)

    def add(
        self,
        name: str,
        role: Role,
        *,
        adata: AnnData | None = None,
        path: str | Path | None = None,
        layer: Layer | None = None,
        um_per_unit: float | None = None,
        model: EncoderMethod | None = None,
        read: Mapping[str, str] | None = None,
    ) -> Entry:
        """Add an entry; the same table in the same role stays one entry, and gets a note.

        An unknown scale is taken from what the user typed earlier for this file.
        """
        path = Path(path).resolve() if path is not None else None
        if path is not None and (known := self.at(path, role, read or {})) is not None:
            known.note(f"{path.name} was opened again, and is listed once.")
            self.events.changed.emit(known)
            return known
        entry = Entry(
            self._unique(name), role, adata, path, layer, um_per_unit, model=model, read=read or {}
        )
        self._entries.append(entry)
        if entry.needs_scale and (scale := self.memory.scale(entry.scale_key)) is not None:
            apply_scale(entry, scale)
            entry.note(f"{scale:g} µm per unit, as entered before.")
        unify_units(self.viewer, self._entries)
        self._show_scale_bar(entry)
        self.events.added.emit(entry)
        return entry

    def remove(self, entry: Entry) -> None:
        """Forget an entry; its layer stays."""
        self._entries.remove(entry)
        self.events.removed.emit(entry)

    def rename(self, entry: Entry, label: str, *others: Entry) -> None:
        """Call an entry and others that belong to it something else; their layers follow.

        Later runs are named by it. A name that is blank leaves all as it is.
        """
        if not (label := " ".join(label.split())):
            return
        for one in (entry, *others):
            suffix = next((text for text in SUFFIXES if one.name.endswith(text)), "")
            one.label, one.name = label, ""
            one.name = self._unique(f"{label}{suffix}")
            if one.layer is not None:
                one.layer.name = one.name
            self.events.changed.emit(one)

    def set_role(self, entry: Entry, role: Role) -> None:
        """Use an entry in another role, for instance a slide as cells to place."""
        if entry.role is not role:
            entry.role = role
            self.events.changed.emit(entry)

    def set_scale(self, entry: Entry, um_per_unit: float | str) -> None:
        """Set the µm per unit (or pixel) of an entry, and of all others from the same file.

        Parameters
        ----------
        um_per_unit
            A number, or text that was typed.

        Raises
        ------
        InputError
            The scale is not a positive number.
        """
        value = read_um(um_per_unit)
        if value is None:
            raise InputError(
                f"Expected a positive number of µm, found {um_per_unit!r}.",
                remedy="Try 0.5, which is common for a scan at 20×.",
                where=entry.name,
            )
        same_file = [e for e in self._entries if entry.path is not None and e.path == entry.path]
        for other in same_file or [entry]:
            apply_scale(other, value)
            self._show_scale_bar(other)
            self.events.changed.emit(other)
        self.tiling.arrange()
        self.memory.remember_scale(entry.scale_key, value)

    def adopt(self, layer: Layer, role: Role | None = None) -> Entry:
        """Take a layer made elsewhere as a slide, cells to place, or histology.

        Raises
        ------
        InputError
            The layer is neither two-dimensional points nor a two-dimensional image.
        """
        from napari.layers import Image, Points

        known = self.of_layer(layer)
        if known is not None:
            if role is not None:
                self.set_role(known, role)
            return known
        if not isinstance(layer, Points | Image) or layer.ndim != 2:
            kind = type(layer).__name__.lower()
            raise InputError(
                f"Expected points or an image in two dimensions, found {kind} in {layer.ndim}.",
                remedy="Try one plane of it, or a points layer.",
                where=layer.name,
            )
        ours = layer.metadata.get(OURS, {})
        image = isinstance(layer, Image)
        role = role or Role(ours.get("role", Role.HISTOLOGY if image else Role.SLIDE))
        path = ours.get("path") or layer.source.path
        scale = ours["um_per_unit"] if "um_per_unit" in ours else um_per_data_unit(layer)
        entry = self.add(
            layer.name,
            role,
            adata=table_of(layer),
            path=path,
            layer=layer,
            um_per_unit=scale,
            read=ours.get("read"),
        )
        layer.events.name.connect(self._on_name)
        for note in ours.get("notes", ()):
            entry.note(note)
        if image and entry.needs_scale:
            self._take_stated_scale(entry)
        return entry

    def _take_stated_scale(self, entry: Entry) -> None:
        """Give an image opened on its own the µm per pixel that its file states."""
        size, path = stated_scale(entry), entry.path
        if size is not None and path is not None:
            apply_scale(entry, size)
            self._show_scale_bar(entry)
            entry.note(f"{size:.4g} µm per pixel, as {path.name} states.")
            self.events.changed.emit(entry)

    def _adopt_if_fit(self, layer: Layer) -> None:
        from napari.layers import Image, Points

        if is_passing(layer):
            return
        fits = isinstance(layer, Image) and layer.ndim == 2
        has_table = isinstance(layer, Points) and table_of(layer) is not None
        if fits or (has_table and layer.ndim == 2):
            self.adopt(layer)

    def _on_inserted(self, event: Event) -> None:
        self._adopt_if_fit(event.value)
        self.tiling.place([event.value])

    def _on_name(self, event: Event) -> None:
        """Follow a layer that was renamed in napari's list."""
        layer = event.source
        entry = self.of_layer(layer)
        if entry is None or entry.role is Role.RESULT or layer.name == entry.name:
            return
        suffix = next((text for text in SUFFIXES if layer.name.endswith(text)), "")
        entry.label, entry.name = layer.name.removesuffix(suffix), ""
        entry.name = self._unique(layer.name)
        self.events.changed.emit(entry)

    def _on_removed(self, event: Event) -> None:
        entry = self.of_layer(event.value)
        if entry is not None:
            self.remove(entry)
        if (viewer := self.viewer) is not None:
            self.selection.forget(event.value, viewer.layers)

    def _show_scale_bar(self, entry: Entry) -> None:
        """Turn on the scale bar with the first layer in µm; once turned off, it stays off."""
        viewer = self.viewer
        if viewer is not None and entry.layer is not None and entry.um_per_unit is not None:
            if not self._scale_bar_shown:
                viewer.canvas.overlays.scale_bar.visible = True
            self._scale_bar_shown = True

    def _unique(self, name: str) -> str:
        taken, result, number = {entry.name for entry in self._entries}, name, 2
        while result in taken:
            result, number = f"{name} [{number}]", number + 1
        return result


_HELD = "_spatialrecon_workspace"


def workspace_of(viewer: ViewerModel, *, memory: Memory | None = None) -> Workspace:
    """Return the workspace of a viewer; each viewer has its own, made at the first call.

    The viewer's list of layers holds it. A table of ours would hold the viewer in turn: layers, of
    which a workspace knows, are followed by the canvas, which knows the viewer.
    """
    held = vars(unwrapped(viewer).layers)
    if _HELD not in held:
        hdf5_vetting.start()  # before a file is dropped, which would wait for it
        held[_HELD] = Workspace(unwrapped(viewer), memory=memory)
    space: Workspace = held[_HELD]
    return space
