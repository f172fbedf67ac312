"""Remedies of reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from anndata import AnnData

import napari_spatialrecon as sr
from remedies.cases import Step, remedy

RUN, FIGURES = "report/run.py", "report/figures.py"


def results(tiny: Any, folder: Path) -> Path:
    """Write a result and its record to a folder, and return the table."""
    result = sr.place({"one": tiny.slides[0]}, tiny.cells, method="knn")
    return result.write(folder / "placed.h5ad")[0]


@remedy(RUN, "Try a result that a task wrote, such as placed.h5ad.")
def _no_result(tiny: Any, tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    out = tmp_path / "page.html"
    yield lambda: sr.report(tiny_folder / "cells.h5ad", out)
    yield lambda: sr.report(results(tiny, tmp_path), out)


@remedy(RUN, "Try the folder that holds both.")
def _record_alone(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    out = tmp_path / "page.html"
    table = results(tiny, tmp_path)
    record = tmp_path / "alone" / "placed.run.json"
    record.parent.mkdir()
    record.write_bytes(table.with_suffix(".run.json").read_bytes())
    yield lambda: sr.report(record, out)
    yield lambda: sr.report(tmp_path, out)


# Figures


def placed_cells() -> tuple[AnnData, AnnData]:
    """Cells of two types, and a slide over them."""
    made = []
    for n in (60, 125):
        adata = AnnData(np.random.default_rng(n).poisson(3.0, (n, 8)).astype(np.float32))
        adata.obsm["spatial"] = np.random.default_rng(n).uniform(0, 2000, (n, 2))
        adata.uns["spatialrecon"] = {"unit": "um"}
        made.append(adata)
    made[0].obs["cell_type"] = ["B", "C"] * 30
    return made[0], made[1]


@remedy(FIGURES, "Try {}.")
def _no_such_type() -> Iterator[Step]:
    cells, slide = placed_cells()
    said = str((yield lambda: sr.vicinity_figure(cells, slide, "T", radius=100.0)))
    kind = said.removeprefix("Try ").rstrip(".").split(", ")[0]
    yield lambda: sr.vicinity_figure(cells, slide, kind, radius=100.0)


@remedy(FIGURES, "Try one of {}.")
def _no_such_gene() -> Iterator[Step]:
    cells, slide = placed_cells()
    said = str((yield lambda: sr.vicinity_figure(cells, slide, "B", radius=100.0, genes=["X"])))
    gene = said.removeprefix("Try one of ").rstrip(".").split(", ")[0]
    yield lambda: sr.vicinity_figure(cells, slide, "B", radius=100.0, genes=[gene])
