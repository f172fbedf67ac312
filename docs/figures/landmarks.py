"""Drive the real window through setting landmarks, with a screenshot of each step.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1280x800x24" \
        python docs/figures/landmarks.py --data DIR --out docs/images

First, an olfactory bulb that was rotated by 12 degrees from its H&E is registered with six pairs of
landmarks; then the cells of a breast cancer section, placed by dp-VAE in the frame of another, are
moved by five landmarks that the widget suggests. Clicks go through the canvas as a user's would.
Tissue: spatial transcriptomics of the mouse olfactory bulb (as distributed with STUtility) and
HER2-positive breast cancer, Andersson et al. 2021 (github.com/almaan/her2st).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import anndata
import napari
import numpy as np
from experiments.data import add_data_option, run
from PIL import Image
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from window import PLUGIN, SIZE, THEMES, in_themes, settle, until

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.hiding import hide_places
from napari_spatialrecon.tasks.placing import place
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import workspace_of


class Hand:
    """A window, clicked on where the world's (x, y) are."""

    def __init__(self, out: Path, widget: str) -> None:
        self.out = out
        self.viewer = napari.Viewer(show=True)
        self.viewer.window._qt_window.resize(*SIZE)
        workspace_of(self.viewer, memory=Memory({}))
        _, self.widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, widget)
        self.canvas = self.viewer.window._qt_viewer.canvas.native
        settle(1.0)

    def picture(self, name: str) -> None:
        """Save what the window shows, once for readers of each theme."""
        settle(0.7)
        in_themes(self.viewer, THEMES, lambda theme: self.save(f"{name}_{theme}"))

    def save(self, name: str) -> None:
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        picture = Image.fromarray(pixels[..., :3]).quantize(256, method=Image.Quantize.FASTOCTREE)
        picture.save(self.out / f"{name}.png", optimize=True)

    def click(self, xy: np.ndarray) -> None:
        camera = self.viewer.scene.camera
        middle = np.array([self.canvas.width(), self.canvas.height()]) / 2
        at = (np.asarray(xy) - np.array(camera.center)[[-1, -2]]) * camera.zoom + middle
        where = QPoint(round(at[0]), round(at[1]))
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=where)
        settle(0.05)
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=where)
        settle(0.4)


def turned(data: DataFolder, at: Path) -> tuple[Path, np.ndarray]:
    """Write the bulb turned, shrunk and shifted off its H&E; return it and the truth in µm."""
    adata = data.read("st_mob_he/MOB1.h5ad")
    true = np.asarray(adata.obsm["spatial"], float)
    turn, centre = np.deg2rad(12), true.mean(axis=0)
    linear = 0.97 * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    adata.obsm["spatial"] = (true - centre) @ linear.T + centre + [60, -35]
    files = adata.uns["spatial"]["MOB1"]["images_files"]
    files["hires"] = str(data.find("st_mob_he/MOB1_he.jpg").resolve())
    adata.write_h5ad(at / "MOB1.h5ad")
    return at / "MOB1.h5ad", true * contract.um_per_unit(adata)


def align(data: DataFolder, out: Path, at: Path) -> None:
    path, true = turned(data, at)
    hand = Hand(out, "Align to histology")
    hand.viewer.open(str(path), plugin=PLUGIN)
    hand.viewer.reset_view()
    hand.widget.pick.click()
    hand.picture("align_start")
    noise = np.random.default_rng(1)
    model = hand.widget.session.model
    for number, row in enumerate((10, 370, 120, 250, 60, 200), 1):
        hand.click(model.moved[row])
        hand.click(true[row] + noise.normal(scale=15, size=2))
        off = np.sqrt(((model.moved - true) ** 2).sum(axis=1).mean())
        print(f"{number} pairs: root mean square {model.rmse:.0f} µm, all spots {off:.0f} µm off")
    hand.picture("align_done")
    hand.viewer.close()
    settle()


def landmarks(data: DataFolder, out: Path, at: Path) -> None:
    read = {name: data.read(f"st_her2_he/{name}.h5ad") for name in ("C2", "C3", "C5")}
    section = data.find("st_her2_he/C5.h5ad")
    query = hide_places(read["C5"])
    made = place({"C2": read["C2"], "C3": read["C3"]}, query, method="dpvae", seed=0).adata
    made.uns.pop("spatial", None)
    made.write_h5ad(at / "C5 cells.h5ad")
    hand = Hand(out, "Landmarks")
    files = [str(section), str(at / "C5 cells.h5ad")]
    hand.viewer.open(files, plugin=PLUGIN)
    hand.viewer.layers["C5 spots"].visible = False
    session = hand.widget.session
    truth: Any = anndata.read_h5ad(section)[session.model.names]
    true = np.asarray(truth.obsm["spatial"], float) * contract.um_per_unit(truth)
    gene = np.asarray(truth[:, "KRT17"].X.todense()).ravel()
    set_point_colors(session.layer, np.log1p(gene), kind="gene", title="KRT17")
    hand.viewer.reset_view()
    hand.widget.pick.click()
    hand.picture("landmarks_start")
    for number in range(1, 6):
        settle(0.7)
        hand.widget.suggest.click()
        hand.click(true[session.model.picked])
        places = session.model.places * session.um_per_unit
        off = np.median(np.linalg.norm(places - true, axis=1))
        print(f"{number} landmarks: median error {off:.0f} µm")
    until(lambda: session.model.errors()[-1].left_out is not None)
    hand.picture("landmarks_done")
    hand.viewer.close()
    settle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as at:
        align(options.data, options.out, Path(at))
        landmarks(options.data, options.out, Path(at))


if __name__ == "__main__":
    run(main)
