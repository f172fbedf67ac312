"""Result of an imputation of genes, and what is said of its accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon import provenance
from napari_spatialrecon.methods.genes.base import GeneMethod
from napari_spatialrecon.tasks.gene_report import draw_run
from napari_spatialrecon.tasks.writing import copy_result, write_result


@dataclass(frozen=True)
class GeneResult:
    """Result of `impute_genes`.

    Parameters
    ----------
    adata
        The slide's spots in their order, the asked genes in theirs: ``X`` log-normalized,
        ``layers["imputed_std"]``, ``var["origin"]`` (measured or imputed), ``var["reliability"]``.
        None where the result went to a file.
    path
        The file, h5ad or zarr, or None.
    genes
        Name, origin and predicted reliability of each: the table `var`.
    method
        The fitted method.
    record
        The run.
    notes
        Messages for the user.
    picture
        Reliability diagram of held-out genes, if it was written.
    """

    adata: AnnData | None
    path: Path | None
    genes: pd.DataFrame
    method: GeneMethod
    record: provenance.RunRecord
    notes: tuple[str, ...] = field(default=())
    picture: Path | None = None

    def write(self, path: str | Path) -> tuple[Path, Path]:
        """Write the result with its record beside; return both paths.

        A result that went to a file with ``out=`` is copied from there. The reliability diagram of
        a method that held genes out is written as a picture, too.
        """
        if self.adata is not None:
            written = write_result(path, self.adata, self.record)
        else:
            assert self.path is not None, "a result is in memory or in a file"
            written = copy_result(self.path, path, self.record)
        draw_run(self.record.settings, path)
        return written

    @property
    def verdict(self) -> str:
        """Summary of the accuracy on held-out genes."""
        return " ".join([verdict(self.record.metrics), *self.record.warnings])


def verdict(metrics: Mapping[str, float]) -> str:
    """Return a summary of a run's accuracy on held-out genes."""
    own, baseline = (
        metrics.get(name, np.nan) for name in ("held_out_pcc", "held_out_baseline_pcc")
    )
    hidden = metrics.get("hidden_pcc", np.nan)
    said = []
    if np.isfinite(own):
        beside = "" if not np.isfinite(baseline) else f" (baseline: {baseline:.2f})"
        said.append(
            f"Maps of held-out genes have a mean correlation of {own:.2f} with the truth{beside}."
        )
    if np.isfinite(hidden):
        said.append(
            f"Maps of hidden genes have a mean correlation of {hidden:.2f} with the measurement."
        )
    return " ".join(said) or "No genes were held out, so the accuracy of the maps is unknown."
