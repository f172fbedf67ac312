"""Colors that remain distinct for readers with color vision deficiency."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from napari_spatialrecon.errors import InputError

_HEX = """
#E69F00 #56B4E9 #009E73 #F0E442 #0072B2 #D55E00 #9E2D3D #AEFFBE #0D6E6E #0DEFFF
#BEBE8E #DF5E5E #5EAEAE #9E3D0D #0DDFBE #0D8EAE #3D8EFF #EF8E5E #1D5E3D #DFFF8E
#8E6E3D #9E5E5E #7EAE8E #6E3D1D #8EDF6E #AEEFDF #4D8E0D #0D6EFF #0D5E7E #5EBE6E
#4DCFEF #FFCF9E #EFBE0D #BE8E3D #3D7E6E #0D8ECF #0DCFCF #4D6E4D #5E8E5E #5E9EAE
"""
#: Okabe and Ito without black and purple, then colors added one at a time, each the farthest
#: (CIEDE2000) from all before it, the distance being the least over normal vision, deuteranopia and
#: protanopia (Machado et al. 2009). None is near the purples and pinks of a stained section. The
#: window uses the same colors, so pictures look like the screen.
CATEGORIES = tuple(_HEX.split())
#: With more categories than this, neighbouring colors are shades that only a legend tells apart.
DISTINCT = 20
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
        `CATEGORIES`, starting again after the last.

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
