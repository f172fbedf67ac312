"""dp-VAE on sections torn by hand, with and without the torn piece marked.

    OMP_NUM_THREADS=1 python -m experiments.place.torn --data DIR [--seeds 1] [case ...]

A corner of each section, a quarter of its spots, is turned by 40 degrees and moved away by one RMS
radius of the tissue, as a piece that came loose. Cells are placed by one network of `quick` without
the tear, with it, and with the piece marked in the column that ``mask.column`` names, where pairs
of the piece count or do not (``mask.within``). Measured against the true places, in any pose.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.places import load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.place_metrics import place_metrics
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import Prepared
from napari_spatialrecon.tissue.slots import SPATIAL

SHOWN = ("spearman", "edge_auc", "trust20", "procrustes")
SHARE, DEGREES = 0.25, 40.0
WAYS: dict[str, tuple[bool, dict[str, Any]]] = {
    "not torn": (False, {}),
    "torn": (True, {"mask.column": "unmarked"}),
    "torn, marked": (True, {}),
    "torn, marked, pairs of the piece left out": (True, {"mask.within": False}),
}


def torn(slide: Prepared) -> Prepared:
    """Return a slide whose lower right corner was turned and moved, marked in a column."""
    adata = slide.adata.copy()
    places = np.array(adata.obsm[SPATIAL], float)
    along = (places - places.mean(axis=0)).sum(axis=1)
    piece = along > np.quantile(along, 1 - SHARE)
    radius = np.sqrt(((places - places.mean(axis=0)) ** 2).sum(axis=1).mean())
    angle, center = np.deg2rad(DEGREES), places[piece].mean(axis=0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    places[piece] = (places[piece] - center) @ turn + center + radius / np.sqrt(2)
    adata.obsm[SPATIAL] = places
    adata.obs["torn"] = piece
    return replace(slide, adata=adata)


def rows(name: str, data: DataFolder, seed: int) -> Iterator[str]:
    slides, cells, truth = load(name, data).prepared()
    for way, (tear, settings) in WAYS.items():
        given = [torn(slide) for slide in slides] if tear else slides
        config = DPVAEConfig().with_values({"validate": False, "members": 1, **settings})
        placed = DPVAE(config).fit(given, cells, Run(seed)).place(cells)
        found = place_metrics(truth, placed.layout, seed=seed)
        yield f"| {name} | {seed} | {way} | " + " | ".join(f"{found[m]:.3f}" for m in SHOWN) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["starmap-BZ5-BZ9", "her2-23-5"])
    parser.add_argument("--seeds", type=int, default=1)
    add_data_option(parser)
    asked = parser.parse_args()
    print(f"| case | seed | section | {' | '.join(SHOWN)} |\n|---|---:|---|{'---:|' * len(SHOWN)}")
    for name in asked.case:
        for seed in range(asked.seeds):
            for line in rows(name, asked.data, seed):
                print(line, flush=True)


if __name__ == "__main__":
    run(main)
