"""Remedies of imputing, deconvolving and splitting."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

import napari_spatialrecon as sr
from napari_spatialrecon.tasks.gene_table import table_on_disk
from napari_spatialrecon.tasks.known_shares import read_shares
from remedies.cases import Step, execute, keywords, remedy, written
from remedies.of_tissue import table

EVALUATE = "evaluation/evaluate.py"
RNG = np.random.default_rng(0)


# Genes, mixtures, splits


@remedy("tasks/gene_table.py", "Try {}.")
def _gene_file(tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: table_on_disk(tmp_path / "a.csv", 3, 3).__enter__()

    def follow() -> None:
        with table_on_disk(Path(str(said)[4:-1]), 3, 3) as stored:
            stored.put([0, 1, 2], np.ones((3, 3), np.float32), None)
            stored.finish(AnnData(obs=table(3).obs, var=table(3, 3).var))

    yield follow


def impute(genes: Any, slide: AnnData | None = None) -> Step:
    own = table(60, 12) if slide is None else slide
    return lambda: sr.impute_genes(own, table(60, 20), genes, method="knn")


@remedy("tasks/asked_genes.py", 'Try ["{}"].')
def _a_word() -> Iterator[Step]:
    said = yield impute("Gene15")
    yield lambda: impute(execute(str(said)))()


@remedy("tasks/asked_genes.py", "Try a reference that measured more genes than the slide.")
def _nothing_missing() -> Iterator[Step]:
    yield impute("missing", table(60, 20))
    yield impute("missing")


KNOWN = "tasks/known_shares.py"


@remedy(KNOWN, "Try a first column of spot names and one column per cell type.")
def _shares_file(tmp_path: Path) -> Iterator[Step]:
    yield lambda: read_shares(written(tmp_path / "a.csv", ""))
    yield lambda: read_shares(written(tmp_path / "a.csv", "spot,A,B\nc0,0.5,0.5\n"))


def shares(prior: pd.DataFrame) -> Step:
    cells = table(60, 12)
    cells.obs["type"] = ["A", "B"] * 30
    return lambda: sr.deconvolve(
        table(30, 12), cells, "type", method="come", prior=prior, settings={"steps": 2}
    )


def prior(a: float, b: float, prefix: str = "c") -> pd.DataFrame:
    return pd.DataFrame({"A": a, "B": b}, index=[f"{prefix}{i}" for i in range(30)])


@remedy(KNOWN, "Try one row per spot (each name once) and one column per cell type.")
def _other_shares() -> Iterator[Step]:
    yield shares(prior(0.5, 0.5, "o"))
    yield shares(prior(0.5, 0.5))


@remedy(KNOWN, "Try 0 to 1.")
def _negative_shares() -> Iterator[Step]:
    yield shares(prior(-0.5, 0.5))
    yield lambda: [shares(prior(a, 1 - a))() for a in (0.0, 1.0)]


@remedy(KNOWN, "Try shares of 0 to 1, or whole numbers of cells.")
def _large_shares() -> Iterator[Step]:
    yield shares(prior(0.9, 0.7))
    yield lambda: (shares(prior(0.5, 0.4))(), shares(prior(3.0, 2.0))())


SPLIT = "tasks/super_resolving.py"


def split(**more: Any) -> Step:
    slide = table(36, 12)
    slide.obsm["spatial"] = np.c_[np.arange(36) % 6, np.arange(36) // 6] * 100.0
    return lambda: sr.super_resolve(slide, "2x2", **{"method": "uniform", **more})


@remedy(SPLIT, "Try names such as {}.")
def _no_gene_of_slide() -> Iterator[Step]:
    said = yield split(genes=["zzzzzz"])
    yield split(genes=str(said).removeprefix("Try names such as ").removesuffix(".").split(", "))


@remedy(SPLIT, "Try without {}, or {}.")
def _model_of_none(tmp_path: Path) -> Iterator[Step]:
    said = yield split(model=tmp_path)
    method = keywords("Try " + str(said).partition(", or ")[2])["method"]
    assert method == "srast"
    yield split()
