"""Open a file or folder of each platform in the window, with a screenshot of each.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" \
        python docs/figures/platforms.py --data DIR --out build/platforms

Real small outputs: of Xenium, CosMx and MERSCOPE (github.com/estellad/SpatialExperimentIO), of
Visium and Visium HD (github.com/satijalab/seurat), SpatialData (github.com/HelenaLC/SpatialData).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
from experiments.data import add_data_option, run
from PIL import Image
from window import PLUGIN, SIZE, settle, until

from napari_spatialrecon.viewer.workspace.workspace import workspace_of

FOLDERS = {
    "xenium": "Xenium_small",
    "cosmx": "CosMx_small",
    "merscope": "MERSCOPE_small",
    "visium": "visium_seurat",
    "visium_hd": "visium_hd_seurat",
    "spatialdata": "spatialdata_blobs.zarr",
    "cells": "visium_seurat/filtered_feature_bc_matrix.h5",
}


def opened(path: Path, picture: Path, theme: str) -> None:
    """Drop a path on an empty window, wait for it, and take a picture."""
    viewer = napari.Viewer()
    viewer.theme = theme
    viewer.window._qt_window.resize(*SIZE)
    viewer.window._qt_viewer._qt_open([str(path)], stack=False, plugin=PLUGIN)
    until(lambda: len(workspace_of(viewer)) > 0)
    settle(2.0)
    pixels = viewer.window.screenshot(canvas_only=False, flash=False)
    Image.fromarray(pixels[..., :3]).save(picture, optimize=True)
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    add_data_option(parser)
    parser.add_argument("--out", type=Path, default=Path("build/platforms"))
    parser.add_argument("--theme", default="dark", choices=["dark", "light"])
    parser.add_argument("--only", nargs="*", default=[], choices=FOLDERS)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for name, folder in FOLDERS.items():
        if not options.only or name in options.only:
            picture = options.out / f"platform_{name}_{options.theme}.png"
            opened(options.data.find(f"platforms/{folder}"), picture, options.theme)


if __name__ == "__main__":
    run(main)
