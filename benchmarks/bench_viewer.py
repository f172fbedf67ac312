"""How smooth the window stays with many points: recoloring, and dragging the view.

Run in a desktop session, or with a virtual screen::

    xvfb-run -a python benchmarks/bench_viewer.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from itertools import product
from typing import Any

import napari
import numpy as np
import pandas as pd
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.canvas.colors import set_point_colors
from napari_spatialrecon.viewer.canvas.detail import details, keep_smooth


def settle(seconds: float = 0.2) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()


def renderer() -> str:
    from vispy.gloo import gl

    return str(gl.glGetParameter(gl.GL_RENDERER))


def recolor(n: int, repeats: int) -> None:
    viewer, layer = window_with_points(n)
    rng = np.random.default_rng(0)
    gene = rng.gamma(1.0, 1.0, n).astype(np.float32)
    gene[: n // 100] = np.nan
    names = pd.Categorical.from_codes(rng.integers(0, 30, n), [f"type {i}" for i in range(30)])
    times: dict[str, list[tuple[float, float]]] = {"gene": [], "category": []}
    for values in (gene, names):  # the first use of each compiles shaders and caches palettes
        set_point_colors(layer, values)
        settle()
    for _ in range(repeats):
        for kind, values in (("category", names), ("gene", gene)):
            start, cpu = time.perf_counter(), time.thread_time()
            set_point_colors(layer, values)
            times[kind].append((time.perf_counter() - start, time.thread_time() - cpu))
            settle()
    for kind, pairs in times.items():
        wall, cpu_time = zip(*pairs, strict=True)
        print(f"recolor {n:,} points by {kind}: {summary(wall)}; of the CPU {summary(cpu_time)}")
    viewer.close()


def pan(n: int, frames: int, zoom: float, *, whole: bool = False) -> None:
    """Drag with the mouse, as a user does; `whole` draws all points meanwhile, as napari does."""
    viewer, _ = window_with_points(n, smooth=not whole)
    viewer.scene.camera.zoom *= zoom
    settle(1.0)
    native = viewer.window._qt_viewer.canvas.native
    at = native.rect().center()
    QTest.mousePress(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QApplication.processEvents()
    finish()
    times, cpu = [], []
    for step in range(1, frames + 1):
        start, began = time.perf_counter(), time.process_time()
        QTest.mouseMove(native, at + QPoint(6 * step, 3 * step))
        QApplication.processEvents()
        finish()
        times.append(time.perf_counter() - start)
        cpu.append(time.process_time() - began)
    drawn = n if whole else details[viewer].drawn
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    print(
        f"drag over {n:,} points, zoom {zoom:g}, {drawn:,} drawn: a frame {summary(times)}; of the "
        f"CPU {summary(cpu)} ({renderer()})"
    )
    viewer.close()


def finish() -> None:
    from vispy.gloo import gl

    gl.glFinish()


def window_with_points(n: int, *, smooth: bool = True) -> tuple[Any, Any]:
    from napari_spatialrecon.viewer.canvas.layers import LEAST_PIXELS

    viewer = napari.Viewer()
    points = np.random.default_rng(0).uniform(0, 10_000, (n, 2))
    if smooth:
        keep_smooth(viewer)
    layer = viewer.add_points(
        points, size=10, border_width=0, canvas_size_limits=(LEAST_PIXELS, 10_000)
    )
    settle()
    return viewer, layer


def summary(seconds: Sequence[float]) -> str:
    median, worst = np.median(seconds), np.max(seconds)
    return f"median {median * 1e3:.0f} ms, worst {worst * 1e3:.0f} ms of {len(seconds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=("recolor", "pan", "whole"))
    options = parser.parse_args()
    if options.only in (None, "recolor"):
        recolor(options.points, options.repeats)
    sizes = (options.points // 100, options.points // 10, options.points)
    for n, zoom in product(sizes, (1.0, 4.0)):
        if options.only in (None, "pan"):
            pan(n, 4 * options.repeats, zoom)
        if options.only in (None, "whole"):
            pan(n, options.repeats, zoom, whole=True)


if __name__ == "__main__":
    main()
