"""The real window while files are dropped on it: gaps between Qt events until their layers are shown.

    OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/bench_open.py [FILES]

Without files, a made table of 20,000 cells and 2,000 genes. Each file is dropped twice, the second
time after its layers were deleted: the first of a session also loads modules.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import napari
import numpy as np
from anndata import AnnData
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from scipy import sparse

from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

CELLS, GENES = 20_000, 2_000


def made(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    counts = sparse.random(CELLS, GENES, 0.1, format="csr", dtype=np.float32, random_state=rng)
    counts.data = np.ceil(5 * counts.data)
    adata = AnnData(counts, uns={"spatialrecon": {"unit": "um"}})
    adata.obsm["spatial"] = rng.uniform(0, 4000, (CELLS, 2))
    adata.write_h5ad(folder / "made.h5ad", compression="gzip")
    return folder / "made.h5ad"


def drop(viewer: Any, path: Path) -> str:
    ticks: list[float] = []
    added: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(5)
    plain = viewer.add_layer

    def add(layer: Any) -> Any:
        began = time.perf_counter()
        plain(layer)
        added.append(time.perf_counter() - began)

    object.__setattr__(viewer, "add_layer", add)
    began = time.perf_counter()
    viewer.window._qt_viewer._qt_open([str(path)], stack=False, plugin="napari-spatialrecon")
    asked = time.perf_counter() - began
    while not added or time.perf_counter() - ticks[-1] > 0.1:
        QApplication.processEvents()
        time.sleep(0.001)
    end = time.perf_counter() + 0.5
    while time.perf_counter() < end:
        QApplication.processEvents()
    object.__setattr__(viewer, "add_layer", plain)
    gaps = np.sort(np.diff(ticks))[::-1] * 1e3
    return (
        f"asking {1e3 * asked:.0f} ms; napari adds {len(added)} layers in "
        f"{', '.join(f'{1e3 * s:.0f}' for s in added)} ms; the longest gaps "
        f"{', '.join(f'{gap:.0f}' for gap in gaps[:5])} ms; {ticks[-1] - ticks[0] - 0.5:.1f} s in all"
    )


def main() -> None:
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(arg) for arg in sys.argv[1:]] or [made(Path(folder))]
        viewer = napari.Viewer()
        viewer.window._qt_window.resize(1280, 800)
        workspace_of(viewer, memory=Memory({}))
        QApplication.processEvents()
        for path in files:
            for time_ in ("first", "second"):
                print(f"{path.name}, {time_} time: {drop(viewer, path)}", flush=True)
                viewer.layers.clear()
        viewer.close()


if __name__ == "__main__":
    main()
