"""Seconds and memory of COME beyond what fits whole, by number of cells.

    OMP_NUM_THREADS=1 python benchmarks/bench_come.py place|deconvolve [N ...] [--spots 5000]

Made-up tissue: 16 types of cells on a square, each densest around a place of its own, 400 genes of which
some follow the place; a spot sums eight cells. Each size runs in a process of its own. `before` is the peak
of libraries and tables, `peak` that of the whole process, `expected` what was said before the run.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import Any

SIZES = (5000, 10_000, 20_000)
GENES, TYPES, PER_SPOT = 400, 16, 8


def tissue(n: int, n_spots: int) -> tuple[Any, Any, Any]:
    """Return spots, n labelled cells without places, and these cells' places."""
    import numpy as np
    from anndata import AnnData
    from scipy import sparse

    rng = np.random.default_rng(0)
    profiles = rng.dirichlet(np.full(GENES, 0.3), TYPES) * 200
    centres, slopes = (
        rng.random((TYPES, 2)),
        rng.normal(size=(2, GENES)) * (rng.random(GENES) < 0.2),
    )

    def cells(count: int) -> tuple[Any, Any, Any]:
        xy = rng.random((count, 2))
        near = -((xy[:, None] - centres[None]) ** 2).sum(axis=-1) / 0.1 + rng.gumbel(
            size=(count, TYPES)
        )
        kind = near.argmax(axis=1)
        return (
            rng.poisson(profiles[kind] * np.exp((xy - 0.5) @ slopes)).astype(np.float32),
            xy,
            kind,
        )

    spot_counts, at = [], []
    for _ in range(0, n_spots, 500):
        x, xy, _kind = cells(500 * PER_SPOT)
        order = np.lexsort((xy[:, 1], np.floor(xy[:, 0] * 22)))
        spot_counts.append(sparse.csr_matrix(x[order].reshape(500, PER_SPOT, GENES).sum(axis=1)))
        at.append(xy[order].reshape(500, PER_SPOT, 2).mean(axis=1))
    x, xy, kind = cells(n)
    slide, query = AnnData(sparse.vstack(spot_counts).tocsr()), AnnData(sparse.csr_matrix(x))
    for table, word in ((slide, "spot"), (query, "cell")):
        table.var_names = [f"Gene{i}" for i in range(GENES)]
        table.obs_names = [f"{word}{i}" for i in range(table.n_obs)]
    slide.obsm["spatial"] = 5000 * np.concatenate(at)
    query.obs["type"] = [f"type {k}" for k in kind]
    return slide, query, 5000 * xy


def measure(task: str, n: int, n_spots: int) -> dict[str, float]:
    import numpy as np
    from scipy.spatial.distance import pdist
    from scipy.stats import spearmanr

    from napari_spatialrecon.provenance import peak_memory_bytes
    from napari_spatialrecon.tasks.deconvolving import deconvolve
    from napari_spatialrecon.tasks.mixture_preflight import mixture_preflight
    from napari_spatialrecon.tasks.placing import place
    from napari_spatialrecon.tasks.preflight import preflight

    slide, query, truth = tissue(n, n_spots)
    if task == "place":
        said = preflight({"slide": slide}, query, method="come")
    else:
        said = mixture_preflight(slide, query, "type", method="come")
    before = peak_memory_bytes() or 0
    start, cpu = time.perf_counter(), time.process_time()
    if task == "place":
        made = place({"slide": slide}, query, method="come", device="cpu").adata
        some = np.random.default_rng(0).permutation(n)[:1000]
        found = np.asarray(made.obsm["spatial"])[some]
        quality = float(spearmanr(pdist(truth[some]), pdist(found)).statistic)
    else:
        made = deconvolve(slide, query, "type", method="come", device="cpu").adata
        quality = float(np.asarray(made.obsm["proportions"]).max(axis=1).mean())
    return {
        "spots": slide.n_obs,
        "seconds": time.perf_counter() - start,
        "cpu_s": time.process_time() - cpu,
        "expected_s": said.seconds,
        "before_mb": before / 2**20,
        "peak_mb": (peak_memory_bytes() or 0) / 2**20,
        "expected_mb": said.memory_bytes / 2**20,
        "quality": quality,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=("place", "deconvolve"))
    parser.add_argument("cells", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--spots", type=int, default=5000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        print(json.dumps(measure(asked.task, asked.cells[0], asked.spots)))
        return
    columns = ("spots", "seconds", "cpu_s", "expected_s", "before_mb", "peak_mb", "expected_mb")
    last = "Spearman of distances" if asked.task == "place" else "mean of the largest share"
    print(f"| cells | {' | '.join(columns)} | {last} |\n|{'---:|' * (len(columns) + 2)}")
    for n in asked.cells:
        command = [
            sys.executable,
            __file__,
            asked.task,
            str(n),
            "--spots",
            str(asked.spots),
            "--here",
        ]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        found = json.loads(done.stdout.splitlines()[-1])
        values = " | ".join(f"{found[c]:,.0f}" for c in columns)
        print(f"| {n:,} | {values} | {found['quality']:.3f} |", flush=True)


if __name__ == "__main__":
    main()
