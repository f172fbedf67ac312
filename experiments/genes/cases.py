"""Genes of named cases imputed fold by fold by one of our methods."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_spatialrecon.comparison.cases.genes import Case
from napari_spatialrecon.evaluation.gene_metrics import gene_metrics
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.tasks.gene_result import GeneResult
from napari_spatialrecon.tasks.imputing import impute_genes


def impute(case: Case, fold: list[str], method: str, preset: str, values: list[str]) -> GeneResult:
    """Impute the genes of a fold, which are taken out of the slide first."""
    config = find_method(method, "impute-genes").config().preset(preset).with_text(values)
    seen = case.slide[:, [g for g in case.slide.var_names if g not in set(fold)]].copy()
    return impute_genes(seen, case.cells, fold, method=method, config=config, device="cpu")


def measure(case: Case, folds: int, method: str, preset: str, values: list[str]) -> pd.DataFrame:
    """Return the metrics of every gene of the first folds, and what the method expected of it."""
    tables = []
    for fold in case.folds[:folds]:
        result = impute(case, fold, method, preset, values)
        report = result.method.report()
        table = gene_metrics(case.truth[fold].to_numpy(), result.adata.X).set_axis(fold)
        table["reliability"] = result.genes["reliability"]
        by_share = report.get("held_out_by_share", {})
        table["added"] = report.get("network_added_pcc", np.nan)
        table["in full"] = by_share.get("1.0", np.nan) - by_share.get("0.0", np.nan)
        tables.append(table)
    return pd.concat(tables)
