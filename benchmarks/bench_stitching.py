"""Seconds and memory to place cells by patches (steps 1, 2 and 4-7), by number of cells.

    OMP_NUM_THREADS=1 python benchmarks/bench_stitching.py [N ...]

Cells are uniform in a square and their embedding has 20 dimensions, with noise. Each patch of 384
cells has the true places, in a pose of its own, with noise of this share of the tissue's radius in
each coordinate: 0 (exact) and 0.12. `error` is the root mean square distance to the truth after
the best rigid pose, in percent of the radius, of one patch, of the solve and of the patches' mean
over it. Each size runs in a process of its own, so that its peak of memory, above that of the
imported libraries, is its own.
"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

SIZES = (2000, 5000, 20_000)
NOISES = (0.0, 0.12)
PATCH = 384


def measure(n: int, noise: float) -> dict[str, float]:
    import numpy as np

    from napari_spatialrecon.geometry.patchwork.global_solve import solve_graph
    from napari_spatialrecon.geometry.patchwork.locality import locality_graph
    from napari_spatialrecon.geometry.patchwork.patch_mean import patch_mean
    from napari_spatialrecon.geometry.patchwork.patches import cover
    from napari_spatialrecon.geometry.patchwork.stitching import stitch
    from napari_spatialrecon.geometry.procrustes import fit_pose
    from napari_spatialrecon.provenance import peak_memory_bytes

    generator = np.random.default_rng(0)
    cells = generator.uniform(-1, 1, (n, 2)) * np.sqrt(1.5)
    embedding = cells @ generator.normal(size=(2, 20)) + 0.3 * generator.normal(size=(n, 20))
    before = peak_memory_bytes() or 0
    clock = [(time.perf_counter(), time.process_time())]

    def lap() -> None:
        clock.append((time.perf_counter(), time.process_time()))

    locality = locality_graph(embedding)
    lap()
    patches = cover(locality.graph, PATCH)
    lap()
    turns = np.linalg.qr(generator.normal(size=(len(patches), 2, 2)))[0]
    layouts = (cells[patches] + noise * generator.normal(size=(*patches.shape, 2))) @ turns
    stitched = stitch(patches, layouts, n)
    lap()
    solved = solve_graph(stitched.graph)
    lap()
    mean, _ = patch_mean(patches, layouts, solved.places, stitched.reliability)
    lap()

    def error(places: np.ndarray) -> float:
        posed = fit_pose(places, cells, scaling=False).apply(places)
        return 100 * float(np.sqrt(((posed - cells) ** 2).sum(axis=1).mean()))

    names = ("graph", "patches", "stitch", "solve", "mean")
    return {
        **{f"{name}_s": clock[i + 1][0] - clock[i][0] for i, name in enumerate(names)},
        "cpu_s": clock[-1][1] - clock[0][1],
        "total_s": clock[-1][0] - clock[0][0],
        "peak_mb": ((peak_memory_bytes() or 0) - before) / 2**20,
        "n_patches": len(patches),
        "steps": solved.iterations,
        "edges": len(stitched.graph.first) / n,
        "solved": error(solved.places),
        "averaged": error(mean),
    }


def main() -> None:
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(int(sys.argv[2]), float(sys.argv[3]))))
        return
    sizes = [int(a) for a in sys.argv[1:]] or SIZES
    print(f"cores: {os.cpu_count()}, OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', 'unset')}")
    print(
        "| cells | noise | patches | edges a cell | graph s | patches s | stitch s | solve s | mean s "
        "| steps | total s | s CPU | peak MB | one patch % | solve % | mean % | CPU per 10x cells |"
    )
    print("|" + "---:|" * 17)
    for noise in NOISES:
        last: tuple[int, float] | None = None
        for n in sizes:
            command = [sys.executable, __file__, "--one", str(n), str(noise)]
            row = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            growth = ""
            if last is not None:
                power = math.log10(row["cpu_s"] / last[1]) / math.log10(n / last[0])
                growth = f"x {10**power:.1f}"
            last = n, row["cpu_s"]
            print(
                f"| {n:,} | {noise:g} | {row['n_patches']} | {row['edges']:.0f} "
                f"| {row['graph_s']:.2f} | {row['patches_s']:.2f} | {row['stitch_s']:.2f} "
                f"| {row['solve_s']:.2f} | {row['mean_s']:.2f} | {row['steps']} | {row['total_s']:.1f} "
                f"| {row['cpu_s']:.1f} | {row['peak_mb']:.0f} | {100 * noise * math.sqrt(2):.1f} "
                f"| {row['solved']:.2g} | {row['averaged']:.2g} | {growth} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
