"""Remedies of readers of 10x files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from skimage import io

from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.visium_images import find_source
from napari_spatialrecon.tissue.read import read_adata
from remedies.cases import Step, keywords, remedy
from remedies.of_readers import half, lose, rewrite
from remedies.of_tissue import table
from tissue.formats import (
    test_spaceranger,
    test_tenx,
)

F = "tissue/formats/"

# 10x


@remedy(F + "feature_matrix.py", "Try copying it from the run again.")
def _empty_matrix(tmp_path: Path) -> Iterator[Step]:
    def write(folder: Path) -> None:
        folder.mkdir()
        test_tenx.write_mtx(folder)

    def cut(folder: Path) -> None:
        data = (folder / "matrix.mtx.gz").read_bytes()
        (folder / "matrix.mtx.gz").write_bytes(data[: len(data) // 2])

    yield from half(write, tmp_path, cut)


@remedy(F + "feature_matrix.py", "Try the files of the same run, copied whole.")
def _sizes(tmp_path: Path) -> Iterator[Step]:
    def write(folder: Path) -> None:
        folder.mkdir()
        test_tenx.write_mtx(folder)

    def cut(folder: Path) -> None:
        test_tenx.write_lines(folder / "barcodes.tsv.gz", test_tenx.BARCODES[:2])

    yield from half(write, tmp_path, cut)


@remedy(F + "feature_matrix.py", "Try copying all three files, named as the matrix is.")
def _three_files(tmp_path: Path) -> Iterator[Step]:
    def write(folder: Path) -> None:
        folder.mkdir()
        test_tenx.write_mtx(folder)

    yield from half(write, tmp_path, lose("features.tsv.gz"))


@remedy(F + "tenx.py", "Try the matrix of the gene expression library.")
def _antibodies(tmp_path: Path) -> Iterator[Step]:
    bad = test_tenx.write_v3(tmp_path / "bad.h5", types=["Antibody Capture"] * 5)
    good = test_tenx.write_v3(tmp_path / "good.h5")
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy("tissue/contract.py", "Try {}, in reading it, to keep one.")
def _genomes(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue import contract

    mixed = table(30, 8)
    mixed.var_names = [f"GRCh38_A{i}" for i in range(4)] + [f"mm10___A{i}" for i in range(4)]
    mixed.write_h5ad(tmp_path / "m.h5ad")
    said = yield lambda: contract.prepare_query(mixed, "cells")
    genome = keywords(str(said).partition(", in reading")[0])
    yield lambda: contract.prepare_query(read_adata(tmp_path / "m.h5ad", **genome), "cells")


RANGER = F + "spaceranger.py"
IMAGES = F + "visium_images.py"


@remedy(RANGER, 'Try the folder "outs" that Space Ranger wrote.')
def _no_outs(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue.formats.spaceranger import read

    outs = test_spaceranger.write_outs(tmp_path / "outs")
    empty = tmp_path / "empty"
    empty.mkdir()
    yield lambda: read(empty, ReadOptions())
    yield lambda: read(outs, ReadOptions())


@remedy(RANGER, "Try copying it from the run again.")
def _no_positions(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_spaceranger.write_outs, tmp_path, lose("spatial/tissue_positions.csv"))


@remedy(RANGER, "Try copying the file from the run again.")
def _positions_columns(tmp_path: Path) -> Iterator[Step]:
    yield from half(
        test_spaceranger.write_outs,
        tmp_path,
        rewrite("spatial/tissue_positions.csv", "barcode,in_tissue\nA-1,1\n"),
    )


@remedy(RANGER, "Try the matrix and the spatial folder of the same run.")
def _not_under_tissue(tmp_path: Path) -> Iterator[Step]:
    def off(folder: Path) -> None:
        path = folder / "spatial" / "tissue_positions.csv"
        pd.read_csv(path).assign(in_tissue=0).to_csv(path, index=False)

    yield from half(test_spaceranger.write_outs, tmp_path, off)


FACTORS = "spatial/scalefactors_json.json"


@remedy(IMAGES, "Try copying it from the run; without it, spots and image have no common scale.")
def _no_factors(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_spaceranger.write_outs, tmp_path, lose(FACTORS))


@remedy(IMAGES, "Try copying it from the run again.")
def _no_json(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_spaceranger.write_outs, tmp_path, rewrite(FACTORS, "{"))


@remedy(IMAGES, "Try copying the file from the run again.")
def _no_numbers(tmp_path: Path) -> Iterator[Step]:
    text = json.dumps({"tissue_hires_scalef": -1})
    yield from half(test_spaceranger.write_outs, tmp_path, rewrite(FACTORS, text))


@remedy(IMAGES, "Try copying the image from the run again; without it, the slide is read as well.")
def _small_image(tmp_path: Path) -> Iterator[Step]:
    name = "spatial/tissue_hires_image.png"

    def shrink(folder: Path) -> None:
        io.imsave(folder / name, np.zeros((12, 9, 3), np.uint8), check_contrast=False)

    yield from half(test_spaceranger.write_outs, tmp_path, shrink)


@remedy(IMAGES, "Try the image that Space Ranger was given.")
def _source(tmp_path: Path) -> Iterator[Step]:
    for name, shape in (("small.png", (12, 9, 3)), ("right.png", (400, 300, 3))):
        io.imsave(tmp_path / name, np.zeros(shape, np.uint8), check_contrast=False)
    wanted: Any = np.array([400, 300])
    yield lambda: find_source(None, wanted, tmp_path / "small.png")  # type: ignore[arg-type]
    yield lambda: find_source(None, wanted, tmp_path / "right.png")  # type: ignore[arg-type]
