"""Colors that remain distinct for readers with color vision deficiency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_spatialrecon.errors import InputError

_HEX = """
#E69F00 #56B4E9 #009E73 #F0E442 #0072B2 #D55E00 #CC79A7 #9B0D1B #AAF1C6 #9B0D62 #8DF1FF #627FFF
#467054 #46C67F #460DE2 #F1AAC6 #9B627F #C61B46 #29469B #54FF9B #F11B62 #C6290D #70547F #D48D54
#9BC6AA #9B1BFF #FF70D4 #7FD4FF #9BD462 #0D6238 #0DE2D4 #C61BC6 #F1628D #8D709B #54E29B #E238E2
#0D9B29 #C62962 #0D8D70 #387038 #54C6B8 #0DAAB8 #E21B9B #FFC6E2 #E2C60D #F19B7F #8D0D7F #7F7FB8
"""
#: Okabe and Ito without black, then colors added one at a time, each the farthest (CIEDE2000)
#: from all before it, the distance being the least over normal vision, deuteranopia and protanopia
#: (Machado et al. 2009). The window uses the same colors, so pictures look like the screen.
CATEGORIES = tuple(_HEX.split())
#: Points with a missing value, and categories that do not fit in the legend.
OTHER = "#888888"
#: Color of text and scale bars, of secondary text, and of guide lines.
INK, QUIET, RULE = "#1A1A1A", "#6B6B6B", "#E3E3E3"
#: The method, and the baselines next to it.
METHOD, BASELINE = "#0072B2", "#B4B4B4"


def category_colors(
    names: Sequence[str], palette: Mapping[str, str] | Sequence[str] | None = None
) -> dict[str, str]:
    """Return a color for each name, in order.

    Parameters
    ----------
    palette
        Colors by name (missing names take the defaults), or colors in order. Default:
        `CATEGORIES`, starting again after the 48th.

    Raises
    ------
    InputError
        The palette is an empty sequence.
    """
    by_name = palette if isinstance(palette, Mapping) else {}
    in_order = CATEGORIES if palette is None or isinstance(palette, Mapping) else tuple(palette)
    if not in_order:
        raise InputError(
            "Expected at least one color, found an empty palette.",
            remedy="Try omitting the palette to use the color-blind-safe one.",
        )
    return {name: by_name.get(name, in_order[i % len(in_order)]) for i, name in enumerate(names)}


def elide(name: str, longest: int = 26) -> str:
    """Return `name` with its middle elided if it is longer than `longest` characters.

    Examples
    --------
    >>> elide("Mesenchymal stromal cells, activated", 20)
    'Mesenchymal…ctivated'
    """
    if len(name) <= longest:
        return name
    tail = (longest - 1) * 2 // 5
    return f"{name[: longest - 1 - tail]}…{name[-tail:]}"
