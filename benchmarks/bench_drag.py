"""The real window while a landmark is dragged: from mouse move to redrawn points.

    OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/bench_drag.py

Five landmarks on a layout of 5,000 and of 50,000 cells; one is dragged in 20 mouse moves through
the canvas. Each is timed from before the event is sent until the canvas has been drawn anew, the
driver waited for.
"""

from __future__ import annotations

import os
import sys
import time

import napari
import numpy as np
from anndata import AnnData
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from vispy.gloo import gl

from napari_spatialrecon.viewer.canvas.layers import cells_layer
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

MOVES = 20


def placed(n: int) -> AnnData:
    rng = np.random.default_rng(0)
    cells = rng.uniform(0, 4000, (n, 2))
    adata = AnnData(np.zeros((n, 1), np.float32), uns={"spatialrecon": {"unit": "um"}})
    adata.obsm["spatial"] = cells
    adata.obsm["X_layout"] = cells - cells.mean(0) + rng.normal(scale=200, size=cells.shape)
    adata.obs["placement_uncertainty"] = 200.0
    return adata


def measure(n: int) -> None:
    viewer = napari.Viewer()
    viewer.window._qt_window.resize(1280, 800)
    workspace_of(viewer, memory=Memory({}))
    viewer.add_layer(Layer.create(*cells_layer(placed(n), name="cells")))
    _, widget = viewer.window.add_plugin_dock_widget("napari-spatialrecon", "Landmarks")
    model = widget.session.model
    for cell in range(5):
        model.set_place(cell, model.start[cell] + 20.0)
    viewer.reset_view()
    widget.pick.click()
    QApplication.processEvents()
    canvas = viewer.window._qt_viewer.canvas
    native = canvas.native
    mark, camera = widget.session.marks_world()[2], viewer.scene.camera
    middle = np.array([native.width(), native.height()]) / 2
    start = (mark[::-1] - np.array(camera.center)[[-1, -2]]) * camera.zoom + middle
    QTest.mousePress(native, Qt.MouseButton.LeftButton, pos=QPoint(*map(round, start)))
    drawn: list[int] = []
    canvas._scene_canvas.events.draw.connect(lambda event: drawn.append(1), position="last")
    wall, cpu = [], []
    for move in range(1, MOVES + 1):
        at = QPoint(*map(round, start + np.array([3.0, 2.0]) * move))
        clock, used = time.perf_counter(), time.process_time()
        drawn.clear()
        QTest.mouseMove(native, at)
        while not drawn:
            QApplication.processEvents()
        gl.glFinish()
        wall.append(1e3 * (time.perf_counter() - clock))
        cpu.append(1e3 * (time.process_time() - used))
    assert model.dragging, "the drag was heard"
    clock = time.perf_counter()
    QTest.mouseRelease(native, Qt.MouseButton.LeftButton, pos=at)
    QApplication.processEvents()
    released = time.perf_counter() - clock
    print(
        f"| {n:,} | {np.median(wall):.0f} | {max(wall):.0f} | {np.median(cpu):.0f} "
        f"| {max(cpu):.0f} | {released:.2f} |",
        flush=True,
    )
    viewer.close()


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| cells | move to redrawn, ms | worst | ms CPU | worst | after release, s |")
    print("|---:|---:|---:|---:|---:|---:|")
    for n in [int(a) for a in sys.argv[1:]] or (5_000, 50_000):
        measure(n)


if __name__ == "__main__":
    main()
