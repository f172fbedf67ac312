"""Print the table of docs/experiments/2026-11-29-micrometres.md: µm of a pixel by each source.

    python -m experiments.micrometres --data DIR

Data sets that are not in the folder are skipped.
"""

from __future__ import annotations

import argparse

import numpy as np
from anndata import AnnData

from experiments.data import add_data_option, run
from napari_spatialrecon.geometry.neighbours import nearest
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.library import (
    MICRONS_PER_PIXEL,
    SPOT_DIAMETER,
    UM_PER_PIXEL,
    stated,
)
from napari_spatialrecon.tissue.micrometres import CIRCLE_UM, micrometres
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.spot_array import SPOT_UM, VISIUM, SpotArray, find_array

SLIDES = (
    "platforms/visium_seurat",
    "visium_coexpress/visium_spots.h5ad",
    "visium_mini_dg/visium_spots.h5ad",
    "platforms/visium_hd_seurat/binned_outputs/square_008um",
    "st_her2_he/C2.h5ad",
    "st_her2_he/C3.h5ad",
    "st_her2_he/C5.h5ad",
    "st_mob_he/MOB1.h5ad",
    "st_mob_he/MOB2.h5ad",
    "st_mob_he/MOB4.h5ad",
)
#: Columns with array indices: of Space Ranger, and of the ST files.
INDICES = (("array_row", "array_col"), ("array_x", "array_y"))
COLUMNS = (
    "slide", "spots", "by the pitch", "by 65 µm", "by 55 µm", "stated", "used", "neighbours, µm",
    "spot, µm",
)  # fmt: skip


def array_of(slide: AnnData) -> SpotArray | None:
    """Return the array of a slide's spots by whichever columns number them."""
    for row, column in INDICES:
        if row in slide.obs and column in slide.obs:
            return find_array(slide.obs[row], slide.obs[column], contract.coordinates(slide))
    return None


def measured(slide: AnnData) -> list[str]:
    """Return the cells of a slide's row, without its name."""
    library, found, array = contract.library(slide), micrometres(slide), array_of(slide)
    circle = stated(library, SPOT_DIAMETER) if found.spot == SPOT_UM[VISIUM] else None
    sizes = [
        None if array is None else array.um_per_unit,
        None if circle is None else CIRCLE_UM / circle,
        None if circle is None else SPOT_UM[VISIUM] / circle,
        stated(library, UM_PER_PIXEL) or stated(library, MICRONS_PER_PIXEL),
        found.per_unit,
    ]
    apart = np.median(nearest(contract.coordinates(slide), 1)[1]) * (found.per_unit or np.nan)
    widths = [f"{apart:.1f}", f"{found.spot:.4g}"]
    return [str(slide.n_obs), *("" if s is None else f"{s:.4f}" for s in sizes), *widths]


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    data = parser.parse_args(arguments).data
    print("|", " | ".join(COLUMNS), "|")
    print("|" + "---|" * len(COLUMNS))
    for name in SLIDES:
        if (data.path / name).exists():
            print("|", " | ".join([name, *measured(read_adata(data.find(name)))]), "|")


if __name__ == "__main__":
    run(main)
