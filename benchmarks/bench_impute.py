"""Seconds and peak memory of impute-genes into a zarr store, by number of asked genes.

    OMP_NUM_THREADS=1 python benchmarks/bench_impute.py [GENES ...] [--spots 10000] [--set KEY=VALUE]

Simulated counts, for their size only: cells of 12 types, spots in stripes of the types, 150 genes of
the slide among those of the reference. Each number of genes is one run of the command, in a process
of its own; seconds and peak are those of its record, tables read and fit included.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from anndata import AnnData
from scipy import sparse

GENES = (500, 2000, 20_000)
SHARED, TYPES, DEPTH = 150, 12, 2000
_ROWS = 500


def simulate(folder: Path, spots: int, cells: int, genes: int) -> list[str]:
    """Write slide and reference; return the genes that the slide lacks."""
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
    return names[SHARED:]


def _counts(rng: np.random.Generator, rates: np.ndarray, types: np.ndarray) -> sparse.csr_matrix:
    blocks = [
        sparse.csr_matrix(rng.poisson(rates[types[i : i + _ROWS]]).astype(np.float32))
        for i in range(0, len(types), _ROWS)
    ]
    return sparse.vstack(blocks, format="csr")


def measure(folder: Path, genes: list[str], values: list[str]) -> dict[str, float]:
    """Run the command; return what its record tells."""
    (folder / "genes.txt").write_text("\n".join(genes))
    out = folder / "out.zarr"
    words = ["impute-genes", "--method", "spadit", "--device", "cpu", "--progress", "none"]
    words += ["--slide", folder / "slide.h5ad", "--reference", folder / "reference.h5ad"]
    words += ["--genes", folder / "genes.txt", "--out", out]
    for value in values:
        words += ["--set", value]
    subprocess.run(
        [sys.executable, "-m", "napari_spatialrecon", *map(str, words)],
        check=True,
        capture_output=True,
    )
    record = json.loads((folder / "out.run.json").read_text())
    size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
    shutil.rmtree(out)
    return {
        "seconds": record["wall_seconds"],
        "peak": record["peak_memory_bytes"] / 2**20,
        "share": record["metrics"].get("network_share", 0.0),
        "stored": size / 2**20,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("genes", type=int, nargs="*", default=GENES)
    parser.add_argument("--spots", type=int, default=10_000)
    parser.add_argument("--cells", type=int, default=2000)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    asked = parser.parse_args()
    print("| genes | spots | cells | seconds | peak MB | network's share | stored MB |")
    print(f"|{'---:|' * 7}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        missing = simulate(folder, asked.spots, asked.cells, max(asked.genes) + SHARED)
        for n in asked.genes:
            r = measure(folder, missing[:n], asked.set)
            print(
                f"| {n:,} | {asked.spots:,} | {asked.cells:,} | {r['seconds']:,.0f} | "
                f"{r['peak']:,.0f} | {r['share']:g} | {r['stored']:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
