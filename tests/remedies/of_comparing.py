"""Remedies of comparing results."""

from __future__ import annotations

from collections.abc import Iterator

from anndata import AnnData

import napari_spatialrecon as sr
from remedies.cases import Step, execute, remedy

COMPARING = "tasks/comparing.py"


@remedy(COMPARING, "Try a slide with coordinates, or the table that a placement returned.")
def _without_places(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    yield lambda: sr.compare(AnnData(truth.X, obs=truth.obs, var=truth.var), placed)
    yield lambda: sr.compare(truth, placed)


@remedy(COMPARING, "Try adata.obs_names_make_unique() before the run.")
def _named_twice(truth: AnnData) -> Iterator[Step]:
    twice = truth.copy()
    twice.obs_names = [twice.obs_names[0], *twice.obs_names[:-1]]
    said = yield lambda: sr.compare(twice, twice)

    def follow() -> None:
        execute(str(said).partition(" before")[0], adata=twice)
        sr.compare(twice, twice)

    yield follow


@remedy(COMPARING, "Try two results of the same cells: they are matched by their names.")
def _of_other_cells(truth: AnnData, placed: AnnData) -> Iterator[Step]:
    other = truth.copy()
    other.obs_names = [f"other{i}" for i in range(other.n_obs)]
    yield lambda: sr.compare(other, placed)
    yield lambda: sr.compare(truth, placed)
