"""Landmarks in dp-VAE's latent (eq. 6-7 with d > 2) beside its planar layout.

    OMP_NUM_THREADS=1 python -m experiments.place.latent_landmarks --data DIR [--seed 0] [case ...]

One network of `quick` with 2, 4 and 8 latent dimensions; 5, 10 and 20 landmarks on random cells
(three draws). Median error of the other cells, in RMS radii of the tissue, where distances of the
planar layout or of the latent are kept, and by what left-out landmarks choose.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from experiments.data import add_data_option, run
from experiments.place.landmarks import load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.methods.dpvae.config import DPVAEConfig
from napari_spatialrecon.methods.dpvae.model import DPVAE
from napari_spatialrecon.methods.run import Run
from napari_spatialrecon.tissue.contract import prepare_query, prepare_slide

NUMBERS, DRAWS, DIMENSIONS = (5, 10, 20), 3, (2, 4, 8)


def rows(name: str, data: DataFolder, seed: int) -> Iterator[str]:
    references, query, truth, _ = load(name, data)
    slides = [prepare_slide(slide, title) for title, slide in references.items()]
    cells = prepare_query(query, "query")
    truth = truth[cells.kept]
    radius = np.sqrt(((truth - truth.mean(axis=0)) ** 2).sum(axis=1).mean())
    for dimensions in DIMENSIONS:
        config = DPVAEConfig().with_values(
            {"validate": False, "members": 1, "network.latent": dimensions}
        )
        model = DPVAE(config).fit(slides, cells, Run(seed))
        for number in NUMBERS:
            errors = dict.fromkeys(("plane", "latent", "auto"), 0.0)
            for draw in range(DRAWS):
                chosen = np.random.default_rng([seed, draw]).permutation(len(truth))
                known, others = Landmarks(chosen[:number], truth[chosen[:number]]), chosen[number:]
                for choice in errors:
                    model.config = config.with_values({"landmarks": choice})
                    gaps = (model.impute(cells, known).coordinates - truth)[others]
                    errors[choice] += float(np.median(np.linalg.norm(gaps, axis=1))) / DRAWS
            found = " | ".join(f"{error / radius:.3f}" for error in errors.values())
            yield f"| {name} | {seed} | {dimensions} | {number} | {found} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=["starmap", "her2"])
    parser.add_argument("--seed", type=int, default=0)
    add_data_option(parser)
    asked = parser.parse_args()
    print("| case | seed | dimensions | landmarks | plane | latent | auto |")
    print("|---|---:|---:|---:|---:|---:|---:|", flush=True)
    for name in asked.case:
        for line in rows(name, asked.data, asked.seed):
            print(line, flush=True)


if __name__ == "__main__":
    run(main)
