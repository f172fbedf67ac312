"""Cell types in spots of a mouse hippocampus, as the tutorial finds them.

spatialrecon download hippocampus --out hippocampus
python docs/figures/hippocampus.py --hippocampus hippocampus --out docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.drawing import draw_types

TYPES = ("CA1", "CA3", "Denate", "Oligodendrocyte")

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hippocampus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    spots, cells = (sr.read_adata(options.hippocampus / f"{n}.h5ad") for n in ("spots", "cells"))
    result = sr.deconvolve(spots, cells, labels="cell_type")
    draw_types(result.adata, options.out / "hippocampus_types.png", types=TYPES)
    print(result.verdict)
