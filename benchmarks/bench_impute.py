"""Seconds and peak memory of impute-genes into a zarr store, by number of asked genes.

    OMP_NUM_THREADS=1 python benchmarks/bench_impute.py [GENES ...] [--spots 10000] [--set KEY=VALUE]

Simulated counts, for their size only: cells of 12 types, spots in stripes of the types, 150 genes of
the slide among those of the reference. Each number of genes is a run in a process of its own, tables
read from files included. The peak is told when imputing starts, after the first 500 genes, and in
the end: it must not grow with the genes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from anndata import AnnData
from scipy import sparse

GENES = (500, 2000, 20_000)
SHARED, TYPES, DEPTH = 150, 12, 2000
_ROWS = 500


def simulate(folder: Path, spots: int, cells: int, genes: int) -> None:
    """Write slide and reference; the slide has the first genes of the reference."""
    rng = np.random.default_rng(0)
    rates = rng.gamma(0.3, 1.0, genes) * np.exp(rng.normal(0, 1, (TYPES, genes)))
    rates /= rates.sum(axis=1, keepdims=True)
    names = [f"gene{i}" for i in range(genes)]
    of_cells = rng.integers(TYPES, size=cells)
    reference = AnnData(_counts(rng, rates * DEPTH, of_cells))
    reference.var_names, reference.obs_names = names, [f"cell{i}" for i in range(cells)]
    places = rng.uniform(0, 1000, (spots, 2))
    stripes = (places[:, 0] * TYPES / 1000).astype(int)
    slide = AnnData(_counts(rng, rates[:, :SHARED] * DEPTH * 10, stripes))
    slide.var_names, slide.obs_names = names[:SHARED], [f"spot{i}" for i in range(spots)]
    slide.obsm["spatial"] = places
    slide.write_h5ad(folder / "slide.h5ad")
    reference.write_h5ad(folder / "reference.h5ad")


def _counts(rng: np.random.Generator, rates: np.ndarray, types: np.ndarray) -> sparse.csr_matrix:
    blocks = [
        sparse.csr_matrix(rng.poisson(rates[types[i : i + _ROWS]]).astype(np.float32))
        for i in range(0, len(types), _ROWS)
    ]
    return sparse.vstack(blocks, format="csr")


def measure(folder: Path, n: int, values: list[str]) -> dict[str, float]:
    """Impute n genes in this process."""
    import anndata

    from napari_spatialrecon.methods.spadit.config import SpaDiTConfig
    from napari_spatialrecon.provenance import peak_memory_bytes
    from napari_spatialrecon.tasks.imputing import impute_genes

    start, marks = time.perf_counter(), {}

    def watch(report) -> None:
        if report.stage == "Imputing genes":
            name = "first" if report.step >= min(500, n) else "fit"
            marks.setdefault(name, (time.perf_counter() - start, peak_memory_bytes() / 2**20))

    slide, cells = (anndata.read_h5ad(folder / f"{f}.h5ad") for f in ("slide", "reference"))
    result = impute_genes(
        slide,
        cells,
        [str(name) for name in cells.var_names[SHARED : SHARED + n]],
        config=SpaDiTConfig.preset("quick").with_text(values),
        device="cpu",
        out=folder / "out.zarr",
        progress=watch,
    )
    seconds = time.perf_counter() - start
    stored = sum(f.stat().st_size for f in (folder / "out.zarr").rglob("*") if f.is_file())
    fit, first = marks["fit"], marks.get("first", marks["fit"])
    return {
        "fit_s": fit[0],
        "impute_s": seconds - fit[0],
        "fit_mb": fit[1],
        "first_mb": first[1],
        "peak_mb": peak_memory_bytes() / 2**20,
        "share": result.record.metrics.get("network_share", 0.0),
        "stored_mb": stored / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genes", type=int, nargs="*", default=GENES)
    parser.add_argument("--spots", type=int, default=10_000)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.folder is not None:
        print(json.dumps(measure(asked.folder, asked.genes[0], asked.set)))
        return
    heads = "genes | fit s | imputing s | peak MB, fit | first 500 | end | network used | stored MB"
    print(f"| {heads} |")
    print(f"|{'---:|' * 8}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        simulate(folder, asked.spots, asked.cells, max(asked.genes) + SHARED)
        for n in asked.genes:
            words = [sys.executable, __file__, str(n), "--folder", name]
            words += [word for value in asked.set for word in ("--set", value)]
            shutil.rmtree(folder / "out.zarr", ignore_errors=True)
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            r = json.loads(done.stdout.splitlines()[-1])
            seconds = f"{r['fit_s']:,.0f} | {r['impute_s']:,.0f}"
            peaks = " | ".join(f"{r[k]:,.0f}" for k in ("fit_mb", "first_mb", "peak_mb"))
            print(f"| {n:,} | {seconds} | {peaks} | {r['share']:g} | {r['stored_mb']:,.0f} |")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
