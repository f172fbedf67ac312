"""Gene imputation on real tissue: all methods, SpaDiT's parts and sampler, and sparser slides.

    python -m experiments.genes.spadit WHAT --data DIR [case ...] [--folds 1]

Genes are held out in five folds (seed 0), of which `--folds` are run. Prints one Markdown table per
case.

WHAT is `table` (all methods), `downsample` (with a fraction of the slide's counts) or `picture`;
`ablate` varies SpaDiT's network together with its linear maps, `alone` without them; `sampler`
applies the sampled correction in full, whatever share a run would use.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.stats import spearmanr

from experiments.data import add_data_option, run
from experiments.genes.cases import impute, measure
from napari_spatialrecon.comparison.cases.genes import CASES, Case, load
from napari_spatialrecon.comparison.data import DataFolder
from napari_spatialrecon.evaluation.gene_metrics import accuracy_scores, gene_metrics

SPADIT = ["diffusion.draws=0"]
METHODS: dict[str, tuple[str, str, list[str]]] = {
    "knn": ("knn", "quick", []),
    "mapping": ("mapping", "quick", []),
    "bases alone": ("spadit", "quick", ["network.on=false"]),
    "COME": ("come", "quick", []),
    "SpaDiT": ("spadit", "quick", SPADIT),
}
#: Table 4 of the paper, and table 3's Transformer beside a network without attention.
ABLATIONS = {
    "SpaDiT": [],
    "without attention in ψ": ["network.condition=mlp"],
    "without condition ψ": ["network.condition=none"],
    "shared genes alone in ψ": ["network.common_only=true"],
    "without concat in φ": ["network.concat=false"],
    "MLP instead of Transformer": ["network.backbone=mlp"],
    "without mean branch": [
        "diffusion.mean_share=0",
        "diffusion.output=draws",
        "diffusion.draws=4",
    ],
}
#: Steps of the sampler, and maps drawn; 0 maps: the mean branch.
SAMPLER = ((5, 0), (5, 1), (20, 1), (50, 1), (200, 1), (20, 4), (20, 8))
RATES = (0.1, 0.3, 0.5, 0.7, 1.0)


def show(name: str, rows: Mapping[str, Callable[[], pd.DataFrame]]) -> None:
    heads = "PCC | median | SSIM | RMSE | JS | expected | its correlation | added | in full | s"
    print(f"\n| {name} | {heads} |")
    print(f"|{'---|' * 11}")
    tables = {}
    for label, measured in rows.items():
        start = time.time()
        table = tables[label] = measured()
        mean = table.mean()
        values = [mean["pcc"], table["pcc"].median(), mean["ssim"], mean["rmse"], mean["js"]]
        follows = table["reliability"].corr(table["pcc"])
        values += [mean["reliability"], follows, mean["added"], mean["in full"]]
        cells = " | ".join("" if np.isnan(v) else f"{v:.3f}" for v in values)
        print(f"| {label} | {cells} | {time.time() - start:.0f} |", flush=True)
    if len(tables) > 1:
        scores = accuracy_scores(tables)
        print("accuracy score:", ", ".join(f"{k} {v:.3f}" for k, v in scores.items()), flush=True)


def sample(case: Case, folds: int) -> None:
    """Print how a map and its spread change with the sampler's steps and the number of draws."""
    print("| steps | maps drawn | PCC | spread and error, rank correlation | s |")
    print(f"|{'---|' * 5}")
    fitted = [impute(case, fold, "spadit", "quick", SPADIT).method for fold in case.folds[:folds]]
    for steps, draws in SAMPLER:
        start, tables = time.time(), []
        for method, fold in zip(fitted, case.folds):
            output = "draws" if draws else "mean"
            values = {"steps": steps, "draws": draws, "output": output}
            config = method.config.with_values({f"diffusion.{k}": v for k, v in values.items()})
            corrections = replace(method.fitted.corrections, share=1.0, config=config)
            method.fitted = replace(method.fitted, corrections=corrections)
            blocks = list(method.impute(fold))
            made, spread = (np.hstack(x) for x in zip(*((b.values, b.spread) for b in blocks)))
            truth = case.truth[fold].to_numpy()
            table = gene_metrics(truth, made).set_axis(fold)
            table["follows"] = [
                spearmanr(spread[:, i], abs(z(truth[:, i]) - z(made[:, i])))[0] if draws > 1 else 0
                for i in range(len(fold))
            ]
            tables.append(table)
        mean = pd.concat(tables).mean()
        words = [f"{steps} | {draws}" if draws else "mean branch |", f"{mean['pcc']:.3f}"]
        words += [f"{mean['follows']:.3f}" if draws > 1 else "", f"{time.time() - start:.0f}"]
        print(f"| {' | '.join(words)} |", flush=True)


def z(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(values.std(), 1e-9)


def rows(
    what: str, name: str, data: DataFolder, folds: int
) -> dict[str, Callable[[], pd.DataFrame]]:
    if what == "downsample":
        return {
            f"{label}, {rate}": lambda r=rate, m=METHODS[label]: measure(
                load(name, data, r), folds, *m
            )
            for rate in RATES
            for label in ("knn", "mapping", "SpaDiT")
        }
    case = load(name, data)
    if what == "table":
        return {k: lambda m=m: measure(case, folds, *m) for k, m in METHODS.items()}
    extra = [*SPADIT, "bases.on=false"] if what == "alone" else SPADIT
    return {
        k: lambda v=v: measure(case, folds, "spadit", "quick", [*extra, *v])
        for k, v in ABLATIONS.items()
    }


def picture(name: str, data: DataFolder, out: Path) -> None:
    """Draw the most, the middle and the least reliable held-out gene: truth, map, spread."""
    case = load(name, data)
    result = impute(case, case.folds[0], "spadit", "quick", [])
    genes = result.genes["reliability"].sort_values(ascending=False).index
    chosen = [genes[0], genes[len(genes) // 2], genes[-1]]
    figure = Figure(figsize=(9, 9), dpi=110, layout="constrained")
    axes = figure.subplots(3, 3)
    x, y = case.slide.obsm["spatial"].T
    for row, gene in zip(axes, chosen):
        made = result.adata[:, gene]
        truth = case.truth[gene].to_numpy()
        pcc = np.corrcoef(truth, made.X.ravel())[0, 1]
        expected = result.genes.loc[gene, "reliability"]
        shown = (
            (truth, f"{gene}, measured"),
            (made.X.ravel(), f"imputed: r {pcc:.2f}, expected {expected:.2f}"),
            (made.layers["imputed_std"].ravel(), "standard deviation"),
        )
        for ax, (values, title) in zip(row, shown):
            top = np.quantile(values, 0.99)
            ax.scatter(x, y, c=values, s=4, vmin=0, vmax=top if top > 0 else None, cmap="viridis")
            ax.set(title=title, aspect="equal", xticks=[], yticks=[])
            ax.invert_yaxis()
    figure.savefig(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "what", choices=("table", "ablate", "alone", "sampler", "downsample", "picture")
    )
    parser.add_argument("case", nargs="*", default=list(CASES))
    add_data_option(parser)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--only", help="one row of the table, by its name")
    parser.add_argument("--out", type=Path, default=Path("genes.png"))
    asked = parser.parse_args()
    for name in asked.case:
        if asked.what == "picture":
            picture(name, asked.data, asked.out)
        elif asked.what == "sampler":
            print(f"\n{name}\n")
            sample(load(name, asked.data), asked.folds)
        else:
            wanted = rows(asked.what, name, asked.data, asked.folds)
            show(name, {k: v for k, v in wanted.items() if asked.only in (None, k)})


if __name__ == "__main__":
    run(main)
