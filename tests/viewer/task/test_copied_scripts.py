"""What "Copy as Python" writes runs as it is, and imports the package alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from anndata import read_h5ad

import napari_spatialrecon as sr
from napari_spatialrecon.viewer.deconvolve.job import MixtureJob
from napari_spatialrecon.viewer.impute_genes.job import GeneJob
from napari_spatialrecon.viewer.place.job import PlaceJob
from napari_spatialrecon.viewer.super_resolve.job import SuperJob
from napari_spatialrecon.viewer.task.job import Job
from napari_spatialrecon.viewer.task.script import as_python
from napari_spatialrecon.viewer.train_encoder.job import EncoderJob
from napari_spatialrecon.viewer.workspace.tables import Table


@pytest.fixture
def table(tiny_folder: Path) -> Any:
    def read(name: str) -> Table:
        path = tiny_folder / f"{name}.h5ad"
        return Table(name, sr.read_adata(path), path)

    return read


def place(table: Any) -> Job:
    slides = (table("section1"), table("section2"))
    config = sr.config("knn", task="place", neighbours=7)
    return PlaceJob(
        method="knn", config=config, references=slides, query=table("cells"), display="section2"
    )


def register(table: Any) -> Job:
    config = sr.config("knn", task="place")
    return PlaceJob(
        method="knn",
        config=config,
        references=(table("section1"),),
        query=table("cells"),
        onto=table("section2"),
    )


def genes(table: Any) -> Job:
    slide, cells = table("section1"), table("cells")
    both = [str(g) for g in slide.adata.var_names if g in set(cells.adata.var_names)]
    config = sr.config("knn", task="impute-genes", neighbours=9)
    return GeneJob(
        method="knn",
        config=config,
        slide=slide,
        reference=cells,
        genes=(both[0],),
        hidden=(both[1], both[2]),
    )


def mixtures(table: Any) -> Job:
    config = sr.config("knn", task="deconvolve", neighbours=3)
    slide, cells = table("section1"), table("cells")
    return MixtureJob(
        method="knn", config=config, slide=slide, reference=cells, labels="cell_type", seed=2
    )


def parts(table: Any) -> Job:
    slide = table("section1")
    return SuperJob(
        method="gaussian",
        config=sr.config("gaussian"),
        slide=slide,
        genes=tuple(map(str, slide.adata.var_names[:3])),
        spot_diameter=110.0,
        guided=True,
    )


def encoder(table: Any) -> Job:
    name = "gears-encoder"
    config = sr.config(name, preset="standard", training__steps=3, batch=32)
    return EncoderJob(
        method=name,
        config=config,
        preset="standard",
        references=(table("section1"),),
        query=table("cells"),
        device="cpu",
    )


def written(job: Job) -> np.ndarray:
    """Return the numbers of what a script of the job wrote."""
    if isinstance(job, EncoderJob):
        model = sr.load(job.out)
        tables = {table.name: table.adata for table in job.references}
        return np.asarray(model.embed(tables, job.query.adata).obsm["X_encoder"])
    adata = read_h5ad(job.out)
    return numbers(job, adata)


def numbers(job: Job, adata: Any) -> np.ndarray:
    if isinstance(job, PlaceJob):
        return np.asarray(adata.obsm["spatial"])
    if isinstance(job, MixtureJob):
        return np.asarray(adata.obsm["proportions"])
    if isinstance(job, EncoderJob):
        return np.asarray(adata.obsm["X_encoder"])
    return np.asarray(adata.X.toarray() if hasattr(adata.X, "toarray") else adata.X)


@pytest.mark.parametrize("make", [place, register, genes, mixtures, parts, encoder])
def test_a_copied_script_gives_what_the_window_gives(
    make: Any, table: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make(table)
    script = as_python(job)
    imports = [line for line in script.splitlines() if "import" in line]
    assert imports == ["import napari_spatialrecon as sr"]
    monkeypatch.chdir(tmp_path)
    exec(compile(script, "copied", "exec"), {})
    here = job(lambda _: None, lambda: False)
    np.testing.assert_allclose(written(job), numbers(job, here.adata), rtol=1e-5, atol=1e-6)
