"""Many made-up cells, and how long the window stands still while a user acts on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import anndata
import numpy as np
import pandas as pd
from bench_window import until
from qtpy.QtCore import QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QCursor, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication
from scipy import sparse

from napari_spatialrecon.tissue.slots import UNCERTAINTY

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
QUIET_S = 0.4
"""Without a frame for this long an action is over; less than the half second of a blink."""


def many_cells(places: np.ndarray) -> anndata.AnnData:
    """Return cells at places (n, 2), (x, y) in µm: 300 genes, 30 types, 300 clones."""
    rng, n = np.random.default_rng(0), len(places)
    counts = sparse.random(n, 300, density=0.1, format="csr", dtype=np.float32, random_state=0)
    counts.data = np.ceil(counts.data * 5)
    band = (places[:, 0] / np.ptp(places[:, 0]) * 25).astype(int) % 30
    types = pd.Categorical.from_codes(
        np.where(rng.random(n) < 0.7, band, rng.integers(0, 30, n)),
        [f"type {i}" for i in range(30)],
    )
    obs = pd.DataFrame({"cell_type": types}, index="cell" + pd.Index(np.arange(n).astype(str)))
    obs[UNCERTAINTY] = rng.gamma(2.0, 50.0, n)
    obs["clone"] = pd.Categorical.from_codes(
        rng.integers(0, 300, n), [f"clone {i}" for i in range(300)]
    )
    adata = anndata.AnnData(counts, obs=obs, var=pd.DataFrame(index=[f"G{i}" for i in range(300)]))
    adata.obsm["spatial"] = places
    adata.obsm["X_umap"] = rng.normal(size=(n, 2)) + 3 * (np.arange(n) % 7)[:, None]
    adata.uns["spatialrecon"] = {"unit": "um"}
    return adata


def _now() -> tuple[float, float]:
    """Return the time by the clock, and of the processor in this thread."""
    return time.perf_counter(), time.thread_time()


class Watch:
    """The ticks of a fast timer, and the frames that the canvas drew."""

    def __init__(self, viewer: Any) -> None:
        self.ticks: list[tuple[float, float]] = []
        self.frames: list[float] = []
        self.worst = (0.0, 0.0, "")
        self._acts: list[str] = []
        self._timer = QTimer()
        self._timer.timeout.connect(lambda: self.ticks.append(_now()))
        self._timer.start(2)
        canvas = viewer.window._qt_viewer.canvas._scene_canvas
        canvas.events.draw.connect(
            lambda event: self.frames.append(time.perf_counter()), position="last"
        )

    def timed(
        self, what: str, act: Callable[[], object], done: Callable[[], bool] = lambda: True
    ) -> None:
        """Act as a hand does that moves the mouse, wait until drawn, and print what that took."""
        QCursor.setPos(QCursor.pos() + QPoint(1 - 2 * (len(self._acts) % 2), 0))
        self._acts.append(what)
        self.ticks, self.frames = [_now()], []
        began, cpu = time.perf_counter(), time.process_time()
        act()
        until(done)
        wall = time.perf_counter() - began
        quiet = time.perf_counter() + QUIET_S
        while time.perf_counter() < quiet:
            QApplication.processEvents()
            if self.frames and self.frames[-1] > quiet - QUIET_S:
                quiet = self.frames[-1] + QUIET_S
            time.sleep(0.005)
        cpu = time.process_time() - cpu
        gap, busy = np.diff([*self.ticks, _now()], axis=0).max(axis=0) * 1e3
        self.worst = max(self.worst, (busy, gap, what))
        drawn = max([wall, *(at - began for at in self.frames)])
        steps = np.diff(self.frames) * 1e3
        pace = f"{np.median(steps):.0f} ms" if len(steps) > 8 else ""
        print(
            f"| {what} | {wall:.2f} s | {drawn:.2f} s | {cpu:.2f} s | {gap:.0f} ms | "
            f"{busy:.0f} ms | {pace} |",
            flush=True,
        )


def drag(native: Any, points: list[QPoint]) -> None:
    """Move the mouse with its button held, a frame drawn for each move."""
    QTest.mousePress(native, LEFT, NONE, points[0])
    for point in points[1:]:
        QTest.mouseMove(native, point)
        end = time.perf_counter() + 0.012  # vispy hears a hundred moves a second
        while time.perf_counter() < end:
            QApplication.processEvents()
    QTest.mouseRelease(native, LEFT, NONE, points[-1])


def wheel(native: Any, steps: int) -> None:
    """Turn the wheel over the middle of the canvas."""
    at = QPointF(native.rect().center())
    for _ in range(abs(steps)):
        turn = QPoint(0, 120 if steps > 0 else -120)
        QApplication.sendEvent(
            native,
            QWheelEvent(
                at, native.mapToGlobal(at), QPoint(), turn, Qt.MouseButton.NoButton, NONE,
                Qt.ScrollPhase.NoScrollPhase, False,
            ),
        )  # fmt: skip
        end = time.perf_counter() + 0.012
        while time.perf_counter() < end:
            QApplication.processEvents()
