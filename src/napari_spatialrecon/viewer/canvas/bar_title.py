"""A title above the color bar of a layer, and bars one below the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari.components.overlays import LayerNameOverlay

from napari_spatialrecon.evaluation.palette import elide

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image, Points

_KEY = "spatialrecon_bar_title"
_LONGEST = 34
_BAR = (16, 110)


class BarTitle(LayerNameOverlay):
    """Says what the color bar of a layer shows, below the name of the layer."""

    text: str = ""


def show_bar(layer: Points | Image, title: str | None) -> None:
    """Show the color bar of a layer with a title; None hides both."""
    from napari.layers import Image

    bar = layer.colorbar if isinstance(layer, Image) else layer.face_colorbar
    words = _title_of(layer)
    if title is None:
        bar.visible = False
        if words is not None:
            words.visible = False
        return
    bar.size, bar.box = _BAR, True
    if words is None:
        words = BarTitle(position=bar.position, box=True, font_size=9)
        layer._overlays[_KEY] = words
    words.text = title
    bar.visible = True  # before its title: what is drawn first stands lower
    words.visible = True


def bar_title(layer: Points | Image) -> str | None:
    """Return the title of a layer's color bar; None while it is hidden."""
    words = _title_of(layer)
    return words.text if words is not None and words.visible else None


def stack_bars(viewer: ViewerModel) -> None:
    """Put the color bars of a viewer one below the other, each under its title."""
    from napari.components.canvas import Orientation

    viewer.canvas.overlay_tiling.top_right = Orientation.VERTICAL


def draw_titles() -> None:
    """Let windows draw these titles; until then they show only the names of the layers."""
    from napari._vispy.overlays.text import VispyLayerNameOverlay
    from napari._vispy.utils.visual import overlay_to_visual

    class Drawn(VispyLayerNameOverlay):
        def _connect_events(self) -> Any:
            self.layer.events.name.connect(self._on_text_change)
            self.overlay.events.text.connect(self._on_text_change)

        def _on_text_change(self) -> Any:
            lines = (self.layer.name, self.overlay.text)
            self.node.text = "\n".join(elide(line, _LONGEST) for line in lines)
            place: Callable[[], None] = self._on_position_change
            place()

    overlay_to_visual.setdefault(BarTitle, Drawn)


def _title_of(layer: Points | Image) -> BarTitle | None:
    found = layer._overlays.get(_KEY)
    return found if isinstance(found, BarTitle) else None
