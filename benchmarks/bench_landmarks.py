"""Seconds to solve eqs. 6-7 and to follow a dragged landmark, by number of cells.

    OMP_NUM_THREADS=1 python benchmarks/bench_landmarks.py [N ...]

Five landmarks. A move takes one of them 2 % of the extent on, from the last solution; `ms CPU` is
the processor's time, `move ms` the clock's (medians of nine moves). `off` is the distance of the
places from where a new solver ends after the last move, in percent of the extent (root mean square,
and of all but 1 % of the cells); `stress` is the stress above that one's, in percent. Each size
runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

SIZES = (1000, 5000, 20_000, 50_000)
DIMENSIONS = (2, 8)
MOVES = 9


def measure(n: int, d: int) -> dict[str, float]:
    import numpy as np

    from napari_spatialrecon.geometry.solver.landmarks import Landmarks, fit_scale
    from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver
    from napari_spatialrecon.provenance import peak_memory_bytes

    generator = np.random.default_rng(0)
    extent = 1000.0
    cells = generator.uniform(0, extent, (n, 2))
    axes = np.linalg.qr(generator.normal(size=(d, 2)))[0]
    latent = cells / extent @ axes.T + 0.1 * generator.normal(size=(n, d))
    indices = generator.choice(n, 5, replace=False)
    known = Landmarks(indices, cells[indices])
    before = peak_memory_bytes() or 0

    clock = time.perf_counter()
    solver = PlaceSolver(latent)
    prepared = time.perf_counter() - clock
    clock = time.perf_counter()
    scale = fit_scale(latent, known)
    solver.solve(known, scale=scale)
    first = time.perf_counter() - clock

    wall, cpu = [], []
    place, cell = cells[indices[2]].copy(), int(indices[2])
    for turn in np.linspace(0, 2 * np.pi, MOVES, endpoint=False):
        place = place + 0.02 * extent * np.array([np.cos(turn), np.sin(turn)])
        clock, used = time.perf_counter(), time.process_time()
        live = solver.move(cell, place)
        wall.append(time.perf_counter() - clock)
        cpu.append(time.process_time() - used)
    peak = (peak_memory_bytes() or 0) - before
    fresh = PlaceSolver(latent)
    converged = fresh.solve(known.moved(cell, place), scale=scale, tolerance=1e-6)
    off = np.linalg.norm(live.places - converged.places, axis=1) / extent
    return {
        "prepare_s": prepared,
        "first_s": first,
        "move_ms": 1e3 * float(np.median(wall)),
        "move_cpu_ms": 1e3 * float(np.median(cpu)),
        "worst_ms": 1e3 * max(wall),
        "peak_mb": peak / 2**20,
        "off_rms": 100 * float(np.sqrt((off**2).mean())),
        "off_99": 100 * float(np.percentile(off, 99)),
        "stress_percent": 100 * (live.stress / converged.stress - 1),
    }


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]))))
        return
    sizes = [int(a) for a in sys.argv[1:]] or SIZES
    print(f"cores: {os.cpu_count()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}")
    print(
        "| cells | latent | prepare s | first s | move ms | ms CPU | worst ms "
        "| peak MB | off % | off 99 % | stress % | per 10x cells |"
    )
    print("|" + "---:|" * 12)
    for d in DIMENSIONS:
        last: tuple[int, float] | None = None
        for n in sizes:
            command = [sys.executable, __file__, "--one", str(n), str(d)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            growth = ""
            if last is not None:
                power = math.log10(row["move_cpu_ms"] / last[1]) / math.log10(n / last[0])
                growth = f"x {10**power:.1f}"
            last = n, row["move_cpu_ms"]
            print(
                f"| {n:,} | {d} | {row['prepare_s']:.2f} | {row['first_s']:.2f} "
                f"| {row['move_ms']:.0f} | {row['move_cpu_ms']:.0f} | {row['worst_ms']:.0f} "
                f"| {row['peak_mb']:.0f} | {row['off_rms']:.3f} | {row['off_99']:.3f} "
                f"| {row['stress_percent']:.4f} | {growth} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
