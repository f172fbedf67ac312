"""What `validate` says of tissue whose truth was shuffled: better than the baseline must be rare.

    OMP_NUM_THREADS=1 python -m experiments.validate.shuffled --data DIR [--seeds 0 1 2 3 4]
        [--methods knn ...]

Placing and splitting: the rows of counts of each slide are shuffled over its places. Genes: each
gene of the slide is shuffled over the spots by itself. Mixtures: the types of the reference's cells
are shuffled.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from anndata import AnnData
from scipy import sparse

import napari_spatialrecon as sr
from experiments.data import add_data_option, run
from experiments.validate.agreement import LOAD

#: Case and methods of each task.
ASKED = {
    "place": {
        "mob": ("knn", "ridge", "come", "gears", "dpvae"),
        "starmap": ("knn", "ridge"),
    },
    "deconvolve": {"starmap": ("knn", "nnls"), "embryo": ("knn", "nnls")},
    "impute-genes": {"mop": ("knn", "mapping", "come", "spadit"), "bdtnp": ("spadit",)},
    "super-resolve": {
        "embryo": ("bilinear", "bicubic", "gaussian", "srast"),
        "mpoa": ("bilinear", "bicubic", "gaussian"),
    },
}
#: Those that take seconds, which are asked unless others are named.
QUICK = ("knn", "ridge", "nnls", "mapping", "bilinear", "bicubic", "gaussian")


def rows(adata: AnnData, rng: np.random.Generator) -> AnnData:
    """Return a table with its rows of counts in another order."""
    made = adata.copy()
    made.layers.clear()
    made.X = sparse.csr_matrix(adata.X)[rng.permutation(adata.n_obs)]
    return made


def shuffled(task: str, given: dict[str, Any], seed: int) -> dict[str, Any]:
    """Return inputs of `validate` whose truth says nothing."""
    rng, made = np.random.default_rng(seed), dict(given)
    if task == "place":
        made["references"] = {n: rows(slide, rng) for n, slide in given["references"].items()}
    elif task == "super-resolve":
        made["slide"] = rows(given["slide"], rng)
    elif task == "deconvolve":
        cells = made["reference"] = given["reference"].copy()
        cells.obs[given["labels"]] = rng.permutation(cells.obs[given["labels"]].to_numpy())
    else:
        slide = made["slide"] = given["slide"].copy()
        dense = sparse.csr_matrix(slide.X).toarray()
        slide.X = sparse.csr_matrix(np.apply_along_axis(rng.permutation, 0, dense))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_option(parser)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--methods", nargs="+", default=QUICK, help="of those in ASKED")
    asked = parser.parse_args()
    print("| task | case | method | better | no better | worse |\n|---|---|---|---|---|---|")
    for task, cases in ASKED.items():
        for case, known in cases.items():
            methods = [method for method in known if method in asked.methods]
            given = LOAD[task](case, asked.data)[0] if methods else {}
            for method in methods:
                counts = " | ".join(map(str, verdicts(task, given, method, asked.seeds)))
                print(f"| {task} | {case} | {method} | {counts} |", flush=True)


def verdicts(task: str, given: dict[str, Any], method: str, seeds: Sequence[int]) -> list[int]:
    """Return how often a method is called better, no better and worse; the words go to stderr."""
    found: Counter[str] = Counter()
    for seed in seeds:
        said = sr.validate(
            task, **shuffled(task, given, seed), method=method, seed=seed, device="cpu"
        )
        print(f"{seed}: {said.verdict}", file=sys.stderr, flush=True)
        found[said.outcome] += 1
    return [found[outcome] for outcome in ("better", "no better", "worse")]


if __name__ == "__main__":
    run(main)
