from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import anndata
import pytest

from napari_spatialrecon.report.inputs import (
    CHANGED,
    MISSING,
    NOT_CHECKED,
    UNCHANGED,
    UNREADABLE,
    inputs_of,
)
from napari_spatialrecon.report.run import runs_of


@pytest.fixture
def moved(runs: dict[str, Path], tmp_path: Path) -> Path:
    """The folder of the runs, elsewhere: inputs lie beside the results, not where they were."""
    folder = tmp_path / "moved"
    shutil.copytree(runs["place"].parent, folder)
    for record in folder.glob("*.run.json"):
        text = record.read_text().replace(str(runs["place"].parent), "/no/such/folder")
        record.write_text(text)
    for path in folder.glob("*.h5ad"):
        if path.stem in runs:
            adata = anndata.read_h5ad(path)
            del adata.uns["spatialrecon"]["record"]
            adata.write_h5ad(path)
    return folder


def states(path: Path, **more: Any) -> dict[str, str]:
    (run,) = runs_of([path])
    return {one.name: one.state for one in inputs_of(run, **more)}


@pytest.mark.parametrize("task", ["place", "deconvolve", "super-resolve"])
def test_inputs_that_are_the_same_are_known_by_their_hash(task: str, runs: dict[str, Path]) -> None:
    assert set(states(runs[task]).values()) == {UNCHANGED}
    assert set(states(runs[task], check=False).values()) == {NOT_CHECKED}


def test_inputs_are_found_beside_the_result(moved: Path) -> None:
    assert set(states(moved / "place.h5ad").values()) == {UNCHANGED}


def test_inputs_that_changed_are_said(moved: Path, page: Any) -> None:
    slide = anndata.read_h5ad(moved / "slide.h5ad")
    slide.obsm["spatial"] = slide.obsm["spatial"] + 1.0
    slide.write_h5ad(moved / "slide.h5ad")
    assert states(moved / "place.h5ad") == {"slide": CHANGED, "cells.h5ad": UNCHANGED}
    found = page(moved / "place.h5ad")
    assert "Changed since the run, by their hash: slide." in found.text


def test_inputs_that_are_gone_or_damaged_are_said(moved: Path, page: Any) -> None:
    (moved / "slide.h5ad").unlink()
    (moved / "cells.h5ad").write_text("not a table")
    assert states(moved / "place.h5ad") == {"slide": MISSING, "cells.h5ad": UNREADABLE}
    found = page(*(moved / f"{task}.h5ad" for task in ("place", "deconvolve", "super-resolve")))
    assert found.text.count("Not found, so neither hash nor quality was checked: slide") == 3


def test_a_run_of_an_older_version_is_said(moved: Path, page: Any) -> None:
    path = moved / "place.run.json"
    record = json.loads(path.read_text())
    record["versions"]["napari-spatialrecon"] = "0.1.0"
    record["metrics"]["held_out_floor"] = record["metrics"].pop("held_out_baseline")
    path.write_text(json.dumps(record))
    found = page(moved / "place.h5ad")
    assert "Made by version 0.1.0" in found.text
    assert "Relative" in found.text or "Median error on held-out spots" in found.text
    path.unlink()
    assert "Made by version" not in page(moved / "place.h5ad").text


def test_a_record_without_inputs_or_versions_is_no_reason_to_fail(moved: Path, page: Any) -> None:
    path = moved / "place.run.json"
    path.write_text(json.dumps({"task": "place", "method": "of-old", "metrics": {}}))
    found = page(moved / "place.h5ad")
    assert "The record names no inputs" in found.text
    assert "does not say which version" in found.text
    assert "is not in this version" in found.text and "No spots were held out" in found.text


def test_a_record_beside_that_is_of_another_run_is_ignored_and_that_is_said(
    runs: dict[str, Path], tmp_path: Path, page: Any
) -> None:
    table = Path(shutil.copy(runs["place"], tmp_path))
    beside = tmp_path / "place.run.json"
    record = json.loads(runs["place"].with_name("place.run.json").read_text())
    beside.write_text(json.dumps(record))
    assert "not the record of this table" not in page(table).text
    record["inputs"]["slide"] = "0123456789abcdef"
    beside.write_text(json.dumps(record))
    found = page(table).text
    assert "place.run.json is not the record of this table" in found
    assert "0123456789abcdef" not in found
