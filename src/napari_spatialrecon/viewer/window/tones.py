"""Colors of text and lines that are readable in napari's dark and light themes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from napari.components import ViewerModel


@dataclass(frozen=True)
class Tones:
    """Hex colors with a contrast of at least 4.5 to the window's background."""

    good: str
    warning: str
    wrong: str
    quiet: str
    line: str
    accent: str


DARK = Tones("#7BD88F", "#F2B84B", "#FF8A80", "#A8ADB5", "#4A4F57", "#56B4E9")
LIGHT = Tones("#156C2F", "#875100", "#B3261E", "#5A5F66", "#B9BDC3", "#00609A")


@runtime_checkable
class Themed(Protocol):
    """A widget whose words and lines follow the theme."""

    def set_tones(self, tones: Tones) -> None:
        """Take the colors of a theme."""


def tones(viewer: ViewerModel | None) -> Tones:
    """Return the colors for a viewer's theme."""
    from napari.utils.theme import get_theme

    if viewer is None:
        return DARK
    red, green, blue = get_theme(viewer.theme).background.as_rgb_tuple()[:3]
    return DARK if 0.3 * red + 0.59 * green + 0.11 * blue < 128 else LIGHT
