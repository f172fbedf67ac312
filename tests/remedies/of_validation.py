"""Remedies of validating a method."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.methods.mixtures.config import MixtureKnnConfig
from napari_spatialrecon.methods.placement.config import KnnConfig
from napari_spatialrecon.methods.srast.config import SRastConfig
from napari_spatialrecon.viewer.deconvolve.job import Known, MixtureJob
from napari_spatialrecon.viewer.place.job import PlaceJob
from napari_spatialrecon.viewer.super_resolve.job import SuperJob
from napari_spatialrecon.viewer.workspace.tables import Table
from remedies.cases import Step, execute, keywords, remedy
from remedies.of_tissue import table

PLACES, FOLDER = "tasks/validation/hidden_places.py", "tasks/validation/result.py"
TASK = "tasks/validation/validating.py"


def places(*sizes: int, **more: Any) -> Step:
    slides = {f"S{i}": table(n) for i, n in enumerate(sizes)}
    return lambda: sr.validate("place", **{"references": slides, "method": "knn", **more})


@remedy(PLACES, "Try {}.")
def _a_kind_to_hold_out() -> Iterator[Step]:
    said = yield places(40, hold_out="genes")
    yield places(40, **keywords(str(said)))


@remedy(PLACES, "Try {} with a slide.")
def _spots_for_cells() -> Iterator[Step]:
    yield places()
    yield places(40)


@remedy(PLACES, "Try a slide with more spots.")
def _few_spots() -> Iterator[Step]:
    yield places(12)
    yield places(40)


@remedy(PLACES, "Try another {}, or {}.")
def _one_section() -> Iterator[Step]:
    said = yield places(40, hold_out="section")
    other = keywords(str(said).partition(", or ")[2])
    yield lambda: (places(40, 40, hold_out="section")(), places(40, **other)())


def genes(count: int, spots: int = 60) -> Step:
    tables = {"slide": table(spots, count), "reference": table(60, count)}
    return lambda: sr.validate("impute-genes", method="knn", **tables)


@remedy("tasks/validation/genes.py", "Try a slide with more spots.")
def _few_spots_of_genes() -> Iterator[Step]:
    yield genes(40, spots=5)
    yield genes(40)


@remedy("tasks/validation/genes.py", "Try a slide or a reference with more genes.")
def _few_genes() -> Iterator[Step]:
    yield genes(12)
    yield genes(40)


def mixtures(cells: int, **more: Any) -> Step:
    known = table(cells, 12)
    known.obs["type"] = ["A", "B"] * (cells // 2)
    given = {"slide": table(30, 12), "reference": known, "labels": "type", "method": "nnls"}
    return lambda: sr.validate("deconvolve", **{**given, **more})


@remedy("tasks/validation/mixtures.py", "Try a reference with more cells.")
def _few_cells() -> Iterator[Step]:
    yield mixtures(20)
    yield mixtures(60)


def grid(n: int) -> AnnData:
    slide = table(n * n, 6)
    slide.obsm["spatial"] = np.c_[np.arange(n * n) % n, np.arange(n * n) // n] * 100.0
    return slide


@remedy("tasks/validation/splits.py", "Try a slide with more spots.")
def _few_blocks() -> Iterator[Step]:
    yield lambda: sr.validate("super-resolve", slide=grid(6), method="bilinear")
    yield lambda: sr.validate("super-resolve", slide=grid(14), method="bilinear")


@remedy(TASK, 'Try "{}".')
def _another_task() -> Iterator[Step]:
    given = {"references": {"S": table(40)}, "method": "knn"}
    said = yield lambda: sr.validate("align", **given)
    yield lambda: sr.validate(execute(str(said)), **given)


@remedy(TASK, "Try without {}.")
def _nothing_to_choose() -> Iterator[Step]:
    yield mixtures(60, hold_out="cells")
    yield mixtures(60)


@remedy(TASK, "Try {}.")
def _no_slide() -> Iterator[Step]:
    said = yield mixtures(60, slide=None)
    assert str(said) == "Try slide=."
    yield mixtures(60)


def trained(n: int) -> Any:
    return sr.train({"S": table(n)}, method="knn")


@remedy(
    "tasks/validation/unseen.py",
    "Try without {}, which trains {} anew without what is held out, or a slide that it was not "
    "trained on.",
)
def _a_slide_that_the_model_knows() -> Iterator[Step]:
    yield places(40, method="knn", model=trained(40))
    yield lambda: (places(40)(), places(40, model=trained(41))())


@remedy(TASK, "Try {} without {}: it is trained anew.")
def _a_model_of_another_task() -> Iterator[Step]:
    yield mixtures(60, model=trained(40))
    yield mixtures(60)


def landmarks(tiny: Any, n: int) -> Step:
    rows = np.arange(n) * 8
    known = sr.Landmarks(rows, tiny.truth[["x", "y"]].to_numpy()[rows])
    given = {"query": tiny.cells, "landmarks": known, "references": {"A": tiny.slides[0]}}
    quick = {"training.steps": 2, "members": 1}
    return lambda: sr.validate("impute-locations", method="dpvae", settings=quick, **given)


@remedy("tasks/validation/landmarks.py", "Try {} with more cells.")
def _few_landmarks(tiny: Any) -> Iterator[Step]:
    yield landmarks(tiny, 12)
    yield landmarks(tiny, 40)


@remedy(FOLDER, "Try a newer version of napari-spatialrecon.")
def _newer_folder(tmp_path: Path) -> Iterator[Step]:
    folder = places(40)().save(tmp_path / "found")
    record = folder / "validation.json"
    whole = json.loads(record.read_text())

    def read(version: int) -> None:  # a version that knows the format reads it
        record.write_text(json.dumps({**whole, "format": version}))
        sr.Validation.read(folder)

    yield lambda: read(99)
    yield lambda: read(whole["format"])


@remedy(FOLDER, "Try a folder that holds {} and {}.")
def _other_folder(tmp_path: Path) -> Iterator[Step]:
    yield lambda: sr.Validation.read(tmp_path)
    yield lambda: sr.Validation.read(places(40)().save(tmp_path / "found"))


@remedy("viewer/place/job.py", "Try to train a new model, without an encoder of your own.")
def _a_model_that_saw_the_truth(tmp_path: Path) -> Iterator[Step]:
    tables = {"references": (Table("S", table(40)),), "query": Table("Q", table(20))}
    job = PlaceJob(method="knn", config=KnnConfig(), model=tmp_path, **tables)
    yield job.validated
    yield replace(job, model=None).validated


@remedy("viewer/deconvolve/job.py", "Try without known shares.")
def _known_shares(tmp_path: Path) -> Iterator[Step]:
    known = Known(tmp_path / "a.csv", pd.DataFrame())
    tables = {"slide": Table("S", table(40)), "reference": Table("Q", table(20))}
    job = MixtureJob(method="knn", config=MixtureKnnConfig(), labels="type", known=known, **tables)
    yield job.validated
    yield replace(job, known=None).validated


@remedy("viewer/super_resolve/job.py", "Try without it.")
def _a_generalist_of_ones_own(tmp_path: Path) -> Iterator[Step]:
    job = SuperJob(method="srast", config=SRastConfig(), slide=Table("S", grid(6)), model=tmp_path)
    yield job.validated
    yield replace(job, model=None).validated
