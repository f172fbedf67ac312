"""Seconds and memory of super-resolving a slide (SRast, preset quick, 2 x 2), by number of bins.

    OMP_NUM_THREADS=2 python benchmarks/bench_superres.py [--genes N] [--figure OUT.png] [N ...]
    OMP_NUM_THREADS=2 python benchmarks/bench_superres.py --genes 2000 --split 100 1000

Bins of a square grid with made-up genes that vary smoothly, about a third of the counts above zero.
`--split` splits only so many genes, after the slide has been aligned with all of them: what the
adaptation to a slide takes. Each size runs in a process of its own, so that its peak of memory is
its own; that of the imported libraries and the slide is stated as `before`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time

SIZES = (1000, 3000, 10_000, 30_000, 100_000)
COLUMNS = {
    "estimate": "estimated s", "align": "align s", "adapt": "adapt s", "split": "split s",
    "seconds": "total s", "cpu": "s CPU", "promised_mb": "estimated MB", "before_mb": "before MB",
    "peak_mb": "peak MB",
}  # fmt: skip


def slide(n: int, genes: int):
    """Return about n bins on a square grid."""
    import numpy as np
    from anndata import AnnData
    from scipy.sparse import csr_matrix, vstack

    rng = np.random.default_rng(0)
    side = round(n**0.5)
    y, x = np.divmod(np.arange(side * side), side)
    wave, phase = rng.uniform(0.05, 0.4, (genes, 2)), rng.uniform(0, 6.3, genes)
    level = rng.gamma(1.0, 0.25, genes)
    blocks = []
    for rows in np.array_split(np.arange(len(x)), max(1, len(x) // 5000)):
        angle = np.outer(x[rows], wave[:, 0]) + np.outer(y[rows], wave[:, 1]) + phase
        rate = level * np.exp(np.sin(angle))
        blocks.append(csr_matrix(rng.poisson(rate).astype(np.float32)))
    return AnnData(vstack(blocks, format="csr"), obsm={"spatial": np.c_[x, y].astype(float)})


def measure(n: int, genes: int, split: int) -> dict[str, float]:
    import numpy as np

    from napari_spatialrecon.methods.srast.model import SRast
    from napari_spatialrecon.provenance import peak_memory_bytes
    from napari_spatialrecon.tasks.super_preflight import super_preflight
    from napari_spatialrecon.tasks.super_resolving import super_resolve

    assert SRast.name == "srast"  # imported here, so that its libraries count as `before`
    table = slide(n, genes)
    chosen = list(table.var_names[:split])
    estimate = super_preflight(table, genes=chosen)
    before = peak_memory_bytes() or 0
    begun: dict[str, float] = {}

    def watch(report) -> None:
        begun.setdefault(report.stage, time.perf_counter())

    start, cpu = time.perf_counter(), time.process_time()
    result = super_resolve(table, genes=chosen, device="cpu", progress=watch)
    end = time.perf_counter()
    coarser, splitting = begun["Summing the slide into coarser spots"], begun["Preparing the split"]
    return {
        "bins": table.n_obs,
        "filled": float(np.diff(table.X.indptr).mean() / genes),
        "estimate": estimate.seconds,
        "promised_mb": estimate.memory_bytes / 2**20,
        "align": coarser - start,
        "adapt": splitting - coarser,
        "split": end - splitting,
        "seconds": end - start,
        "cpu": time.process_time() - cpu,
        "before_mb": before / 2**20,
        "peak_mb": (peak_memory_bytes() or 0) / 2**20,
        "fd": result.fd,
    }


def figure(rows: list[dict[str, float]], path: str) -> None:
    import matplotlib.pyplot as plt

    from napari_spatialrecon.evaluation.pictures import save_png

    drawing, axis = plt.subplots(figsize=(5.2, 3.8), layout="constrained")
    bins = [row["bins"] for row in rows]
    for name, label in (("split", "splitting"), ("adapt", "adapting"), ("align", "aligning")):
        axis.loglog(bins, [row[name] for row in rows], "o-", label=label)
    last = rows[-1]
    line = [last["split"] * b / last["bins"] for b in bins]
    axis.loglog(bins, line, "k:", lw=1, label="in proportion to the bins")
    axis.set(xlabel="bins", ylabel="seconds", title="SRast, quick, 2 x 2")
    axis.legend(frameon=False)
    save_png(drawing, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--genes", type=int, default=200)
    parser.add_argument("--split", type=int, help="genes to split; all")
    parser.add_argument("--figure", help="PNG of the seconds")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    split = asked.split or asked.genes
    if asked.one:
        print(json.dumps(measure(asked.sizes[0], asked.genes, split)))
        return
    print("| bins | " + " | ".join(COLUMNS.values()) + " |")
    print("|---:|" + "---:|" * len(COLUMNS))
    rows = []
    for n in asked.sizes:
        words = [str(n), "--genes", str(asked.genes), "--split", str(split), "--one"]
        command = [sys.executable, __file__, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
        cells = " | ".join(f"{rows[-1][name]:,.0f}" for name in COLUMNS)
        print(f"| {rows[-1]['bins']:,} | {cells} |", flush=True)
    worst = max(row["fd"] for row in rows)
    print(f"{rows[0]['filled']:.0%} of the entries above zero; largest FD {worst:.1e}")
    if asked.figure:
        figure(rows, asked.figure)


if __name__ == "__main__":
    main()
