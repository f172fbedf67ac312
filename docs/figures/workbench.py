"""Drive the real window through the four tabs of the workbench, with a screenshot of each.

    PYTHONPATH=. xvfb-run -a -s "-screen 0 1600x1000x24" \
        python docs/figures/workbench.py --out docs/images

The tissue is the simulated cortex that comes with the plugin, so that anyone can draw them again.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QComboBox
from window import PLUGIN, SIZE, settle, until

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.figure.dialog import open_figure
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace import workspace
from napari_spatialrecon.viewer.workspace.workspace import Workspace

DOCK = "Spatial Reconstruction"


class Bench:
    """One viewer with the workbench docked, photographed tab by tab."""

    def __init__(self, out: Path, theme: str) -> None:
        self.out, self.theme = out, theme
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = theme
        self.viewer.window._qt_window.resize(*SIZE)
        workspace._workspaces[self.viewer] = Workspace(self.viewer, memory=Memory({}))
        _, self.dock = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        settle(1.0)

    def picture(self, name: str) -> None:
        settle(1.0)
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        self._save(name, pixels[..., :3])

    def dialog(self, name: str) -> None:
        """Photograph the dialog of a figure of what the window shows."""
        dialog = open_figure(self.viewer)
        until(lambda: not dialog.preview.pixmap().isNull())
        settle()
        image = dialog.grab().toImage().convertToFormat(dialog.grab().toImage().Format.Format_RGB32)
        content = np.frombuffer(image.constBits().asstring(image.sizeInBytes()), np.uint8)
        self._save(name, content.reshape(image.height(), image.width(), 4)[..., 2::-1])
        dialog.close()

    def _save(self, name: str, pixels: np.ndarray) -> None:
        path = self.out / f"{name}_{self.theme}.png"
        Image.fromarray(pixels & 0b11111100 | 0b10).save(path, optimize=True)
        print(path, pixels.shape)

    def place(self, method: str) -> None:
        """Place the cells of the sample."""
        widget = self.dock.tabs["reconstruct"].show_task("place")
        if not self.viewer.layers:
            widget.open_sample()
        until(widget.panel.run_button.isEnabled)
        choose(widget.inputs.method, method)
        until(widget.panel.run_button.isEnabled)
        widget.panel.run_button.click()
        until(lambda: not widget.model.running)
        if widget.model.error is not None:
            raise widget.model.error
        settle(1.0)


def choose(box: QComboBox, data: object) -> None:
    box.setCurrentIndex(box.findData(data))
    box.activated.emit(box.currentIndex())


def story(out: Path, theme: str) -> None:
    bench = Bench(out, theme)
    bench.picture("workbench_empty")
    bench.dock.go("reconstruct/place")
    bench.place("knn")
    bench.picture("workbench_reconstruct")
    bench.dock.go("data")
    bench.picture("workbench_data")
    result = next(iter(bench.dock.space.results))
    bench.dock.go("inspect", result)
    kinds = result.adata.obs["cell_type"]
    set_point_colors(result.layer, kinds, kind="category", title="cell type")
    bench.picture("workbench_inspect")
    bench.place("ridge")
    bench.dock.go("results")
    bench.picture("workbench_results")
    bench.dialog("workbench_figure")
    bench.viewer.window.remove_dock_widget("all")
    _, landmarks = bench.viewer.window.add_plugin_dock_widget(PLUGIN, "Landmarks")
    landmarks.pick.click()
    until(landmarks.suggest.isEnabled)
    landmarks.suggest.click()
    bench.picture("workbench_landmarks")
    bench.viewer.close()
    settle()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--theme", choices=("dark", "light", "both"), default="both")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for theme in ("dark", "light") if options.theme == "both" else (options.theme,):
        story(options.out, theme)


if __name__ == "__main__":
    main()
