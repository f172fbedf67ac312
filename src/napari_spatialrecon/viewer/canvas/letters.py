"""The letters of titles, drawn before they are needed."""

from __future__ import annotations

from string import ascii_lowercase, digits
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_spatialrecon.viewer.window.steps import Steps

LETTERS = f"{ascii_lowercase}{digits}GCTSµ .,%()·…-"
FEW = 5
"""Letters that are drawn in one step; each takes 2 to 3 ms."""


def drawing_letters(canvas: Any) -> Steps:
    """Draw letters for the texts on a canvas of napari, a few at a time.

    Those of a first title and its color bar would hold up their frame for a tenth of a second.
    """
    info = getattr(canvas, "_font_info", None)  # of napari 0.9.2
    if info is None or info.font_manager is None:
        return
    font = info.font_manager.get_font(info.face)
    for start in range(0, len(LETTERS), FEW):
        for letter in LETTERS[start : start + FEW]:
            font[letter]
        yield None
