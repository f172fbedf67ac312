"""Remedies of readers: a file that is half there is refused, and the whole one is read."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest
from skimage import io

from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.visium_images import find_source
from napari_spatialrecon.tissue.read import read_adata
from remedies.cases import Step, execute, keywords, remedy, written
from remedies.of_tissue import table
from tissue.formats import (
    test_beads,
    test_cosmx,
    test_imaging,
    test_loom,
    test_merscope,
    test_slides,
    test_spaceranger,
    test_stereoseq,
    test_tenx,
    test_xenium,
    test_zarr_table,
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


# SpatialData


ZARR, TABLE = F + "spatialdata_zarr.py", "tissue/sdata/table.py"


def slide(folder: Path, name: str = "good.zarr") -> Path:
    pytest.importorskip("spatialdata")
    from tissue.formats.test_spatialdata_zarr import a_slide

    a_slide().write(folder / name)
    return folder / name


@remedy(ZARR, "Try applying it to the element before it is written, or leaving it out.")
def _bent(tmp_path: Path) -> Iterator[Step]:
    good = slide(tmp_path)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    path = bad / "shapes" / "spots" / "zarr.json"
    content = json.loads(path.read_text())
    content["attributes"]["coordinateTransformations"][0]["type"] = "displacements"
    written(path, json.dumps(content))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(ZARR, "Try copying it again, with all of its files.")
def _torn(tmp_path: Path) -> Iterator[Step]:
    good = slide(tmp_path)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    (bad / "shapes" / "spots" / "shapes.parquet").unlink()
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(
    TABLE,
    'Try sdata["table"] = sdata.aggregate(values="{}", by="{}", value_key="{}", '
    'agg_func="count")["table"].',
)
def _count_points() -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    sdata = spatialdata.datasets.blobs()
    del sdata.tables["table"]
    said = yield lambda: read_adata(sdata)
    yield lambda: (execute(str(said), sdata=sdata), read_adata(sdata))


@remedy(
    TABLE, "Try the table of the platform, as .h5ad, or another object: elements hold no counts."
)
def _only_shapes(tmp_path: Path) -> Iterator[Step]:
    spatialdata = pytest.importorskip("spatialdata")
    sdata = spatialdata.datasets.blobs()
    for names in (sdata.tables, sdata.points):
        for name in list(names):
            del names[name]
    table().write_h5ad(tmp_path / "s.h5ad")
    yield lambda: read_adata(sdata)
    yield lambda: (read_adata(tmp_path / "s.h5ad"), read_adata(spatialdata.datasets.blobs()))


@remedy(TABLE, "Try the object as it was before elements were renamed or cut.")
def _renamed() -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from tissue.formats.test_spatialdata_zarr import a_slide

    bad = a_slide()
    bad["spots"].index = bad["spots"].index + 1000
    yield lambda: read_adata(bad)
    yield lambda: read_adata(a_slide())


@remedy("tissue/sdata/instances.py", "Try a table that annotates shapes.")
def _volume() -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from spatialdata.models import Labels2DModel, Labels3DModel

    from napari_spatialrecon.tissue.sdata.instances import instances
    from tissue.formats.test_spatialdata_zarr import a_slide

    volume = Labels3DModel.parse(np.ones((2, 5, 5), int))
    yield lambda: instances(volume, "cells")
    yield lambda: (
        instances(a_slide()["spots"], "spots"),
        instances(Labels2DModel.parse(np.ones((5, 5), int)), "cells"),
    )


@remedy("methods/placement/earlier.py", "Try training the model again.")
def _earlier(tiny: Any, tmp_path: Path) -> Iterator[Step]:
    from dataclasses import replace

    import napari_spatialrecon as sr
    from napari_spatialrecon.methods.placement import earlier

    slides = {"one": tiny.slides[0], "two": tiny.slides[1]}
    reference = sr.train(slides, method="knn").method.reference
    ratios = iter([earlier.SPOT_RATIO, 1.0])
    with pytest.MonkeyPatch.context() as patch:
        name = next(n for n in vars(earlier) if n.startswith("_") and "ratio" in n.lower())
        patch.setattr(earlier, name, lambda *_, **__: next(ratios))
        yield lambda: earlier.in_true_um(reference, tmp_path)
        yield lambda: sr.train(slides, method="knn")
    assert replace


# loom and zarr


LOOM = F + "loom.py"


def loom(folder: Path, name: str, **more: Any) -> Path:
    return test_loom.write_loom(folder / name, **more)


@remedy(LOOM, "Try copying or downloading it again: it seems damaged.")
def _cut_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        del file["row_attrs"]
        file["row_attrs"] = np.zeros(3)
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try the file from which it was made.")
def _empty_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        del file["matrix"]
        file["matrix"] = np.zeros((0, 5))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try copying the file again.")
def _short_loom(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        name = next(iter(file["col_attrs"]))
        values = file["col_attrs"][name][:-1]
        del file["col_attrs"][name]
        file["col_attrs"][name] = values
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(LOOM, "Try copying it again.")
def _loom_layer(tmp_path: Path) -> Iterator[Step]:
    good, bad = loom(tmp_path, "good.loom"), loom(tmp_path, "bad.loom")
    with h5py.File(bad, "r+") as file:
        file.require_group("layers")["half"] = np.zeros((2, 2))
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


@remedy(
    F + "zarr_store.py",
    "Try writing the table again with a current anndata: adata.write_zarr(...).",
)
def _pickles(tmp_path: Path) -> Iterator[Step]:
    bad = test_zarr_table.write(tmp_path / "bad.zarr", 2)
    test_zarr_table.plant(bad / "obs" / "planted", tmp_path / "sprung")
    said = yield lambda: read_adata(bad)
    code = (
        f"Try {str(said).partition('anndata: ')[2].replace('...', repr(str(tmp_path / 'a.zarr')))}"
    )
    yield lambda: (execute(code, adata=table()), read_adata(tmp_path / "a.zarr"))


@remedy(F + "zarr_table.py", "Try copying or downloading it again, with all of its files.")
def _part_of_a_store(tmp_path: Path) -> Iterator[Step]:
    good = test_zarr_table.write(tmp_path / "good.zarr", 3)
    bad = tmp_path / "bad.zarr"
    shutil.copytree(good, bad)
    shutil.rmtree(bad / "obs")
    yield lambda: read_adata(bad)
    yield lambda: read_adata(good)


STORE = "tasks/spatialdata_store.py"


@remedy(STORE, "Try without {}, which writes a new one.")
def _nothing_to_add_to(tmp_path: Path) -> Iterator[Step]:
    pytest.importorskip("spatialdata")
    from napari_spatialrecon.tasks.spatialdata_store import check_target

    target, record = tmp_path / "o.zarr", tmp_path / "o.run.json"
    yield lambda: check_target(target, record, add=True)
    yield lambda: check_target(target, record, add=False)


@remedy(STORE, "Try another name, or {} to add the result to it.")
def _taken_name(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tasks.spatialdata_store import check_target

    taken, record = slide(tmp_path), tmp_path / "good.run.json"
    said = yield lambda: check_target(taken, record, add=False)
    add = keywords("Try " + str(said).partition(", or ")[2])
    yield lambda: (
        check_target(tmp_path / "other.zarr", record, add=False),
        check_target(taken, record, **add),
    )
