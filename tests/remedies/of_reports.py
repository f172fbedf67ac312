"""Remedies of reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import napari_spatialrecon as sr
from remedies.cases import Step, remedy

RUN = "report/run.py"


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
