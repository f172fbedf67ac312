"""How time and memory grow with the number of cells, beside other tools on the same input.

    OMP_NUM_THREADS=1 python benchmarks/bench_scale.py FOLDER [--sizes N ...] [--tasks TASK ...]
        [--minutes 10] [--memory 6]

Made-up tissue (`bench_place_memory.table`: 12 types, 500 genes). Spots hold the summed counts of
the cells in a square, 8 on average. `place`: N cells of another draw on N / 8 spots. `deconvolve`:
N / 8 spots, N cells as reference. `solve`: N points of a rolled sheet in a latent of eight
dimensions, laid out by the solver of dp-VAE and by scikit-learn's SMACOF, both from the principal
plane.

Methods and other tools are run by `spatialrecon compare`, each in a process of its own, within the
same limits of time and memory. One that failed or exceeded them is not run on more cells. What has
run is kept in FOLDER and not run again. The other tools are the extra `peers`; those that are not
installed are left out. Seconds are of the processor, which other programs disturb least.

FOLDER gets ``scale.json`` (every number, machine, commit), ``scale.md`` and ``scale.svg``.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from bench_place_memory import SIDE, table

SIZES = (1_000, 4_000, 16_000, 64_000, 256_000)
PER_SPOT, GENES, MEAN = 8, 500, 1.0
OURS = {
    "place": ("knn", "come", "dpvae:quick", "gears:quick"),
    "deconvolve": ("nnls", "knn", "come"),
    "solve": ("dp-VAE's solver",),
}
PEERS = {
    "place": ("tangram", "novosparc", "moscot"),
    "deconvolve": ("cell2location", "tangram", "rctd", "stereoscope"),
    "solve": ("SMACOF",),
}
#: Of each task, the measure of the quality, and how the table calls it.
QUALITY = {
    "place": ("spearman", "Spearman ↑"),
    "deconvolve": ("jsd", "JSD ↓"),
    "solve": ("stress", "stress ↓"),
}
#: Sizes from which on growth is measured: below, starting takes most of the time.
GROWN = 4_000

Row = dict[str, Any]


def make(folder: Path, n: int) -> None:
    """Write spots with their shares, and cells of another draw, unless they are there."""
    import pandas as pd
    from anndata import AnnData
    from scipy import sparse

    if (folder / f"shares-{n}.csv").exists():
        return
    inside, cells = (table(n, GENES, MEAN * GENES, word, s) for word, s in (("in", 1), ("cell", 2)))
    across = max(2, round((n / PER_SPOT) ** 0.5))
    squares = np.minimum((inside.obsm["spatial"] / SIDE * across).astype(int), across - 1)
    codes, spot = np.unique(squares @ [across, 1], return_inverse=True)
    summed = sparse.csr_matrix((np.ones(n, np.float32), (spot, np.arange(n))))
    spots = AnnData((summed @ inside.X).tocsr(), var=inside.var)
    spots.obs_names = [f"spot{i}" for i in range(len(codes))]
    spots.obsm["spatial"] = (np.stack([codes // across, codes % across], 1) + 0.5) * SIDE / across
    shares = summed @ pd.get_dummies(inside.obs["type"]).to_numpy(np.float32)
    shares /= shares.sum(axis=1, keepdims=True)
    for word, made in (("spots", spots), ("cells", cells)):
        made.uns["spatialrecon"] = {"unit": "um"}
        made.write_h5ad(folder / f"{word}-{n}.h5ad")
    types = inside.obs["type"].cat.categories
    pd.DataFrame(shares, spots.obs_names, types).to_csv(folder / f"shares-{n}.csv")


def compared(task: str, n: int, methods: list[str], asked: argparse.Namespace) -> list[Row]:
    """Run methods on a size, and return a row for each."""
    folder: Path = asked.folder
    spots, cells = (folder / f"{word}-{n}.h5ad" for word in ("spots", "cells"))
    answer = ["--labels", "type", "--truth", folder / f"shares-{n}.csv"]
    files = {
        "place": ["--reference", spots, "--query", cells],
        "deconvolve": ["--slide", spots, "--reference", cells, *answer],
    }[task]
    told = folder / f"{task}-{n}.json"
    command = [sys.executable, "-m", "napari_spatialrecon", "compare", "--task", task, *files]
    command += ["--name", f"{n}", "--methods", *methods, "--seeds", "0", "--no-pictures"]
    command += ["--minutes", asked.minutes, "--memory", asked.memory, "--threads", "1"]
    command += ["--out", folder / f"{task}-{n}", "--json", told, "--progress", "none"]
    subprocess.run([str(word) for word in command], stdout=subprocess.DEVNULL)
    return [
        {
            "task": task,
            "n": n,
            "method": cell["title"],
            "spec": cell["method"],
            "status": cell["status"],
            "reason": cell.get("reason", ""),
            "seconds": cell.get("cpu_seconds"),
            "clock": cell.get("seconds"),
            "bytes": cell.get("peak_memory_bytes"),
            "quality": cell.get("metrics", {}).get(QUALITY[task][0]),
        }
        for cell in json.loads(told.read_text(encoding="utf-8"))
    ]


def latent(n: int) -> np.ndarray:
    """Return a rolled sheet with noise in eight dimensions, (n, 8): no plane holds it."""
    rng = np.random.default_rng(0)
    x, y = rng.random((2, n))
    rolled = [0.3 * np.cos(5 * x), 0.3 * np.sin(5 * x), y, 0.2 * np.sin(6 * y)]
    return np.stack([*rolled, *rng.normal(0, 0.1, (4, n))], axis=1)


def solved(n: int, method: str, answers: Any) -> None:
    """Lay the latent out in this process."""
    import psutil
    from scipy.spatial.distance import cdist
    from sklearn.manifold import smacof

    from napari_spatialrecon.geometry.solver.place_solver import PlaceSolver, full_stress

    points = latent(n)
    plane = points @ np.linalg.svd(points - points.mean(0), full_matrices=False)[2][:2].T
    started, clock = time.process_time(), time.perf_counter()
    if method == "SMACOF":
        places, _ = smacof(
            cdist(points, points), init=plane, n_init=1, max_iter=3000, eps=1e-6,
            normalized_stress=False,
        )  # fmt: skip
    else:
        places = PlaceSolver(points).solve().places
    seconds, clock = time.process_time() - started, time.perf_counter() - clock
    memory = psutil.Process().memory_info()
    peak = getattr(memory, "peak_wset", None) or _peak()
    answers.put((seconds, clock, peak, full_stress(points, places)))


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def solve(n: int, method: str, asked: argparse.Namespace) -> Row:
    """Lay the latent out in a process of its own, within the limit of time."""
    row: Row = {"task": "solve", "n": n, "method": method, "spec": method}
    if method == "SMACOF" and 5 * 8 * n**2 > asked.memory * 1e9:
        return {**row, "status": "failed", "reason": "its distances do not fit the memory"}
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    child = context.Process(target=solved, args=(n, method, answers))
    child.start()
    child.join(60 * asked.minutes)
    if child.is_alive():
        child.kill()
        return {**row, "status": "failed", "reason": f"it took more than {asked.minutes:g} min"}
    if child.exitcode:
        return {**row, "status": "failed", "reason": f"exit code {child.exitcode}"}
    seconds, clock, peak, stress = answers.get()
    numbers = {"seconds": seconds, "clock": clock, "bytes": peak, "quality": stress}
    return {**row, "status": "done", "reason": "", **numbers}


def growth(rows: list[Row], what: str) -> float | None:
    """Return the exponent of N by which a number grows; None with fewer than two sizes."""
    known = [(row["n"], row[what]) for row in rows if row["n"] >= GROWN and row[what]]
    if len(known) < 2:
        return None
    sizes, found = np.log(np.array(known, float)).T
    return float(np.polyfit(sizes, found, 1)[0])


def markdown(rows: list[Row]) -> str:
    """Return a table for each task: a row for each method, a column for each size."""
    parts = []
    for task, (_, quality) in QUALITY.items():
        own = [row for row in rows if row["task"] == task]
        sizes = sorted({row["n"] for row in own})
        if not own:
            continue
        heads = [f"{n:,}: s, cells/s, GB, {quality}" for n in sizes]
        lines = [
            f"| {task} | {' | '.join(heads)} | s grow by N^ | GB by N^ |",
            f"|---|{'---:|' * (len(sizes) + 2)}",
        ]
        for method in dict.fromkeys(row["method"] for row in own):
            mine = [row for row in own if row["method"] == method and row["status"] == "done"]
            by_size = {row["n"]: row for row in own if row["method"] == method}
            cells = [_cell(by_size.get(n)) for n in sizes]
            powers = [growth(mine, what) for what in ("seconds", "bytes")]
            cells += ["" if p is None else f"{p:.2f}" for p in powers]
            lines.append(f"| {method} | {' | '.join(cells)} |")
        parts += ["\n".join(lines), *_ratios(task, own)]
    return "\n\n".join(parts) + "\n"


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row["status"] != "done":
        return row["reason"].split(";")[0][:60] or row["status"]
    pace = row["n"] / row["seconds"]
    return f"{row['seconds']:,.1f}, {pace:,.0f}, {row['bytes'] / 1e9:.2f}, {row['quality']:.3f}"


def _ratios(task: str, rows: list[Row]) -> list[str]:
    """Say how many times as long each other tool takes as each of ours, on the most cells."""
    done = {(row["spec"], row["n"]): row for row in rows if row["status"] == "done"}
    said = []
    for peer in PEERS[task]:
        sizes = [n for spec, n in done if spec == peer]
        if not sizes:
            continue
        n = max(sizes)
        other = done[peer, n]
        times = [
            f"{other['seconds'] / done[own, n]['seconds']:,.1f} × {done[own, n]['method']}"
            for own in OURS[task]
            if (own, n) in done
        ]
        said.append(f"{other['method']} on {n:,}: {', '.join(times)}.")
    return said


def draw(rows: list[Row], path: Path) -> None:
    """Draw seconds and memory over the number of cells, both axes logarithmic."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import FuncFormatter, NullFormatter

    tasks = [task for task in QUALITY if any(row["task"] == task for row in rows)]
    size = (4 * len(tasks), 7)
    with plt.rc_context({"svg.fonttype": "none", "svg.hashsalt": "scale"}):
        figure, axes = plt.subplots(
            2, len(tasks), figsize=size, sharex=True, squeeze=False, layout="constrained"
        )
        for column, task in enumerate(tasks):
            own = [row for row in rows if row["task"] == task and row["status"] == "done"]
            for i, method in enumerate(dict.fromkeys(row["method"] for row in own)):
                line = [row for row in own if row["method"] == method]
                sizes = [row["n"] for row in line]
                style = "--" if line[0]["spec"] in PEERS[task] else "-"
                look = {"marker": "osD^vPX*"[i % 8], "ms": 5, "label": method}
                for place, what, per in ((0, "seconds", 1), (1, "bytes", 1e9)):
                    values = [row[what] / per for row in line]
                    axes[place][column].loglog(sizes, values, style, **look)
            axes[0][column].set_title(task)
            axes[1][column].set_xlabel("cells")
            if own:
                below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
                axes[1][column].legend(ncols=2, fontsize=8, frameon=False, **below)
        for axis in axes.flat:
            axis.xaxis.set_major_formatter(FuncFormatter(lambda n, _: f"{n:,.0f}"))
            for number in (axis.yaxis.set_major_formatter, axis.yaxis.set_minor_formatter):
                number(
                    FuncFormatter(lambda v, _: f"{v:g}" if str(v).strip("0.")[:1] in "125" else "")
                )
            axis.xaxis.set_minor_formatter(NullFormatter())
        axes[0][0].set_ylabel("seconds of one core")
        axes[1][0].set_ylabel("peak memory, GB")
        figure.savefig(path, metadata={"Date": None})


def machine() -> Row:
    """Return what the numbers were measured on."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    model = platform.processor()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.partition(":")[2].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        pass
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return {"commit": commit, "processor": model, "cores": os.cpu_count(), "date": when}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", nargs="+", type=int, default=list(SIZES))
    parser.add_argument("--tasks", nargs="+", choices=list(QUALITY), default=list(QUALITY))
    parser.add_argument("--minutes", type=float, default=10.0, help="most that a run may take")
    parser.add_argument("--memory", type=float, default=6.0, help="GB that a run may take")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    kept = asked.folder / "scale.json"
    held = json.loads(kept.read_text(encoding="utf-8"))["rows"] if kept.exists() else []
    rows = {(row["task"], row["n"], row["spec"]): row for row in held}
    for n in sorted(asked.sizes):
        make(asked.folder, n)
        for task in asked.tasks:
            over = {s for (t, _, s), row in rows.items() if t == task and row["status"] != "done"}
            left = [
                one
                for one in (*OURS[task], *PEERS[task])
                if one not in over and (task, n, one) not in rows
            ]
            if not left:
                continue
            if task == "solve":
                found = [solve(n, method, asked) for method in left]
            else:
                found = compared(task, n, left, asked)
            rows |= {(task, n, row["spec"]): row for row in found}
            for row in found:
                print(f"{task} {n:,} {row['method']}: {_cell(row)}", flush=True)
            ordered = sorted(rows.values(), key=lambda row: (row["task"], row["spec"], row["n"]))
            kept.write_text(json.dumps({"machine": machine(), "rows": ordered}, indent=1))
    ordered = list(rows.values())
    (asked.folder / "scale.md").write_text(markdown(ordered), encoding="utf-8")
    draw(ordered, asked.folder / "scale.svg")
    print(markdown(ordered))


if __name__ == "__main__":
    main()
