"""The window that the figure scripts drive: one viewer with the plugin docked, for screenshots."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import napari
import numpy as np
from PIL import Image
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.tissue.slots import UNCERTAINTY
from napari_spatialrecon.viewer.canvas.view import show_tissue
from napari_spatialrecon.viewer.reconstruct.tab import TASKS
from napari_spatialrecon.viewer.session import keeper
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

PLUGIN = "napari-spatialrecon"
SIZE = (1280, 800)
THEMES = ("dark", "light")
DOCK = "Spatial Reconstruction"
SECTIONS = ("C2", "C3", "C5")
_ASIDE = Path(tempfile.mkdtemp())
keeper.autosave_home = lambda: _ASIDE  # sessions of other windows are not offered


def settle(seconds: float = 0.5) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        QApplication.processEvents()
        time.sleep(0.005)


def until(done: Callable[[], bool], seconds: float = 1800.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get there")
        QApplication.processEvents()
        time.sleep(0.005)


def in_themes(viewer: Any, themes: Sequence[str], take: Callable[[str], None]) -> None:
    """Take a picture in each theme, and go back to the first."""
    for theme in themes:
        if viewer.theme != theme:
            viewer.theme = theme
            settle(3.0)  # on a busy machine the lines of a panel take a while to their new heights
        take(theme)
    if viewer.theme != themes[0]:
        viewer.theme = themes[0]
        settle(3.0)


def write(pixels: np.ndarray, path: Path) -> None:
    """Write (height, width, 3 or 4) bytes in 256 colors: half the size, and looks the same."""
    picture = Image.fromarray(np.ascontiguousarray(pixels[..., :3]))
    picture.quantize(256, method=Image.Quantize.MEDIANCUT).save(path, optimize=True)
    print(path, pixels.shape, flush=True)


class Story:
    """One viewer with the workbench docked, photographed step by step.

    Attributes
    ----------
    widget
        Of the task that is shown, or the widget that was docked instead.
    """

    def __init__(self, out: Path, themes: Sequence[str]) -> None:
        self.out, self.themes = out, themes
        self.viewer = napari.Viewer(show=True)
        self.viewer.theme = themes[0]
        self.viewer.window._qt_window.resize(*SIZE)
        workspace_of(self.viewer, memory=Memory({}))
        self.viewer.window._qt_window.activateWindow()
        _, self.bench = self.viewer.window.add_plugin_dock_widget(PLUGIN, DOCK)
        self.task("place")
        settle(1.0)

    def task(self, name: str) -> None:
        """Turn to a task in Reconstruct."""
        self.bench.go(f"reconstruct/{name}")
        self.widget = self.bench.tabs["reconstruct"].current

    def picture(self, name: str) -> None:
        from napari._qt.dialogs.qt_notification import NapariQtNotification

        for notice in [*NapariQtNotification._instances]:
            notice.close()
        settle()
        in_themes(self.viewer, self.themes, lambda theme: self._shoot(name, theme))

    def _shoot(self, name: str, theme: str) -> None:
        pixels = self.viewer.window.screenshot(canvas_only=False, flash=False)
        write(pixels, self.out / f"{name}_{theme}.png")

    def open(self, data: DataFolder) -> None:
        """Open the three sections of a HER2-positive breast cancer."""
        files = [str(data.find(f"st_her2_he/{name}.h5ad")) for name in SECTIONS]
        self.viewer.open(files, plugin=PLUGIN)
        show_tissue(self.viewer)
        settle(1.0)

    def dock(self, name: str) -> None:
        """Show a task by its title, or another widget in place of the workbench."""
        titles = {title: task for task, (title, *_) in TASKS.items()}
        if name in titles:
            self.task(titles[name])
            return
        self.viewer.window.remove_dock_widget("all")
        _, self.widget = self.viewer.window.add_plugin_dock_widget(PLUGIN, name)
        settle(1.0)

    def check_array(self) -> None:
        """The pitch of the array is 200 µm: what the scale bar measures is right."""
        layer = self.viewer.layers["C5 spots"]
        apart, steps = (
            np.linalg.norm(points[:, None] - points[None], axis=-1)
            for points in (layer.data, layer.features[["array_x", "array_y"]].to_numpy(float))
        )
        pitch = float(np.median(apart[np.abs(steps - 1) < 0.05]))
        assert 190 < pitch < 210, pitch
        print(f"median distance between neighbouring spots: {pitch:.0f} µm")

    def choose(self, method: str, **settings: Any) -> None:
        inputs = self.widget.inputs
        entry = next(e for e in self.widget.model.queries if e.name == "C5 spots")
        inputs.choose_cells(entry)
        inputs.method.setCurrentIndex(inputs.method.findData(method))
        if settings:
            inputs.form.set_values(settings)
        until(self.widget.panel.run_button.isEnabled)
        settle()

    def run(self, picture: str = "") -> None:
        self.widget.panel.run_button.click()
        model = self.widget.model
        if picture:
            until(lambda: len(model.curves.held_out) > 7 or not model.running)
            self.picture(picture)
        until(lambda: not model.running)
        if model.error is not None:
            raise model.error
        settle(1.0)

    def zoom_to(self, name: str) -> None:
        """Fill the canvas with one layer."""
        self.viewer.reset_view(layers=[self.viewer.layers[name]])

    def color(self, name: str) -> None:
        self.widget.result.color_by.field.choose(UNCERTAINTY if name == "uncertainty" else name)

    def close(self) -> None:
        self.viewer.close()
        settle()
