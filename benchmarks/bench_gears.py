"""Seconds and memory of one GEARS run (preset quick), by number of cells.

    OMP_NUM_THREADS=2 python benchmarks/bench_gears.py [N ...]

The simulator's cortex: three sections, 2,000 genes, N cells. Each size runs in a process of its own,
so that its peak of memory is its own; that of the imported libraries and of the simulation is stated
as `before`. All cells are laid out in one shot.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time

SIZES = (2000, 5000, 10_000, 20_000)
GENES = 2000


def measure(n: int) -> dict[str, float]:
    import numpy as np
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    from napari_spatialrecon.provenance import peak_memory_bytes
    from napari_spatialrecon.tasks.placing import place
    from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
    from napari_spatialrecon.tissue.simulator.simulate import simulate

    density = SimulatorConfig().cell_density * max(1.0, n / 6000)
    config = SimulatorConfig().with_values(
        {"n_cells": n, "n_genes": GENES, "cell_density": density}
    )
    tissue = simulate("cortex", config, seed=0)
    slides = {f"slide{i}": slide for i, slide in enumerate(tissue.slides)}
    before = peak_memory_bytes() or 0
    stages: dict[str, float] = {}

    def watch(report) -> None:
        stages.setdefault(report.stage, time.perf_counter())

    start, cpu = time.perf_counter(), time.process_time()
    result = place(slides, tissue.cells, method="gears", progress=watch)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    placing = stages.get("Placing cells", start + seconds)
    some = np.random.default_rng(0).permutation(n)[:1000]
    truth = tissue.truth[["x_um", "y_um"]].to_numpy()
    return {
        "spots": sum(slide.n_obs for slide in slides.values()),
        "training_s": placing - start,
        "placing_s": start + seconds - placing,
        "seconds": seconds,
        "cpu_s": cpu,
        "before_mb": before / 2**20,
        "peak_mb": (peak_memory_bytes() or 0) / 2**20,
        "spearman": float(
            spearmanr(pdist(truth[some]), pdist(result.adata.obsm["X_geometry"][some])).statistic
        ),
    }


def main(sizes: list[int]) -> None:
    columns = ("spots", "training_s", "placing_s", "seconds", "cpu_s", "before_mb", "peak_mb")
    print("| cells | " + " | ".join(columns) + " | spearman |")
    print("|---:|" + "---:|" * (len(columns) + 1))
    for n in sizes:
        command = [sys.executable, __file__, "--one", str(n)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = " | ".join(f"{found[c]:,.0f}" for c in columns)
        print(f"| {n:,} | {cells} | {found['spearman']:.3f} |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main([int(n) for n in sys.argv[1:]] or list(SIZES))
