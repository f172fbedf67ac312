"""What is said of a selection: how many, of what kinds, and why a lasso changed nothing."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np

from napari_spatialrecon.viewer.canvas.lasso import Way
from napari_spatialrecon.viewer.inspect.selected import Category

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_spatialrecon.viewer.workspace.selection import Selection

_LINES = 10
_EMPTY = "Nothing is selected. Click Lasso, then draw around cells or spots on the canvas."


def selection_words(selection: Selection, layer: Points | None, n: int, beside: str) -> str:
    """Return how many of a layer's points are selected, and what else is to be said of it."""
    if layer is None or not len(selection):
        return beside or _EMPTY
    if not n:
        none = f"None of the {len(selection):,} selected cells or spots are in this layer."
        return f"{none} {beside}".strip()
    words = f"{n:,} of {len(layer.data):,} selected ({n / len(layer.data):.1%})."
    if selection.source is not None and selection.source is not layer:
        words += f" Selected by name in {selection.source.name}."
    return f"{words} {beside}".strip()


def lies_elsewhere(selection: Selection, way: Way) -> str:
    """Return why a lasso in other cells than those selected changes nothing."""
    where = "elsewhere" if selection.source is None else f"in {selection.source.name}"
    key, done = ("Shift", "added") if way == "add" else ("Alt", "removed")
    return f"They lie {where}, and nothing was {done}. Draw without {key} to select here instead."


def as_table(title: str, lines: Sequence[Category], ink: str) -> str:
    """Return a composition as rich text, each category in its color and each name a link."""
    rows = [
        f'<tr><td width="60%"><span style="color:{one.color}">■</span> '
        f'<a href="{quote(one.name, safe="")}" style="color:{ink}">{escape(one.name)}</a></td>'
        f'<td width="12%" align="right">{one.share:.0%}</td>'
        f'<td width="14%" align="right">({_percent(one.share_of_rest)})</td>'
        f'<td width="14%" align="right">{one.count:,}</td></tr>'
        for one in lines[:_LINES]
    ]
    rest = lines[_LINES:]
    if rest:
        count, share = sum(one.count for one in rest), sum(one.share for one in rest)
        rows.append(
            f"<tr><td>{len(rest)} more</td><td align='right'>&nbsp;{share:.0%}&nbsp;</td>"
            f"<td></td><td align='right'>{count:,}</td></tr>"
        )
    return f"<b>{escape(title)}</b><table width='100%'>{''.join(rows)}</table>"


def _percent(share: float) -> str:
    return "–" if np.isnan(share) else f"{share:.0%}"
