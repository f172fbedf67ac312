"""The real window while Place cells runs: gaps between Qt events, Cancel, closing mid-run.

`bench_points.py` is about many points. Run in a desktop session, or with a virtual screen::

    OMP_NUM_THREADS=1 xvfb-run -a -s "-screen 0 1280x800x24" python benchmarks/bench_window.py
"""

from __future__ import annotations

import argparse
import gc
import os
import threading
import time
from collections.abc import Callable
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.viewer.window.memory import Memory
from napari_spatialrecon.viewer.workspace.simulated import list_simulated_cells, simulated_layers
from napari_spatialrecon.viewer.workspace.workspace import workspace_of


def until(done: Callable[[], bool], seconds: float = 600.0) -> None:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            raise TimeoutError
        QApplication.processEvents()
        time.sleep(0.001)


def window(made: Any) -> tuple[Any, Any]:
    from napari.layers import Layer

    viewer = napari.Viewer()
    workspace_of(viewer, memory=Memory({}))
    _, widget = viewer.window.add_plugin_dock_widget("napari-spatialrecon", "Place cells")
    for layer in simulated_layers(made):
        viewer.add_layer(Layer.create(*layer))
    list_simulated_cells(viewer, made)
    until(widget.panel.run_button.isEnabled)
    return viewer, widget


class Gaps:
    """Ticks of a 5 ms timer, and what the widget said meanwhile."""

    def __init__(self, widget: Any) -> None:
        self.ticks: list[float] = []
        self.said: list[tuple[float, str]] = []
        self.widget = widget
        self.timer = QTimer()
        self.timer.timeout.connect(self._tick)
        self.timer.start(5)
        self.shown = self.garbage = 0.0
        widget.panel.done.disconnect()
        widget.panel.done.connect(self._finish)

    def _finish(self, outcome: Any) -> None:
        """Stop counting when the work is done, and time what napari does with the result."""
        self.timer.stop()
        gc.callbacks.append(self._collected)
        began = time.perf_counter()
        self.widget._finish(outcome)
        self.shown = time.perf_counter() - began
        gc.callbacks.remove(self._collected)

    def _collected(self, phase: str, info: dict[str, int]) -> None:
        self.garbage += time.perf_counter() * (1 if phase == "stop" else -1)

    def _tick(self) -> None:
        self.ticks.append(time.perf_counter())
        text = self.widget.panel.where.text().partition(" · ")[0]
        if not self.said or self.said[-1][1] != text:
            self.said.append((self.ticks[-1], text))

    def report(self) -> str:
        gaps = np.diff(self.ticks) * 1e3
        began = self.ticks[int(gaps.argmax())]
        stage = [text for at, text in self.said if at <= began][-1]
        return (
            f"worst gap {gaps.max():.0f} ms (in {stage!r}), 99.9th percentile "
            f"{np.quantile(gaps, 0.999):.0f} ms, {(gaps > 100).sum()} above 100 ms, "
            f"in {self.ticks[-1] - self.ticks[0]:.0f} s"
        )


def start(widget: Any) -> None:
    widget.panel.run_button.click()
    until(lambda: len(widget.model.curves.held_out) > 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="quick", help="size of the simulated tissue")
    parser.add_argument("--runs", type=int, default=2, help="whole runs before the cancelled one")
    options = parser.parse_args()
    made = simulate("cortex", SimulatorConfig.preset(options.preset))
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")

    viewer, widget = window(made)
    for number in range(1, options.runs + 1):
        gaps = Gaps(widget)
        widget.panel.run_button.click()
        until(lambda: not widget.model.running)
        if widget.model.error is not None:
            raise widget.model.error
        print(
            f"run {number}: {gaps.report()}; showing the result {gaps.shown * 1e3:.0f} ms, "
            f"{gaps.garbage * 1e3:.0f} of them Python's garbage collector",
            flush=True,
        )

    start(widget)
    began = time.perf_counter()
    widget.panel.cancel_button.click()
    until(lambda: not widget.model.running)
    print(f"Cancel: {time.perf_counter() - began:.2f} s until the widget says {widget.model.state}")

    threads, folder = threading.active_count(), widget.model.last.folder.parent
    widget.panel.resume_button.click()
    until(lambda: widget.panel.where.text().startswith(("Training", "Validating")))
    began = time.perf_counter()
    viewer.close()
    run_threads = threading.active_count()
    print(
        f"closing mid-run: {time.perf_counter() - began:.2f} s, threads {threads} -> {run_threads}"
    )
    until(lambda: not folder.exists(), 5)
    print("left of the run on disk: nothing")


if __name__ == "__main__":
    main()
