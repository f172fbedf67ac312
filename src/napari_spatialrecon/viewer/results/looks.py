"""Ways to look at a comparison of two results."""

from __future__ import annotations

from enum import StrEnum

MARKS = "●◆"
"""Symbols of the points of the first and of the second side, for text."""
LETTERS = "AB"
"""The same where both lie in the same places, as mixtures of the same spots do."""


class Look(StrEnum):
    """A way to look at a comparison."""

    BESIDE = "side by side"
    SWIPE = "swipe"
    BLINK = "blink"
    ARROWS = "arrows"
    DISAGREEMENT = "disagreement"
    DISTORTION = "distortion"


TIPS = {
    Look.BESIDE: "Show the second beside the first, on a copy of its image",
    Look.SWIPE: "Drag the line on the canvas: the first is left of it, the second right of it",
    Look.BLINK: "Show one and the other in turn, for half a second each",
    Look.ARROWS: "Draw an arrow from where the first places a cell to where the second does",
    Look.DISAGREEMENT: "Color each cell by how far apart the two place it, and keep it as a column",
    Look.DISTORTION: "Map how the first layout is stretched and sheared into the second",
}
"""What each shows."""
