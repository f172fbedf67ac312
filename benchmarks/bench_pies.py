"""How smooth the window stays with the mixtures of many spots as pies: dragging the view.

Run in a desktop session, or with a virtual screen::

    xvfb-run -a python benchmarks/bench_pies.py
"""

from __future__ import annotations

import argparse
import time

import napari
import numpy as np
import pandas as pd
from bench_viewer import finish, renderer, settle, summary
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.detail import keep_smooth
from napari_spatialrecon.viewer.canvas.layers import LEAST_PIXELS
from napari_spatialrecon.viewer.canvas.pies import show_pies

PITCH, DIAMETER = 100.0, 55.0


def drag(n: int, n_types: int, frames: int, zoom: float, *, pies: bool) -> None:
    """Drag over an array of spots, with pies or with one color a spot."""
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 800)
    keep_smooth(viewer)
    rng = np.random.default_rng(0)
    side = int(np.ceil(np.sqrt(n)))
    places = np.indices((side, side)).reshape(2, -1).T[:n] * PITCH
    shares = rng.dirichlet(np.full(n_types, 0.2), n)
    names = [f"type {i}" for i in range(n_types)]
    layer = viewer.add_points(
        places, size=DIAMETER, border_width=0, canvas_size_limits=(LEAST_PIXELS, 10_000)
    )
    set_point_colors(layer, pd.Categorical.from_codes(shares.argmax(axis=1), names))
    began = time.perf_counter()
    if pies:
        show_pies(layer, shares, names)
    made = time.perf_counter() - began
    viewer.reset_view()
    viewer.scene.camera.zoom *= zoom
    settle(1.0)
    native = viewer.window._qt_viewer.canvas.native
    at = native.rect().center()
    QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QApplication.processEvents()
    finish()
    times, cpu = [], []
    for step in range(1, frames + 1):
        start, used = time.perf_counter(), time.process_time()
        QTest.mouseMove(native, at + QPoint(6 * step, 3 * step))
        QApplication.processEvents()
        finish()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    what = f"{n:,} pies of {n_types} types, made in {made * 1e3:.0f} ms" if pies else f"{n:,} spots"
    print(
        f"{what}, zoom {zoom:g}: a frame {summary(times)}; of the CPU {summary(cpu)} ({renderer()})"
    )
    viewer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spots", type=int, default=5_000)
    parser.add_argument("--types", type=int, default=20)
    parser.add_argument("--frames", type=int, default=30)
    options = parser.parse_args()
    for zoom in (1.0, 6.0):
        for pies in (False, True):
            drag(options.spots, options.types, options.frames, zoom, pies=pies)


if __name__ == "__main__":
    main()
