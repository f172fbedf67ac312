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
    """

    columns: tuple[str, str]
    unit: str = "unit"


#: Pairs by which platforms and tools name coordinates, the more specific first.
PAIRS = (
    Pair(("x_centroid", "y_centroid"), "um"),
    Pair(("x_um", "y_um"), "um"),
    Pair(("x_location", "y_location"), "um"),
    Pair(("center_x", "center_y"), "um"),
    Pair(("pxl_col_in_fullres", "pxl_row_in_fullres"), "px"),
    Pair(("CenterX_global_px", "CenterY_global_px"), "unit"),
    Pair(("sdimx", "sdimy"), "unit"),
    Pair(("spatial_x", "spatial_y"), "unit"),
    Pair(("SPATIAL_1", "SPATIAL_2"), "unit"),
    Pair(("xcoord", "ycoord"), "unit"),
    Pair(("x_coord", "y_coord"), "unit"),
    Pair(("coord_x", "coord_y"), "unit"),
    Pair(("centroid_x", "centroid_y"), "unit"),
    Pair(("X_centroid", "Y_centroid"), "unit"),
    Pair(("global_x", "global_y"), "unit"),
    Pair(("pos_x", "pos_y"), "unit"),
    Pair(("x", "y"), "unit"),
    Pair(("X", "Y"), "unit"),
    Pair(("imagecol", "imagerow"), "unit"),
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
