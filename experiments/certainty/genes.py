"""Coverage of the spread of imputed genes, and reliability, on genes that were taken out.

    python -m experiments.certainty.genes --data DIR [case ...] [--methods knn,mapping,come,spadit]

Of one fold in five: share of measured values within one and two spreads (`imputed_std`; of normal
errors .68 and .95), mean spread, root-mean-square error, mean correlation and mean reliability
stated. Quick presets. The measured values of the fold only judge.
"""

from __future__ import annotations

import argparse

import numpy as np

from experiments.data import add_data_option, run
from experiments.genes.cases import impute
from napari_spatialrecon.comparison.cases.genes import CASES, load


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--methods", default="knn,mapping,come,spadit")
    asked = parser.parse_args()
    print("| case | method | within 1 | within 2 | spread | error | correlation | stated |")
    print("|---|---|---|---|---|---|---|---|")
    for name in asked.case:
        case = load(name, asked.data)
        fold = case.folds[0]
        for method in asked.methods.split(","):
            found = impute(case, fold, method, "quick", [])
            table = found.adata[:, fold]
            values, spread = np.asarray(table.X), np.asarray(table.layers["imputed_std"])
            away = np.abs(case.truth.loc[table.obs_names, fold].to_numpy() - values)
            true = case.truth.loc[table.obs_names, fold].to_numpy()
            own = [
                np.corrcoef(a, b)[0, 1] if a.std() > 0 else 0.0 for a, b in zip(values.T, true.T)
            ]
            stated = np.asarray(found.genes["reliability"].loc[fold], float)
            known = np.isfinite(spread).all() and spread.max() > 0
            inside = [f"{(away <= k * spread).mean():.2f}" if known else "–" for k in (1, 2)]
            told = f"{np.nanmean(stated):.2f}" if np.isfinite(stated).any() else "–"
            row = (
                *inside,
                f"{np.sqrt((spread**2).mean()):.2f}" if known else "–",
                f"{np.sqrt((away**2).mean()):.2f}",
                f"{np.mean(own):.2f}",
                told,
            )
            print(f"| {name} | {method} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    run(main)
