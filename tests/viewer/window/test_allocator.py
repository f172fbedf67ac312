"""Memory that threads have freed is given back."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from napari_spatialrecon.viewer.window import allocator
from napari_spatialrecon.viewer.window.worker import Run

FREED = """
import ctypes, threading, psutil
from napari_spatialrecon.viewer.window.allocator import give_back

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]

def held():
    return psutil.Process().memory_info().rss // 2**20

def work():
    blocks = [libc.malloc(100_000) for _ in range(400)]
    for block in blocks:
        libc.memset(block, 1, 100_000)
    together.wait()
    for block in blocks:
        libc.free(block)

libc.free(libc.malloc(31 << 20))  # as a large array does
together, before = threading.Barrier(5), held()
threads = [threading.Thread(target=work) for _ in range(5)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_trim(0)
print(held() - before)
give_back()
print(held() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="areas are those of glibc")
def test_what_threads_have_freed_is_given_back() -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MALLOC_")}
    made = subprocess.run(
        [sys.executable, "-c", FREED], check=True, capture_output=True, text=True, env=env
    )
    kept, left = map(int, made.stdout.split())
    assert kept > 120 and left < 20


def test_where_its_user_has_set_what_is_kept_nothing_changes(monkeypatch: Any) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert allocator.give_back() == 0


def test_it_is_looked_for_once_after_works_have_ended(qtbot: Any, monkeypatch: Any) -> None:
    looked: list[int] = []
    monkeypatch.setattr(allocator, "give_back", lambda: looked.append(1))
    monkeypatch.setattr(allocator, "_due", False)
    run = Run(lambda *_: "done", "Checking", light=True)
    with qtbot.waitSignal(run.returned, timeout=10_000):
        run.start()
    qtbot.waitUntil(lambda: allocator._due, timeout=10_000)
    allocator.give_back_if_due()
    allocator.give_back_if_due()
    assert looked == [1]


@pytest.mark.skipif(sys.platform != "linux", reason="counts open files")
def test_fonts_of_threads_that_have_ended_are_closed() -> None:
    from matplotlib.figure import Figure

    def draw() -> None:
        figure = Figure()
        figure.text(0.5, 0.5, "µm")
        figure.savefig(io.BytesIO(), format="png")

    def opened() -> int:
        files = Path("/proc/self/fd").iterdir()
        return sum(os.path.realpath(file).endswith(".ttf") for file in files)

    allocator.close_fonts()
    before = opened()
    for _ in range(3):
        thread = threading.Thread(target=draw)
        thread.start()
        thread.join()
    assert opened() > before
    allocator.close_fonts()
    assert opened() == before
    draw()  # and they are opened again
