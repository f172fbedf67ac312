"""The overlay on real tissue: spots of a HER2+ section placed by GEARS with their places hidden.

spatialrecon download her2 --out her2
python docs/figures/her2_overlay.py --her2 her2 --out docs/images
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.drawing import draw_placed

GENE = "FASN"

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--her2", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    slides = {name: sr.read_adata(options.her2 / f"{name}.h5ad") for name in ("C2", "C3", "C5")}
    measured = slides.pop("C5")
    result = sr.place(slides, measured, method="gears", register_to=measured, query_name="C5")
    draw_placed(result.adata, options.out / "her2_overlay.png", truth=measured, color=GENE)
    print(sr.evaluate_place(measured, result.adata)["posed_error"], result.verdict)
