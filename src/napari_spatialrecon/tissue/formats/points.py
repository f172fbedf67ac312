"""Coordinates under other names: columns of a table that hold x and y."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Columns of x and y, and the unit that their platform means by them.

    Parameters
    ----------
    columns
        Names of x and y.
    unit
        "um", "px" or "unit".
    up
        Whether the platform's y points up.
    """

    columns: tuple[str, str]
    unit: str = "unit"
    up: bool = False


#: Pairs by which platforms and tools name coordinates, the more specific first.
PAIRS = (
    Pair(("x_centroid", "y_centroid"), "um"),
    Pair(("x_um", "y_um"), "um"),
    Pair(("x_location", "y_location"), "um"),
    Pair(("center_x", "center_y"), "um"),
    Pair(("pxl_col_in_fullres", "pxl_row_in_fullres"), "px"),
    Pair(("CenterX_global_px", "CenterY_global_px"), up=True),
    Pair(("sdimx", "sdimy"), up=True),
    Pair(("spatial_x", "spatial_y")),
    Pair(("SPATIAL_1", "SPATIAL_2")),
    Pair(("xcoord", "ycoord")),
    Pair(("x_coord", "y_coord")),
    Pair(("coord_x", "coord_y")),
    Pair(("centroid_x", "centroid_y")),
    Pair(("X_centroid", "Y_centroid")),
    Pair(("global_x", "global_y")),
    Pair(("pos_x", "pos_y")),
    Pair(("x", "y")),
    Pair(("X", "Y")),
    Pair(("imagecol", "imagerow")),
)


def find_pairs(names: Sequence[str]) -> list[Pair]:
    """Return the pairs of coordinates among the names of columns, the more specific first."""
    known = {*names}
    return [pair for pair in PAIRS if {*pair.columns} <= known]


def find_pair(names: Sequence[str]) -> Pair | None:
    """Return the most specific pair of coordinates among the names of columns, or None."""
    return next(iter(find_pairs(names)), None)


_METADATA = re.compile(
    r"(?:.*[_. ])?(?:counts?|area|volume|fov|ids?|index|cluster|labels?|type|name|names|barcodes?|"
    r"sample|slice|section|batch|z|hard|weight|enabled|x|y|um|um2|px|leiden|louvain|region)|",
    re.IGNORECASE,
)


def is_gene_column(name: str) -> bool:
    """Return whether a column may be a gene: its name is not that of something else.

    Examples
    --------
    >>> is_gene_column("KRT8"), is_gene_column("total_counts"), is_gene_column("z")
    (True, False, False)
    """
    return not _METADATA.fullmatch(name)
