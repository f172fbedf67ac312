"""Remedies of readers: a file that is half there is refused, and the whole one is read."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy.sparse import csr_matrix

from napari_spatialrecon.tissue.formats.csv_counts import header
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.read import read_adata
from remedies.cases import Step, execute, keywords, remedy, written
from remedies.of_tissue import table
from tissue.formats import (
    test_beads,
    test_cosmx,
    test_imaging,
    test_merscope,
    test_slides,
    test_spaceranger,
    test_stereoseq,
    test_xenium,
)

F = "tissue/formats/"
Change = Callable[[Path], object]


def half(write: Callable[[Path], object], folder: Path, break_it: Change) -> Iterator[Step]:
    """Yield the reading of what was broken, then of what was copied whole."""
    bad, good = folder / "bad", folder / "good"
    for path in (bad, good):
        write(path)
    break_it(bad)
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


def lose(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def rewrite(name: str, text: str) -> Change:
    return lambda folder: written(folder / name, text)


def without_column(name: str, column: str) -> Change:
    def change(folder: Path) -> None:
        kept = pd.read_csv(folder / name).drop(columns=column)
        kept.to_csv(folder / name, index=False)

    return change


# Any path


@remedy("tissue/read.py", "Try the full path; a drive may not be mounted.")
def _nothing(tmp_path: Path) -> Iterator[Step]:
    table().write_h5ad(tmp_path / "s.h5ad")
    yield lambda: read_adata("s_that_is_elsewhere.h5ad")
    yield lambda: read_adata((tmp_path / "s.h5ad").resolve())


@remedy("tissue/read.py", 'Try the folder that the platform\'s software wrote, such as "outs".')
def _other_folder(tmp_path: Path) -> Iterator[Step]:
    written(tmp_path / "notes.txt", "mine")
    outs = test_spaceranger.write_outs(tmp_path / "run" / "deep" / "outs")
    yield lambda: read_adata(tmp_path)
    yield lambda: read_adata(outs)


@remedy("tissue/read.py", 'Try writing the table with adata.write_h5ad("table.h5ad").')
def _other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    monkeypatch.chdir(tmp_path)
    said = yield lambda: read_adata(written(tmp_path / "a.rds", "RDX3"))
    code = f"Try {str(said).partition('with ')[2]}"
    yield lambda: (execute(code, adata=table()), read_adata("table.h5ad"))


@remedy("tissue/read.py", "Try copying or downloading it again.")
def _truncated(tmp_path: Path) -> Iterator[Step]:
    good, bad = tmp_path / "good.h5ad", tmp_path / "bad.h5ad"
    table().write_h5ad(good)
    bad.write_bytes(good.read_bytes()[:3000])
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(F + "h5ad.py", "Try copying or downloading it again: it seems damaged.")
def _damaged(tmp_path: Path) -> Iterator[Step]:
    good, bad = tmp_path / "good.h5ad", tmp_path / "bad.h5ad"
    table().write_h5ad(good)
    shutil.copyfile(good, bad)
    with h5py.File(bad, "r+") as file:
        del file["obs"]
        file["obs"] = np.zeros(3)
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(F + "options.py", "Try {}.")
def _way() -> Iterator[Step]:
    said = yield lambda: ReadOptions(y_axis="left")
    yield lambda: ReadOptions(**keywords(str(said)))


@remedy(F + "options.py", "Try {}, which is common for a scan at 20×.")
def _size_of_pixels() -> Iterator[Step]:
    said = yield lambda: ReadOptions(um_per_pixel="wide")
    yield lambda: ReadOptions(um_per_pixel=str(keywords(str(said))["um_per_pixel"]))


@remedy(F + "csv_counts.py", "Try copying or downloading it again.")
def _no_table(tmp_path: Path) -> Iterator[Step]:
    name = "S1_exprMat_file.csv.gz"

    def cut(folder: Path) -> None:
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[: len(data) // 2])

    yield from half(lambda folder: test_cosmx.write(folder, gz=".gz"), tmp_path, cut)


@remedy(F + "cells.py", "Try the files of one slide.")
def _two_places(tmp_path: Path) -> Iterator[Step]:
    def repeat(folder: Path) -> None:
        path = folder / "S1_metadata_file.csv"
        both = pd.read_csv(path)
        pd.concat([both, both]).to_csv(path, index=False)

    yield from half(test_cosmx.write, tmp_path, repeat)


@remedy(F + "cells.py", "Try the files of the same slide.")
def _other_places(tmp_path: Path) -> Iterator[Step]:
    def rename(folder: Path) -> None:
        path = folder / "S1_metadata_file.csv"
        meta = pd.read_csv(path)
        meta.assign(cell_ID=meta["cell_ID"] + 1000).to_csv(path, index=False)

    yield from half(test_cosmx.write, tmp_path, rename)


@remedy(F + "slides.py", "Try giving both the same names.")
def _library_names(tmp_path: Path) -> Iterator[Step]:
    odd = test_slides.slides(labels=["x", "x", "x", "y", "y", "y"])
    good = test_slides.slides(labels=["s1", "s1", "s1", "s2", "s2", "s2"])
    yield lambda: test_slides.read(tmp_path, odd, library="s1")
    yield lambda: test_slides.read(tmp_path, good, library="s1")


# Platforms


@remedy(F + "cosmx.py", "Try copying the whole folder of flat files again.")
def _cosmx(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_cosmx.write, tmp_path, lose("S1_exprMat_file.csv"))


@remedy(F + "cosmx.py", "Try the flat files that AtoMx exports.")
def _cosmx_columns(tmp_path: Path) -> Iterator[Step]:
    lacking = without_column("S1_metadata_file.csv", "CenterY_global_px")
    yield from half(test_cosmx.write, tmp_path, lacking)


@remedy(F + "merscope.py", "Try copying the whole folder of the region again.")
def _merscope(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_merscope.write, tmp_path, without_column("cell_metadata.csv", "center_x"))


@remedy(F + "xenium.py", "Try copying the whole output folder again.")
def _xenium(tmp_path: Path) -> Iterator[Step]:
    yield from half(test_xenium.write_run, tmp_path, lose("cells.csv.gz"))


@remedy(F + "beads.py", "Try copying the whole folder again.")
def _beads(tmp_path: Path) -> Iterator[Step]:
    def lose_genes(folder: Path) -> None:
        path = folder / "s1_genes.tsv"
        written(path, "only one\n")

    def write(folder: Path) -> None:
        test_beads.curio(folder)
        (folder / "s1_anndata.h5ad").unlink()

    yield from half(write, tmp_path, lose_genes)


@remedy(F + "imaging.py", "Try copying the whole folder again.")
def _imaging(tmp_path: Path) -> Iterator[Step]:
    def lose_places(folder: Path) -> None:
        (folder / "Roi1_CellxGene.csv").unlink()

    yield from half(test_imaging.seqfish, tmp_path, lose_places)


@remedy(F + "imaging.py", "Try naming them x and y.")
def _unnamed_places(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue.formats.imaging import read_table

    text = "cell,{},{},ACTB,CD3E\na,1.5,2.5,3,0\nb,4.5,6.5,0,1\nc,7.5,1.5,2,2\n"
    yield lambda: read_table(
        written(tmp_path / "a.csv", text.format("east", "south")), ReadOptions()
    )
    yield lambda: read_table(written(tmp_path / "a.csv", text.format("x", "y")), ReadOptions())


@remedy(F + "stereoseq.py", "Try copying it from the run again.")
def _stereoseq(tmp_path: Path) -> Iterator[Step]:
    odd = written(tmp_path / "c.gem", "geneID\tx\ty\tvalue\nActb\t1\t2\t3\n")
    good = test_stereoseq.write_gem(tmp_path / "good.gem")
    yield lambda: read_adata(odd)
    yield lambda: read_adata(good)


# What is wrong anywhere in a file


@remedy("tissue/read.py", "Try another copy of it: it seems damaged.")
def _anywhere(tmp_path: Path) -> Iterator[Step]:
    bad, good = (AnnData(csr_matrix(np.eye(4, dtype=np.float32))) for _ in range(2))
    bad.X.indices[1] = 99
    for name, made in (("bad", bad), ("good", good)):
        made.write_h5ad(tmp_path / f"{name}.h5ad")
    yield lambda: read_adata(tmp_path / "bad.h5ad")
    yield lambda: read_adata(tmp_path / "good.h5ad")


@remedy(
    F + "hdf5_content.py",
    "Try a file written anew: adata.write_h5ad(...), or the first download.",
)
def _linked(tmp_path: Path) -> Iterator[Step]:
    for name in ("bad", "good", "other"):
        AnnData(np.eye(4, dtype=np.float32)).write_h5ad(tmp_path / f"{name}.h5ad")
    with h5py.File(tmp_path / "bad.h5ad", "r+") as file:
        del file["X"]
        file["X"] = h5py.ExternalLink(str(tmp_path / "other.h5ad"), "X")
    yield lambda: read_adata(tmp_path / "bad.h5ad")
    yield lambda: read_adata(tmp_path / "good.h5ad")


@remedy(F + "csv_counts.py", "Try another copy of the file.")
def _empty_csv(tmp_path: Path) -> Iterator[Step]:
    whole = written(tmp_path / "good.csv", ",A,B\nc1,1,2\nc2,3,4\n")
    yield lambda: header(written(tmp_path / "bad.csv", ""))
    yield lambda: header(whole)
