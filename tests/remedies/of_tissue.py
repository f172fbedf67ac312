"""Remedies of tables, genes, landmarks and images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from anndata import AnnData
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.tissue import contract
from remedies.cases import Step, execute, keywords, remedy

CONTRACT, VALIDATE = "tissue/contract.py", "tissue/validate.py"
LIBRARY, PLANES = "tissue/library.py", "tissue/image_planes.py"
MARKS, PAIRS, IMAGE = "tissue/landmarks.py", "tissue/landmark_pairs.py", "tissue/lazy_image.py"
RNG = np.random.default_rng(0)


def table(n: int = 30, genes: int = 8, **uns: object) -> AnnData:
    """A slide of a jittered grid with counts."""
    counts = np.random.default_rng(0).poisson(3.0, (n, genes)).astype(np.float32) + 1
    adata = AnnData(counts)
    adata.obs_names = [f"c{i}" for i in range(n)]
    adata.var_names = [f"Gene{i}" for i in range(genes)]
    adata.obsm["spatial"] = np.random.default_rng(1).uniform(0, 500, (n, 2))
    adata.uns.update(uns)
    return adata


def prepared(adata: AnnData, **more: object) -> contract.Prepared:
    return contract.prepare_slide(adata, "slide", **more)  # type: ignore[arg-type]


@remedy(LIBRARY, 'Try one slide at a time: adata[adata.obs["library_id"] == "..."].')
def _libraries() -> Iterator[Step]:
    both = table(spatial={"A": {}, "B": {}})
    both.obs["library_id"] = np.where(np.arange(30) < 15, "A", "B")
    said = yield lambda: contract.library(both)
    said = str(said).replace("...", "A")
    yield lambda: contract.library(execute(said, adata=both))


@remedy(LIBRARY, "Try the value in the file it came from, such as scalefactors_json.json.")
def _positive() -> Iterator[Step]:
    def scaled(value: object) -> AnnData:
        return table(spatial={"A": {"metadata": {"um_per_fullres_px": value}}})

    yield lambda: contract.um_per_unit(scaled(-1.0))
    yield lambda: contract.um_per_unit(scaled(0.5))


@remedy(CONTRACT, "Try a complete section.")
def _few_spots() -> Iterator[Step]:
    yield lambda: prepared(table(3))
    yield lambda: prepared(table(30))


@remedy(CONTRACT, 'Try adata.obsm["{}"] = {}.')
def _no_places() -> Iterator[Step]:
    adata = table()
    adata.obs[["x_centroid", "y_centroid"]] = adata.obsm.pop("spatial")
    said = yield lambda: prepared(adata)
    yield lambda: (execute(str(said), adata=adata), prepared(adata))


@remedy(
    CONTRACT, "Try larger bins, with the counts of neighboring ones summed, or a deeper section."
)
def _shallow() -> Iterator[Step]:
    from napari_spatialrecon.evaluation.protocols import pseudo_visium

    shallow = table(400, 2)
    shallow.X = np.ones((400, 2), np.float32)
    yield lambda: prepared(shallow, min_counts=10)
    yield lambda: prepared(pseudo_visium(shallow, 125.0), min_counts=10)


@remedy(CONTRACT, "Try {}.")
def _few_counts() -> Iterator[Step]:
    panel = table(60, 3)
    said = yield lambda: sr.place({"slide": panel}, table(60, 3), method="knn")
    lower = keywords(str(said))
    yield lambda: sr.place({"slide": panel}, table(60, 3), method="knn", **lower)


@remedy(CONTRACT, "Try the raw counts of cells that were sequenced.")
def _no_counts() -> Iterator[Step]:
    empty = table()
    empty.X = np.zeros((30, 8), np.float32)
    yield lambda: contract.prepare_query(empty, "cells")
    yield lambda: contract.prepare_query(table(), "cells")


@remedy(VALIDATE, "Try removing those cells or genes.")
def _nan() -> Iterator[Step]:
    adata = table()
    adata.X[3, 2] = np.nan
    yield lambda: prepared(adata)
    rows, genes = np.arange(30) != 3, np.arange(8) != 2
    yield lambda: (prepared(adata[rows].copy()), prepared(adata[:, genes].copy()))


@remedy(VALIDATE, "Try the raw counts instead of scaled or corrected values.")
def _negative() -> Iterator[Step]:
    adata = table()
    raw = adata.X.copy()
    adata.X = adata.X - adata.X.mean(axis=0)
    yield lambda: prepared(adata)

    def follow() -> None:
        adata.X = raw
        prepared(adata)

    yield follow


def logged() -> AnnData:
    adata = table()
    adata.X = sparse.csr_matrix(np.log1p(adata.X))
    return adata


@remedy(
    VALIDATE,
    'Try {} in reading it, or that matrix as layers["counts"]: its values are whole numbers.',
)
def _other_layer(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue.read import read_adata

    adata = logged()
    adata.layers["counts"], adata.layers["umi"] = adata.X, sparse.csr_matrix(table().X)
    adata.write_h5ad(tmp_path / "s.h5ad")
    said = yield lambda: prepared(adata)

    def follow() -> None:
        prepared(read_adata(tmp_path / "s.h5ad", **keywords(str(said).partition(" in reading")[0])))
        adata.layers["counts"] = adata.layers["umi"]
        prepared(adata)

    yield follow


@remedy(
    VALIDATE,
    'Try the file from before normalization, with counts in X or layers["counts"]; no other slot '
    "of this file holds integers.",
)
def _normalised() -> Iterator[Step]:
    yield lambda: prepared(logged())
    with_layer = logged()
    with_layer.layers["counts"] = table().X
    yield lambda: (prepared(table()), prepared(with_layer))


@remedy(VALIDATE, "Try adata.{}_names_make_unique().")
def _names_twice() -> Iterator[Step]:
    adata = table()
    adata.obs_names = ["c"] * 30
    said = yield lambda: prepared(adata)
    yield lambda: (execute(str(said), adata=adata), prepared(adata))


@remedy(VALIDATE, "Try {} = {}.astype(float).")
def _text() -> Iterator[Step]:
    adata = table()
    adata.obsm["spatial"] = adata.obsm["spatial"].astype(str)
    said = yield lambda: prepared(adata)
    yield lambda: (execute(str(said), adata=adata), prepared(adata))


@remedy(VALIDATE, "Try leaving those out: adata[np.isfinite({}).all(axis=1)].")
def _lost_places() -> Iterator[Step]:
    adata = table()
    adata.obsm["spatial"][4] = np.nan
    said = yield lambda: prepared(adata)
    yield lambda: prepared(execute(str(said), adata=adata))


@remedy(VALIDATE, "Try the file from which the coordinates came.")
def _one_place() -> Iterator[Step]:
    adata = table()
    places = adata.obsm["spatial"].copy()
    adata.obsm["spatial"] = np.zeros((30, 2))
    yield lambda: prepared(adata)
    adata = table()
    adata.obsm["spatial"] = places
    yield lambda: prepared(adata)


@remedy(VALIDATE, "Try writing x and y of each row to {}.")
def _one_column() -> Iterator[Step]:
    adata = table()
    places = adata.obsm["spatial"].copy()
    adata.obsm["spatial"] = places[:, :1]
    yield lambda: prepared(adata)

    def follow() -> None:
        adata.obsm["spatial"] = places
        prepared(adata)

    yield follow


@remedy(
    VALIDATE,
    "Try {} = {}[:, {}]: column {} has the fewest distinct values ({}) and is probably the depth.",
)
def _depth() -> Iterator[Step]:
    adata = table()
    adata.obsm["spatial"] = np.column_stack([adata.obsm["spatial"], np.arange(30) % 3])
    said = yield lambda: prepared(adata)
    yield lambda: (execute(str(said), adata=adata), prepared(adata))


@remedy(CONTRACT, "Try adata.X = adata.X.astype(float).")
def _text_counts() -> Iterator[Step]:
    adata = table()
    adata.X = adata.X.astype(complex)
    said = yield lambda: prepared(adata)
    execute(str(said), adata=adata)
    yield lambda: prepared(adata)


@remedy(CONTRACT, 'Try adata.layers["{}"] = counts, raw and of the same shape.')
def _no_counts() -> Iterator[Step]:
    whole = table()
    counts, adata = whole.X, AnnData(obs=whole.obs, var=whole.var, obsm=dict(whole.obsm))
    said = yield lambda: prepared(adata)
    execute(str(said).partition(", raw")[0], adata=adata, counts=counts)
    yield lambda: prepared(adata)
