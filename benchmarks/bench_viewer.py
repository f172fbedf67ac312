"""How smooth the window stays: recolouring, panning, and the event loop while a network trains.

Run in a desktop session, or with a virtual screen::

    xvfb-run -a python benchmarks/bench_viewer.py
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import Any

import napari
import numpy as np
import pandas as pd
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.viewer.colors import set_point_colors
from napari_spatialrecon.viewer.worker import Run


def settle(seconds: float = 0.2) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()


def renderer() -> str:
    from vispy.gloo import gl

    return str(gl.glGetParameter(gl.GL_RENDERER))


def recolour(n: int, repeats: int) -> None:
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
        print(f"recolour {n:,} points by {kind}: {summary(wall)}; of the CPU {summary(cpu_time)}")
    viewer.close()


def pan(n: int, frames: int) -> None:
    viewer, _ = window_with_points(n)
    viewer.scene.camera.zoom *= 4
    settle()
    times = []
    for step in range(frames):
        y, x = viewer.scene.camera.center[-2:]
        start = time.perf_counter()
        viewer.scene.camera.center = (y, x + (50.0 if step % 2 else -50.0))
        QApplication.processEvents()
        times.append(time.perf_counter() - start)
    print(f"pan over {n:,} points, a frame: {summary(times)} ({renderer()})")
    viewer.close()


def window_with_points(n: int) -> tuple[Any, Any]:
    from napari_spatialrecon.viewer.layers import LEAST_PIXELS

    viewer = napari.Viewer()
    points = np.random.default_rng(0).uniform(0, 10_000, (n, 2))
    layer = viewer.add_points(
        points, size=10, border_width=0, canvas_size_limits=(LEAST_PIXELS, 10_000)
    )
    settle()
    return viewer, layer


def training_gap() -> None:
    """Print gaps between Qt events while dp-VAE trains, and how soon Cancel and closing end it."""
    from napari_spatialrecon.tasks.placing import place
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    made = simulate("cortex", SimulatorConfig.preset("tiny"))
    references = {f"section {i}": slide for i, slide in enumerate(made.slides)}

    def work(progress: Any, should_stop: Any) -> Any:
        return place(references, made.cells, progress=progress, should_stop=should_stop)

    viewer = napari.Viewer()
    viewer.add_points(np.random.default_rng(0).uniform(0, 1000, (2000, 2)), size=5)
    settle(1.0)
    ticks: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(time.perf_counter()))
    timer.start(5)
    run = Run(work, "Place cells", viewer=viewer)
    reports: list[tuple[float, str]] = []
    run.progressed.connect(lambda p: reports.append((time.perf_counter(), p.stage)))
    failures: list[Exception] = []
    run.failed.connect(failures.append)
    run.start()
    wait(lambda: not run.running)
    timer.stop()
    if failures:
        raise failures[0]
    gaps = np.diff(ticks)
    began = ticks[int(gaps.argmax())]
    stage = ([name for at, name in reports if at <= began] or ["before the first report"])[-1]
    print(
        f"event loop while dp-VAE trains: worst gap {gaps.max() * 1e3:.0f} ms "
        f"({began - ticks[0]:.1f} s, {stage}), 99th percentile {np.quantile(gaps, 0.99) * 1e3:.0f} ms, {len(reports)} reports in  "
        f"{ticks[-1] - ticks[0]:.1f} s"
    )
    second = Run(work, "Place cells", viewer=viewer)
    print(f"Cancel: {latency(second, second.cancel):.2f} s until it is heard as stopped")
    third = Run(work, "Place cells", viewer=viewer)
    print(f"closing the viewer while it trains: {latency(third, viewer.close):.2f} s")
    assert third.wait(0.0)


def latency(run: Run, action: Any) -> float:
    reports: list[Any] = []
    run.progressed.connect(reports.append)
    run.start()
    wait(lambda: len(reports) > 20)
    start = time.perf_counter()
    action()
    wait(lambda: not run.running)
    return time.perf_counter() - start


def wait(done: Any) -> None:
    while not done():
        QApplication.processEvents()
        time.sleep(0.001)


def summary(seconds: Sequence[float]) -> str:
    median, worst = np.median(seconds), np.max(seconds)
    return f"median {median * 1e3:.0f} ms, worst {worst * 1e3:.0f} ms of {len(seconds)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=500_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", choices=("recolour", "pan", "training"))
    options = parser.parse_args()
    if options.only in (None, "recolour"):
        recolour(options.points, options.repeats)
    if options.only in (None, "pan"):
        for n in (options.points // 100, options.points // 10, options.points):
            pan(n, options.repeats)
    if options.only in (None, "training"):
        training_gap()


if __name__ == "__main__":
    main()
