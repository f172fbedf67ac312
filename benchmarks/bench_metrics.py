"""CPU seconds and memory of the metrics of places and of a picture, by number of cells.

    OMP_NUM_THREADS=1 python benchmarks/bench_metrics.py [N ...]

Each size runs in a process of its own, so that its peak of memory is its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (200, 1000, 3000, 5000, 50_000, 200_000)


def measure(n: int) -> dict[str, float]:
    import numpy as np

    from napari_spatialrecon.evaluation.pictures import overlay, save_png
    from napari_spatialrecon.evaluation.place_metrics import place_metrics
    from napari_spatialrecon.provenance import peak_memory_bytes

    rng = np.random.default_rng(0)
    true = rng.random((n, 2)) * [3000, 2000]
    predicted = true + 100 * rng.normal(size=true.shape)
    before = peak_memory_bytes() or 0
    started = time.process_time()
    found = place_metrics(true, predicted)
    seconds = time.process_time() - started
    peak = (peak_memory_bytes() or 0) - before
    types = np.array([f"type {i}" for i in range(12)])[rng.integers(12, size=n)]
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        save_png(overlay(predicted, types, truth=true, um_per_unit=1.0), Path(folder) / "a.png")
    picture = time.process_time() - started
    return {
        "metrics_s": seconds,
        "peak_mb": peak / 2**20,
        "picture_s": picture,
        "points": found["points"],
        "pairs": found["pairs"],
    }


def main() -> None:
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    print("| cells | metrics, s | memory, MB | points | pairs | picture, s |")
    print("|---|---|---|---|---|---|")
    for n in sizes:
        command = [sys.executable, __file__, "--one", str(n)]
        row = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        print(
            f"| {n:,} | {row['metrics_s']:.2f} | {row['peak_mb']:.0f} | {row['points']:,.0f} "
            f"| {row['pairs']:,.0f} | {row['picture_s']:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main()
