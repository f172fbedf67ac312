"""The legend of a points layer: what each color means, and which categories are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_spatialrecon.viewer.canvas.colors import ColorEntry, ColorKey, color_key, repaint
from napari_spatialrecon.viewer.canvas.hidden import (
    forget_hidden,
    forget_outdated,
    hidden_entries,
    hidden_events,
    hide_entries,
)
from napari_spatialrecon.viewer.canvas.shapes import has_shapes, shape_of

if TYPE_CHECKING:
    from napari.layers import Points

#: With more names than this, the legend offers a search.
SEARCH_FROM = 20


class Legend:
    """Categories of one points layer; hiding acts on the layer's ``shown``.

    Points that were hidden otherwise stay hidden, and a category stays hidden while another layer
    is explained. When the layer is colored by something else, all categories are shown again.

    Parameters
    ----------
    layer
        The layer to explain, or None.
    """

    changed = Signal()

    def __init__(self, layer: Points | None = None) -> None:
        self._layer: Points | None = None
        self._key: ColorKey | None = None
        hidden_events.changed.connect(self._on_hidden)
        self.set_layer(layer)

    @property
    def layer(self) -> Points | None:
        """The layer that the legend explains."""
        return self._layer

    @property
    def key(self) -> ColorKey | None:
        """What the colors mean; None if unknown."""
        return self._key

    @property
    def entries(self) -> tuple[ColorEntry, ...]:
        """The lines of the legend."""
        return self._key.entries if self._key is not None else ()

    @property
    def hidden(self) -> frozenset[int]:
        """Indices of the hidden entries."""
        return hidden_entries(self._layer) if self._layer is not None else frozenset()

    @property
    def solo(self) -> int | None:
        """Index of the only entry shown, or None."""
        hidden = self.hidden
        visible = [i for i in range(len(self.entries)) if i not in hidden]
        return visible[0] if len(visible) == 1 and len(self.entries) > 1 else None

    def shape(self, index: int) -> str:
        """Return the shape of the points of an entry, as napari calls it."""
        layer = self._layer
        shaped = layer is not None and has_shapes(layer)
        return shape_of(index, len(self.entries)) if shaped else "disc"

    @property
    def searchable(self) -> bool:
        """Whether there are enough names for a search."""
        return len(self.entries) > SEARCH_FROM

    def set_layer(self, layer: Points | None) -> None:
        """Explain another layer; None shows the hidden categories of the old one again."""
        if layer is self._layer:
            return
        if self._layer is not None:
            self._layer.events.face_color.disconnect(self._read_key)
            self._layer.events.symbol.disconnect(self._on_symbol)
            if layer is None:
                forget_hidden(self._layer)
        self._layer = layer
        if layer is not None:
            layer.events.face_color.connect(self._read_key)
            layer.events.symbol.connect(self._on_symbol)
        self._read_key()

    def toggle(self, index: int) -> None:
        """Hide a shown entry, or show a hidden one."""
        self._set_hidden(set(self.hidden ^ {index}))

    def toggle_solo(self, index: int) -> None:
        """Show only this entry, or all if it already is the only one."""
        everything = set(range(len(self.entries)))
        self._set_hidden(set() if self.solo == index else everything - {index})

    def hide_only(self, entries: Iterable[int]) -> None:
        """Hide these entries, and show all others."""
        self._set_hidden(set(entries))

    def show_all(self) -> None:
        """Show every entry."""
        self._set_hidden(set())

    def recolor(self, index: int, color: str | Sequence[float]) -> None:
        """Give an entry of a categorical coloring another color (a name, hex code or RGBA)."""
        if self._layer is None or self._key is None or self._key.kind != "category":
            return
        repaint(self._layer, self._key.with_color(index, color))

    def search(self, text: str) -> list[int]:
        """Return the indices of the entries whose name contains `text`, ignoring case."""
        wanted = text.strip().casefold()
        return [i for i, entry in enumerate(self.entries) if wanted in entry.name.casefold()]

    def _read_key(self) -> None:
        if self._layer is not None:
            forget_outdated(self._layer)
        self._key = color_key(self._layer) if self._layer is not None else None
        self.changed.emit()

    def _set_hidden(self, hidden: set[int]) -> None:
        if self._layer is not None:
            hide_entries(self._layer, hidden)

    def _on_symbol(self) -> None:
        self.changed.emit()

    def _on_hidden(self, layer: Points) -> None:
        if layer is self._layer:
            self.changed.emit()
