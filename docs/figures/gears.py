"""Draw GEARS' figures 2 and 6: distortion of distances, and the effect of the patch size.

    PYTHONPATH=. OMP_NUM_THREADS=1 python docs/figures/gears.py --data DIR --models FOLDER \
        --out docs/images [figure ...]

`distortion`: true and predicted positions of the embryo's held-out cells, colored by true position;
below, the mean of |log(placed / true distance)| over blocks of cells in Morton order of their true
positions. `patches`: metrics and stitching diagnostics against patch size, for each of the first
two networks of `standard` alone (without kNN's share); the largest size is one shot.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from experiments.data import add_data_option, run
from experiments.place.gears import STANDARD, first_networks, fitted
from matplotlib import pyplot as plt
from matplotlib.colors import hsv_to_rgb
from scipy.spatial.distance import cdist

from napari_spatialrecon.comparison.cases.places import load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.palette import INK, QUIET, RULE
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.geometry.gram import canonical
from napari_spatialrecon.geometry.procrustes import fit_pose
from napari_spatialrecon.methods.ensemble.joining import planar
from napari_spatialrecon.methods.gears.config import GearsConfig
from napari_spatialrecon.methods.gears.model import Gears
from napari_spatialrecon.methods.gears.patchwise import lay_out
from napari_spatialrecon.methods.placement.knn import Knn
from napari_spatialrecon.methods.placement.ridge import Ridge
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.storage import write_json

SIZES = (64, 96, 128, 192, 256, 384, 512, 784, 1024, 2048)
BLOCKS = 60
#: ε of the paper's E_ij, in RMS radii.
LEAST = 1e-2
QUALITY = {"spearman": "Spearman", "edge_auc": "edge AUC", "trust20": "trust@20"}
STITCHING = {
    "patch_disagreement": "disagreement of patches",
    "solve_residual_median": "residual of the solve",
}
HUES = ("#0072B2", "#D55E00", "#009E73")


def morton(points: np.ndarray, bits: int = 10) -> np.ndarray:
    """Return the order of points, (n, 2), along a Z-shaped curve."""
    low, span = points.min(axis=0), np.ptp(points, axis=0).max()
    cells = ((points - low) / span * (2**bits - 1)).astype(np.int64)
    key = np.zeros(len(points), np.int64)
    for bit in range(bits):
        for axis in (0, 1):
            key |= ((cells[:, axis] >> bit) & 1) << (2 * bit + axis)
    return np.argsort(key, kind="stable")


def distorted(true: np.ndarray, placed: np.ndarray) -> np.ndarray:
    """Return the block means of E_ij (figure 2), (BLOCKS, BLOCKS), diagonal pairs left out."""
    t, p = canonical(true), canonical(placed)
    dt, dp = cdist(t, t), cdist(p, p)
    scale = (dt * dp).sum() / (dp**2).sum()
    e = np.abs(np.log((scale * dp + LEAST) / (dt + LEAST)))
    np.fill_diagonal(e, np.nan)
    order = morton(true)
    parts = np.array_split(order, BLOCKS)
    return np.array([[np.nanmean(e[np.ix_(a, b)]) for b in parts] for a in parts])


def by_place(points: np.ndarray) -> np.ndarray:
    """Return colors, (n, 3), that tell a place: the hue its direction, the strength its radius."""
    centred = points - points.mean(axis=0)
    angle = np.arctan2(centred[:, 1], centred[:, 0]) / (2 * np.pi) % 1
    radius = np.linalg.norm(centred, axis=1)
    strength = np.clip(radius / np.quantile(radius, 0.95), 0, 1)
    return np.asarray(
        hsv_to_rgb(np.column_stack([angle, 0.15 + 0.85 * strength, 0.55 + 0.35 * strength]))
    )


def draw_distortion(data: DataFolder, folder: Path, out: Path) -> None:
    case = load("embryo", data)
    slides, cells, truth = case.prepared()
    model = fitted(case, STANDARD, 0, folder)
    standard = GearsConfig.preset("standard")
    spread = standard.with_values({"density": "transport"})
    layouts = {
        "True places": truth,
        "Ridge regression": Ridge().fit(slides, cells, Run(seed=0)).place(cells).layout,
        "kNN": Knn().fit(slides, cells, Run(seed=0)).place(cells).layout,
        "GEARS, quick": first_networks(model, GearsConfig.preset("quick")).place(cells).layout,
        "GEARS, standard": first_networks(model, standard).place(cells).layout,
        "GEARS, density half-way": first_networks(model, spread).place(cells).layout,
    }
    maps = {n: distorted(truth, layout) for n, layout in layouts.items() if layout is not truth}
    figure, axes = plt.subplots(2, len(layouts), figsize=(2.5 * len(layouts), 5.6))
    colors = by_place(truth)
    top = float(np.quantile(np.stack(list(maps.values())), 0.98))
    for (name, layout), (above, below) in zip(layouts.items(), axes.T, strict=True):
        posed = fit_pose(layout, truth).apply(layout)
        above.scatter(posed[:, 0], -posed[:, 1], s=2, c=colors, lw=0)
        above.set_title(name, fontsize=10, color=INK)
        above.set_aspect("equal")
        margin = 0.12 * np.ptp(truth, axis=0)
        low, high = truth.min(axis=0) - margin, truth.max(axis=0) + margin
        above.set(xlim=(low[0], high[0]), ylim=(-high[1], -low[1]))
        above.axis("off")
        if name in maps:
            image = below.imshow(maps[name], cmap="magma", vmin=0, vmax=top)
            below.set(xticks=[], yticks=[])
            below.set_xlabel(f"mean {np.nanmean(maps[name]):.2f}", fontsize=9, color=INK)
    key = axes[1, 0]
    key.axis("off")
    key.text(
        0, 0.95, "Colors tell where a cell\ntruly lay.\n\nBelow: error of the distances\n"
        "between groups of cells that\ntruly lie together; 0.1 is\nabout 10%. Diagonal: inside\n"
        "a group.", va="top", fontsize=9, color=QUIET,
    )  # fmt: skip
    bar = figure.colorbar(image, cax=key.inset_axes((0, 0.12, 0.9, 0.05)), orientation="horizontal")
    bar.set_label("|log(placed / true distance)|", fontsize=8, color=INK)
    bar.ax.tick_params(labelsize=8)
    figure.tight_layout()
    _save(figure, out / "gears_distortion.png")


def curve(data: DataFolder, folder: Path) -> list[dict[str, Any]]:
    case = load("embryo", data)
    _, cells, truth = case.prepared()
    model: Gears = fitted(case, STANDARD, 0, folder)
    features, _ = model._features(cells)
    found = []
    for number, network in enumerate(model.networks[:2]):
        inputs = model._inputs(number, features)
        for size in (*SIZES, len(truth)):
            config = model.config.with_values({"patches.one_shot": 0, "patches.size": size})
            laid = lay_out(network.eval(), inputs, config, Reporter())
            metrics = place_metrics(truth, planar(laid.places))
            row = {"network": number, "size": size, **metrics, **laid.diagnostics}
            print(json.dumps({k: row.get(k) for k in ("network", "size", *QUALITY, *STITCHING)}))
            found.append(row)
    return found


def draw_patches(found: list[dict[str, Any]], out: Path) -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9.6, 3.6))
    sizes = sorted({r["size"] for r in found})
    for axis, names in zip(axes, (QUALITY, STITCHING), strict=True):
        for (metric, label), color in zip(names.items(), HUES):
            shown = [s for s in sizes if all(metric in r for r in found if r["size"] == s)]
            values = [[r[metric] for r in found if r["size"] == s] for s in shown]
            axis.plot(shown, [np.mean(v) for v in values], "o-", ms=4, color=color, label=label)
            low, high = [min(v) for v in values], [max(v) for v in values]
            axis.fill_between(shown, low, high, color=color, alpha=0.15, lw=0)
        axis.set_xscale("log", base=2)
        words = [*map(str, sizes[:-1]), "one shot"]
        axis.set_xticks(sizes, words, rotation=60, fontsize=8)
        axis.set_xlim(sizes[0] / 1.2, sizes[-1] * 1.2)
        axis.minorticks_off()
        axis.set_xlabel("cells of a patch", color=INK)
        axis.grid(color=RULE, lw=0.6)
        axis.spines[["top", "right"]].set_visible(False)
        axis.legend(frameon=False, fontsize=9)
    axes[0].set_title("Quality (higher is better)", fontsize=10, color=INK)
    axes[1].set_title("Stitching (lower is better)", fontsize=10, color=INK)
    axes[1].set_ylim(bottom=0)
    figure.tight_layout()
    _save(figure, out / "gears_patch_size.png")


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, dpi=110, facecolor="white")
    print(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", nargs="*", default=["distortion", "patches"])
    add_data_option(parser)
    parser.add_argument("--models", type=Path, required=True, help="keeps trained models")
    parser.add_argument("--out", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--values", type=Path, help="JSON of the patch-size curve; read if there")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if "distortion" in asked.figure:
        draw_distortion(asked.data, asked.models, asked.out)
    if "patches" in asked.figure:
        kept = asked.values
        found = (
            json.loads(kept.read_text())
            if kept and kept.exists()
            else curve(asked.data, asked.models)
        )
        if kept:
            write_json(kept, found)
        draw_patches(found, asked.out)


if __name__ == "__main__":
    run(main)
