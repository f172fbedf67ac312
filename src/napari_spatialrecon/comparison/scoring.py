"""Predictions compared with the answer, by the evaluation of the task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import anndata
import numpy as np
from anndata import AnnData

from napari_spatialrecon.comparison.cases.problem import same_frame
from napari_spatialrecon.evaluation.evaluate import evaluate_place
from napari_spatialrecon.evaluation.gene_metrics import evaluate_genes
from napari_spatialrecon.evaluation.mixture_metrics import evaluate_mixtures
from napari_spatialrecon.evaluation.super_metrics import evaluate_super


def score(task: str, truth: AnnData, predictions: Sequence[AnnData]) -> dict[str, Any]:
    """Return ``metrics``, named as in `comparison.metrics`, and what of the report tables show.

    Parameters
    ----------
    predictions
        Of each part of the case.
    """
    if task == "place":
        report = evaluate_place(truth, predictions[0], same_frame=same_frame(truth))
        shown = {
            k: report[k] for k in ("cells", "error", "posed_error", "uncertainty") if k in report
        }
        return {"metrics": report["metrics"], "report": shown}
    if task == "impute-genes":
        report = evaluate_genes(truth, joined(predictions))
        metrics = {**report["mean"], "pcc_median": report["median"]["pcc"]}
        kept = {k: report[k] for k in ("genes", "reliability", "per_gene") if k in report}
        return {"metrics": metrics, "report": kept}
    if task == "deconvolve":
        report = evaluate_mixtures(truth, predictions[0])
        left_out = int(predictions[0].uns.get("left_out", 0))
        types = {"per_type": report["per_type"], "spots": report["spots"], "left_out": left_out}
        return {"metrics": report["mean"], "report": types}
    report = evaluate_super(truth, predictions[0])
    clusters = {f"ari_{name}": value for name, value in report.pop("ari").items()}
    return {"metrics": {**report, **clusters}, "report": {}}


def joined(predictions: Sequence[AnnData]) -> AnnData:
    """Return the genes of all folds as one table."""
    if len(predictions) == 1:
        return predictions[0]
    order = predictions[0].obs_names
    tables = []
    for table in predictions:
        one = AnnData(
            table[order].X.toarray() if hasattr(table.X, "toarray") else np.asarray(table[order].X),
            obs=table.obs.loc[order][[]],
            var=table.var[[c for c in ("origin", "reliability") if c in table.var]].copy(),
        )
        tables.append(one)
    return anndata.concat(tables, axis=1, merge="same")
