"""Coverage of the intervals of shares where the true mixtures are known.

    python -m experiments.certainty.mixtures --data DIR [case ...] [--methods knn,nnls,come,auto]

Share of true shares inside their 90 % intervals: of all shares, of those of 5 % or more, of those
of types that are in the spot; the lowest of a type with 30 shares of 5 % or more; the mean width
where a share is 5 % or more; and the coverage that the run itself stated. The truth only judges.
"""

from __future__ import annotations

import argparse

import numpy as np

from experiments.data import add_data_option, run
from napari_spatialrecon.comparison.cases.mixtures import CASES, load
from napari_spatialrecon.tasks.deconvolving import deconvolve

GOT, FEWEST = 0.05, 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--methods", default="knn,nnls,come,auto")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    head = ("case", "method", "all", "of 5 % or more", "types in the spot", "lowest type")
    print(f"| {' | '.join((*head, 'width', 'stated'))} |")
    print("|---|---|---|---|---|---|---|---|")
    for case in asked.case:
        spots, reference, truth, column = load(case, asked.data)
        for method in asked.methods.split(","):
            found = deconvolve(spots, reference, column, method=method, seed=asked.seed)
            shares, lower, upper = (
                found.adata.obsm[key].to_numpy(float)
                for key in ("proportions", "proportions_lower", "proportions_upper")
            )
            names = [str(name) for name in found.adata.uns["spatialrecon"]["types"]]
            true = truth.obsm["proportions"].reindex(columns=names, fill_value=0.0)
            true = true.loc[found.adata.obs_names].to_numpy(float)
            inside = (true >= lower - 1e-9) & (true <= upper + 1e-9)
            got = shares >= GOT
            types = [i for i in range(len(names)) if got[:, i].sum() >= FEWEST]
            lowest = min((inside[got[:, i], i].mean() for i in types), default=np.nan)
            row = (
                inside.mean(),
                inside[got].mean(),
                inside[true > 0].mean(),
                lowest,
                (upper - lower)[got].mean(),
                found.record.metrics["interval_coverage"],
            )
            print(f"| {case} | {method} | {' | '.join(f'{v:.2f}' for v in row)} |", flush=True)


if __name__ == "__main__":
    run(main)
