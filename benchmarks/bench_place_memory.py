"""Seconds and memory of placing cells, by their number, against the estimate.

    OMP_NUM_THREADS=1 python benchmarks/bench_place_memory.py [N ...] [--genes 20000] [--method knn]
        [--spots N] [--backed] [--tables FOLDER]

As many spots as cells, unless `--spots` says otherwise.

Made-up tissue: 12 types of cells on a square, each densest around a place of its own; a tenth of the genes
follow the type, another tenth the place; 5 to 8 % of the counts are not zero. Tables are made once for
each size and written as h5ad. Each size is read and placed in a process of its own.

`input` is what the tables take in memory once they are read. `peak` and `expected` are beyond it:
the largest resident memory from then on, and what the check before a run says. All but `before` (the
check before a run), `read` and `write` are parts of `place`. Linux only.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SIZES = (5000, 10_000, 20_000, 50_000)
TYPES, ROWS, SIDE = 12, 1000, 5000.0
STAGES = ("read", "before", "fit", "place", "rest", "write")


def table(n: int, genes: int, mean: float, word: str, seed: int) -> Any:
    """Return n cells or spots: the same profiles in every table, other places, types and counts."""
    import numpy as np
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    profiles = np.random.default_rng(0)
    level = profiles.lognormal(0, 1.6, genes)
    marks = np.where(profiles.random((TYPES, genes)) < 0.1, profiles.lognormal(0, 1, genes), 1)
    slopes = profiles.normal(size=(2, genes)) * (profiles.random(genes) < 0.1)
    centers = profiles.random((TYPES, 2))
    rng = np.random.default_rng(seed)
    xy, blocks, kinds = rng.random((n, 2)), [], []
    for start in range(0, n, ROWS):
        at = xy[start : start + ROWS]
        near = -((at[:, None] - centers) ** 2).sum(axis=-1) / 0.05
        kind = (near + rng.gumbel(size=near.shape)).argmax(axis=1)
        kinds.append(kind)
        rates = (level * marks[kind] * np.exp((at - 0.5) @ slopes)).astype(np.float32)
        rates *= mean / rates.sum(axis=1, keepdims=True) * rng.lognormal(0, 0.3, (len(at), 1))
        blocks.append(sparse.csr_matrix(rng.poisson(rates).astype(np.float32)))
    made = AnnData(sparse.vstack(blocks, format="csr"))
    made.var_names = [f"Gene{i}" for i in range(genes)]
    made.obs_names = [f"{word}{i}" for i in range(n)]
    made.obsm["spatial"] = SIDE * xy
    types = [f"type {i}" for i in range(TYPES)]
    made.obs["type"] = pd.Categorical.from_codes(np.concatenate(kinds), types)
    return made


def make(folder: Path, n: int, spots: int, genes: int) -> None:
    """Write a slide and n cells, unless they are there."""
    for word, number, mean, seed in (("spot", spots, 0.11, 1), ("cell", n, 0.08, 2)):
        path = folder / f"{word}s-{number}-{genes}.h5ad"
        if not path.exists():
            table(number, genes, mean * genes, word, seed).write_h5ad(path)


def _status(field: str) -> float:
    """Return a field of the process's status in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise SystemExit(f"This system does not report {field}.")


class Stages:
    """Seconds by the clock and of the processor, and the peak of memory, of each stage."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.cpu: dict[str, float] = {}
        self.peak: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        Path("/proc/self/clear_refs").write_text("5")  # the peak so far is forgotten
        clock, cpu = time.perf_counter(), time.process_time()
        yield
        self.seconds[name] = time.perf_counter() - clock
        self.cpu[name] = time.process_time() - cpu
        self.peak[name] = _status("VmHWM")

    def around(self, owner: type, name: str) -> None:
        """Measure a method of a class as a stage of the same name."""
        inner: Callable[..., Any] = getattr(owner, name)

        def measured(*given: Any, **named: Any) -> Any:
            with self.stage(name):
                return inner(*given, **named)

        setattr(owner, name, measured)


def measure(
    folder: Path, n: int, spots: int, genes: int, method: str, how: dict[str, Any]
) -> dict[str, Any]:
    """Read, check, place and write in this process."""
    import numpy as np

    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.placing import place
    from napari_spatialrecon.tasks.preflight import preflight
    from napari_spatialrecon.tissue.read import read_adata

    stages, bare = Stages(), _status("VmRSS")
    with stages.stage("read"):
        slide, cells = (
            read_adata(folder / f"{word}s-{number}-{genes}.h5ad", **how)
            for word, number in (("spot", spots), ("cell", n))
        )
    loaded = _status("VmRSS")
    with stages.stage("before"):
        said = preflight({"slide": slide}, cells, method=method)
    for name in ("fit", "place"):
        stages.around(find_method(method, "place").method(), name)
    with stages.stage("rest"):
        made = place({"slide": slide}, cells, method=method, device="cpu")
    with stages.stage("write"):
        made.write(folder / "placed.h5ad")
    for found in (stages.seconds, stages.cpu):
        found["rest"] -= found["fit"] + found["place"]
    off = np.linalg.norm(made.adata.obsm["spatial"] - cells.obsm["spatial"], axis=1)
    return {
        "seconds": sum(stages.seconds.values()) - stages.seconds["before"],
        "cpu_s": sum(stages.cpu.values()) - stages.cpu["before"],
        "expected_s": said.seconds,
        "input_mb": loaded - bare,
        "peak_mb": max(stages.peak[s] for s in STAGES[1:]) - loaded,
        "expected_mb": said.memory_bytes / 2**20,
        "stages": stages.cpu,
        "peaks": {s: stages.peak[s] - loaded for s in STAGES},
        "off": float(np.median(off)) / SIDE,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--genes", type=int, default=20_000)
    parser.add_argument("--spots", type=int, help="of the slide; by default as many as cells")
    parser.add_argument("--method", default="knn")
    parser.add_argument("--backed", action="store_true", help="read counts from disk in blocks")
    parser.add_argument("--tables", type=Path, help="keep the tables here and reuse them")
    parser.add_argument("--here", choices=("make", "measure"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    n = asked.cells[0]
    spots = asked.spots or n
    if asked.here == "make":
        make(asked.tables, n, spots, asked.genes)
    elif asked.here == "measure":
        how = {"backed": True} if asked.backed else {}
        print(json.dumps(measure(asked.tables, n, spots, asked.genes, asked.method, how)))
    else:
        with tempfile.TemporaryDirectory() as folder:
            report(asked, asked.tables or Path(folder))


def report(asked: argparse.Namespace, folder: Path) -> None:
    """Run each size in processes of its own and print a row of two tables for it."""
    folder.mkdir(exist_ok=True)
    columns = ("seconds", "cpu_s", "expected_s", "input_mb", "peak_mb", "expected_mb")
    heads = (*columns, *(f"{s} s, MB" for s in STAGES), "off %")
    print(f"| cells | {' | '.join(heads)} |\n|{'---:|' * (len(heads) + 1)}")
    for n in asked.cells:
        command = [sys.executable, __file__, str(n), "--genes", str(asked.genes)]
        command += ["--tables", str(folder), "--method", asked.method]
        command += ["--backed"] if asked.backed else []
        command += ["--spots", str(asked.spots)] if asked.spots else []
        subprocess.run([*command, "--here", "make"], check=True)
        done = subprocess.run([*command, "--here", "measure"], check=True, stdout=subprocess.PIPE)
        found = json.loads(done.stdout.splitlines()[-1])
        row = [f"{found[c]:,.0f}" for c in columns]
        row += [f"{found['stages'][s]:.0f}, {found['peaks'][s]:,.0f}" for s in STAGES]
        print(f"| {n:,} | {' | '.join(row)} | {100 * found['off']:.1f} |", flush=True)


if __name__ == "__main__":
    main()
