"""Remedies of tables, genes, landmarks and images."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import tifffile
import zarr
from anndata import AnnData
from scipy import sparse

import napari_spatialrecon as sr
from napari_spatialrecon.tissue import contract
from napari_spatialrecon.tissue.gene_lookup import find_genes
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.landmark_pairs import read_pairs
from napari_spatialrecon.tissue.landmarks import read_landmarks
from napari_spatialrecon.tissue.lattice import find_lattice
from napari_spatialrecon.tissue.lazy_image import RgbImage, open_image
from napari_spatialrecon.tissue.ngff import open_ngff
from napari_spatialrecon.tissue.outline import start_by_outline
from napari_spatialrecon.tissue.preprocess import fit_features
from napari_spatialrecon.tissue.preprocess_config import PreprocessConfig
from napari_spatialrecon.tissue.pyramid import build_pyramid, open_pyramid
from napari_spatialrecon.tissue.registration import register_images
from napari_spatialrecon.tissue.simulator.config import SimulatorConfig
from napari_spatialrecon.tissue.simulator.simulate import simulate
from napari_spatialrecon.tissue.subspots import parse_factor, split_spots
from remedies.cases import Step, execute, keywords, remedy, written

CONTRACT, VALIDATE = "tissue/contract.py", "tissue/validate.py"
GENES, LOOKUP = "tissue/genes.py", "tissue/gene_lookup.py"
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
    CONTRACT, "Try larger bins, with the counts of neighbouring ones summed, or a deeper section."
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
    'Try the file from before normalisation, with counts in X or layers["counts"]; no other slot '
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


# Genes


HUMAN, MOUSE = ("ACTB", "CD3E", "ERBB2", "MBP"), ("Gapdh", "Cd8a", "Plp1", "Sox9")


def names(*genes: str) -> pd.DataFrame:
    return pd.DataFrame(index=list(genes))


def match(*tables: pd.DataFrame) -> Step:
    return lambda: match_genes(tables, ["slide", "cells", "more"][: len(tables)])


@remedy(GENES, "Try var_names with gene names; they may be in a column of var.")
def _numbers() -> Iterator[Step]:
    numbered = names("0", "1", "2", "3")
    numbered["symbol_of_mine"] = HUMAN
    yield match(names(*HUMAN), numbered)
    yield match(names(*HUMAN), numbered.set_index("symbol_of_mine"))


@remedy(
    GENES,
    'Try adding the Ensembl ids of the gene names as a column var["gene_ids"], or the symbols of '
    'the ids as var["feature_name"].',
)
def _ensembl() -> Iterator[Step]:
    ids = [f"ENSG0000014173{i}" for i in range(4)]
    known, other = names(*HUMAN), names(*ids)
    yield match(known, other)
    with_ids, with_symbols = known.copy(), other.copy()
    with_ids["gene_ids"], with_symbols["feature_name"] = ids, HUMAN
    yield lambda: (match(with_ids, other)(), match(known, with_symbols)())


@remedy(GENES, "Try two inputs of the same species with overlapping gene panels.")
def _panels() -> Iterator[Step]:
    yield match(names(*HUMAN), names("SOX2", "SOX9", "PLP1", "CD8A"))
    yield match(names(*HUMAN), names(*HUMAN[1:], "SOX2"))


@remedy(GENES, "Try leaving out the input with the smallest panel.")
def _no_common() -> Iterator[Step]:
    first = names("AA1", "BB2", "CC3", "DD4", "EE5", "FF6")
    tables = [first, names("AA1", "BB2", "CC3", "GG7"), names("DD4", "EE5", "FF6")]
    yield match(*tables)
    yield match(*tables[:2])


@remedy(LOOKUP, "Did you mean {}?")
def _gene_alike() -> Iterator[Step]:
    said = yield lambda: find_genes(names(*HUMAN), ["ERBB"])
    yield lambda: find_genes(names(*HUMAN), [str(said).split()[3].strip("?,")])


@remedy(LOOKUP, "Try names such as {}.")
def _gene_unlike() -> Iterator[Step]:
    said = yield lambda: find_genes(names(*HUMAN), ["zzzzzzzz"])
    yield lambda: find_genes(names(*HUMAN), [str(said).split()[4].strip(".,'")])


@remedy(
    "tissue/species.py",
    "Try cells and slides of one species, or rename the var_names of {} to their {} orthologues.",
)
def _species() -> Iterator[Step]:
    human = names(*HUMAN, "SOX2", "KRT8")
    mouse = names(*(gene.capitalize() for gene in human.index))
    human["gene_ids"] = [f"ENSG{i:011d}" for i in range(6)]
    mouse["gene_ids"] = [f"ENSMUSG{i:011d}" for i in range(6)]
    yield match(human, mouse)
    yield match(human, mouse.rename(index=str.upper))


# Landmarks


CELLS = [f"c{i}" for i in range(9)]
MARKED = "obs_name,x,y\nc1,0,0\nc2,5,0\nc3,0,5\n"


def marks(folder: Path, text: str) -> Step:
    return lambda: read_landmarks(written(folder / "l.csv", text), CELLS)


@remedy(MARKS, "Try adding or renaming: {}.")
def _columns(tmp_path: Path) -> Iterator[Step]:
    said = yield marks(tmp_path, MARKED.replace("obs_name", "cell"))
    name = str(said).rpartition(": ")[2].removesuffix(".")
    yield marks(tmp_path, MARKED.replace("obs_name", name))


@remedy(MARKS, "Try a decimal point and no unit.")
def _decimal(tmp_path: Path) -> Iterator[Step]:
    yield marks(tmp_path, MARKED.replace("c2,5,0", "c2,5 µm,0"))
    yield marks(tmp_path, MARKED.replace("c2,5,0", "c2,5.0,0"))


@remedy(MARKS, "Try a file with {}.")
def _no_file(tmp_path: Path) -> Iterator[Step]:
    yield lambda: read_landmarks(tmp_path / "nothing.csv", CELLS)
    yield marks(tmp_path, MARKED)


@remedy(MARKS, "Try 10.")
def _weight(tmp_path: Path) -> Iterator[Step]:
    weighted = "obs_name,x,y,weight\nc1,0,0,{}\nc2,5,0,10\nc3,0,5,10\n"
    said = yield marks(tmp_path, weighted.format("-1"))
    yield marks(tmp_path, weighted.format(str(said)[4:-1]))


@remedy(MARKS, "Did you mean {}?")
def _alike(tmp_path: Path) -> Iterator[Step]:
    said = yield marks(tmp_path, MARKED.replace("c2", "c22"))
    yield marks(tmp_path, MARKED.replace("c2", str(said).split()[-1].removesuffix("?")))


@remedy(MARKS, "Try a name of the query's obs_names.")
def _unknown(tmp_path: Path) -> Iterator[Step]:
    yield marks(tmp_path, MARKED.replace("c2", "zebra"))
    yield marks(tmp_path, MARKED.replace("c2", CELLS[5]))


@remedy(MARKS, "Try keeping one of the two.")
def _twice(tmp_path: Path) -> Iterator[Step]:
    yield marks(tmp_path, MARKED + "c1,9,9\n")
    yield marks(tmp_path, MARKED)


@remedy(PAIRS, "Try true or false.")
def _flag(tmp_path: Path) -> Iterator[Step]:
    text = "x,y,ref_x,ref_y,enabled\n1,2,3,4,{}\n"
    yield lambda: read_pairs(written(tmp_path / "p.csv", text.format("perhaps")))
    yield lambda: [
        read_pairs(written(tmp_path / "p.csv", text.format(w))) for w in ("true", "false")
    ]


@remedy(PAIRS, "Try adding or renaming: {}.")
def _pair_columns(tmp_path: Path) -> Iterator[Step]:
    text = "x,y,u,v\n1,2,3,4\n"
    said = yield lambda: read_pairs(written(tmp_path / "p.csv", text))
    named = str(said).rpartition(": ")[2].removesuffix(".").replace(", ", ",")
    yield lambda: read_pairs(written(tmp_path / "p.csv", text.replace("u,v", named)))


@remedy(PAIRS, "Try a decimal point and no unit.")
def _pair_numbers(tmp_path: Path) -> Iterator[Step]:
    text = "x,y,ref_x,ref_y\n1,2,3,{}\n"
    yield lambda: read_pairs(written(tmp_path / "p.csv", text.format("4 px")))
    yield lambda: read_pairs(written(tmp_path / "p.csv", text.format("4.0")))


# Spots and their parts


@remedy(
    "tissue/lattice.py",
    'Try setting scalefactors["spot_diameter_fullres"] of the library, or the option '
    "spot_diameter; single cells cannot be split.",
)
def _no_grid() -> Iterator[Step]:
    from napari_spatialrecon.tasks.super_resolving import super_resolve

    adata = table(40)
    split = {"method": "uniform", "factor": "2x2"}
    yield lambda: super_resolve(adata, **split)
    scaled = table(40, spatial={"A": {"scalefactors": {"spot_diameter_fullres": 20.0}}})
    yield lambda: (
        super_resolve(scaled, **split),
        super_resolve(adata, spot_diameter=20.0, **split),
    )


@remedy("tissue/lattice.py", "Try the diameter in the unit of the coordinates.")
def _wide() -> Iterator[Step]:
    x, y = np.meshgrid(np.arange(6.0) * 100, np.arange(5.0) * 100)
    grid = np.c_[x.ravel(), y.ravel()]
    yield lambda: find_lattice(grid, 5500.0)
    yield lambda: find_lattice(grid, 55.0)


SUBSPOTS = "tissue/subspots.py"


@remedy(SUBSPOTS, "Try {}.")
def _factor() -> Iterator[Step]:
    said = yield lambda: parse_factor("half")
    yield lambda: parse_factor(keywords(str(said))["factor"])


@remedy(SUBSPOTS, "Try 2x2: four parts of each spot.")
def _splits_nothing() -> Iterator[Step]:
    said = yield lambda: parse_factor("1x1")
    yield lambda: parse_factor(str(said)[4:].partition(":")[0])


@remedy(SUBSPOTS, "Try 2x2 or 3x3; the counts do not support more.")
def _too_many() -> Iterator[Step]:
    yield lambda: parse_factor("20x20")
    yield lambda: [parse_factor(factor) for factor in ("2x2", "3x3")]


@remedy(SUBSPOTS, "Try {}, or {}.")
def _round() -> Iterator[Step]:
    x, y = np.meshgrid(np.arange(6.0) * 100, np.arange(5.0) * 100)
    grid = np.c_[x.ravel(), y.ravel()]
    said = yield lambda: split_spots(find_lattice(grid), parse_factor("7"))
    factor = keywords(str(said).partition(",")[0])["factor"]
    yield lambda: (
        split_spots(find_lattice(grid), parse_factor(factor)),
        split_spots(find_lattice(grid, 55.0), parse_factor("7")),
    )


# Images


def stained(side: int = 200) -> np.ndarray:
    """A bright slide with a purple blob."""
    y, x = np.mgrid[:side, :side]
    image = np.full((side, side, 3), 240, np.uint8)
    blob = ((x - side / 2) / 1.3) ** 2 + (y - side / 2) ** 2 < (side / 4) ** 2
    image[blob] = [150, 60, 140]
    return image


def picture(image: np.ndarray) -> Histology:
    return Histology([RgbImage(image)], 1.0, "H&E", 1.0)


GREY = np.full((200, 200, 3), 240, np.uint8)


@remedy("tissue/images.py", 'Try setting metadata["um_per_fullres_px"] of the library.')
def _um_image() -> Iterator[Step]:
    library = {"images": {"hires": stained()}, "scalefactors": {"tissue_hires_scalef": 0.5}}
    adata = table(spatial={"A": library}, spatialrecon={"unit": "um"})
    yield lambda: histology(adata)
    library["metadata"] = {"um_per_fullres_px": 0.5}
    yield lambda: histology(adata)


@remedy(IMAGE, "Try an H&E image, or export three channels as RGB.")
def _channels() -> Iterator[Step]:
    many = np.zeros((20, 20, 7), np.uint8)
    yield lambda: RgbImage(many)
    yield lambda: (RgbImage(many[..., :3]), RgbImage(stained()))


@remedy(IMAGE, "Try copying it again, or saving it as TIFF, JPEG or PNG.")
def _damaged_image(tmp_path: Path) -> Iterator[Step]:
    from skimage.io import imsave

    for suffix in ("tif", "jpg", "png"):
        imsave(tmp_path / f"good.{suffix}", stained(), check_contrast=False)
    bad = tmp_path / "bad.png"
    bad.write_bytes((tmp_path / "good.png").read_bytes()[:100])
    yield lambda: [np.asarray(level[:]) for level in open_image(bad)]
    yield lambda: [
        np.asarray(open_image(tmp_path / f"good.{suffix}")[0][:])
        for suffix in ("tif", "jpg", "png")
    ]


@remedy(
    IMAGE,
    "Try a tiled TIFF (for example: vips tiffsave in.jpg out.tif --tile --pyramid), which is read "
    "in blocks.",
)
def _huge(tmp_path: Path, monkeypatch: object) -> Iterator[Step]:
    from PIL import Image
    from skimage.io import imsave

    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # type: ignore[attr-defined]
    imsave(tmp_path / "in.png", stained(), check_contrast=False)
    tifffile.imwrite(tmp_path / "out.tif", stained(), tile=(64, 64), photometric="rgb")
    yield lambda: open_image(tmp_path / "in.png")
    yield lambda: open_image(tmp_path / "out.tif")[0][:10, :10]


@remedy(PLANES, "Try exporting one plane as RGB.")
def _stack(tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.tissue.image_planes import flat_plane

    yield lambda: flat_plane(np.zeros((5, 64), np.uint8), "ZX")
    yield lambda: flat_plane(stained(64), "YXS")


NGFF = "tissue/ngff.py"


def ngff(folder: Path, axes: str, shape: tuple[int, ...]) -> Path:
    group = zarr.open_group(folder, mode="w")
    group.create_array("0", shape=shape, dtype="u1")
    multiscale = {
        "axes": [{"name": a} for a in axes],
        "datasets": [{"path": "0"}],
        "version": "0.4",
    }
    group.attrs["multiscales"] = [multiscale]
    return folder


@remedy(NGFF, "Try copying the folder again, or saving the image as TIFF.")
def _damaged_ngff(tmp_path: Path) -> Iterator[Step]:
    bad = ngff(tmp_path / "bad.zarr", "cyx", (3, 20, 20))
    for part in (bad / "0").glob("*"):
        part.unlink()
    good = ngff(tmp_path / "good.zarr", "cyx", (3, 20, 20))
    tifffile.imwrite(tmp_path / "good.tif", stained(20), photometric="rgb")
    yield lambda: open_ngff(bad)
    yield lambda: (open_ngff(good), open_image(tmp_path / "good.tif"))


@remedy(NGFF, "Try exporting one plane as RGB.")
def _ngff_stack(tmp_path: Path) -> Iterator[Step]:
    bad = ngff(tmp_path / "z.zarr", "czyx", (3, 5, 20, 20))
    good = ngff(tmp_path / "plane.zarr", "cyx", (3, 20, 20))
    yield lambda: open_ngff(bad)
    yield lambda: open_ngff(good)


@remedy("tissue/pyramid.py", "Try building it again.")
def _pyramid(tmp_path: Path) -> Iterator[Step]:
    yield lambda: open_pyramid(tmp_path / "nothing")
    folder = tmp_path / "pyramid"
    yield lambda: (build_pyramid(RgbImage(stained()), folder), open_pyramid(folder))


def by_landmarks() -> None:
    from napari_spatialrecon.tasks.aligning import align_by_landmarks

    corners = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0]])
    align_by_landmarks(table(), corners, corners)


@remedy("tissue/outline.py", "Try landmark pairs instead.")
def _outline() -> Iterator[Step]:
    def refused() -> None:
        import pytest

        from napari_spatialrecon.errors import InputError

        with pytest.raises(InputError, match="at least 4 spots"):
            start_by_outline(np.zeros((3, 2)), picture(stained()))
        start_by_outline(table().obsm["spatial"], picture(GREY))

    yield refused
    yield by_landmarks


@remedy("tissue/registration.py", "Try landmarks instead.")
def _register() -> Iterator[Step]:
    yield lambda: register_images(picture(GREY), picture(stained()))
    yield by_landmarks


@remedy("tissue/preprocess.py", "Try training on these genes instead of loading the model.")
def _other_genes() -> Iterator[Step]:
    slide, other = table(60, 30), table(60, 30)
    other.var_names = [f"Other{i}" for i in range(30)]
    space, *_ = fit_features([prepared(slide)], None, PreprocessConfig())
    yield lambda: space.transform(prepared(other))
    yield lambda: fit_features([prepared(other)], None, PreprocessConfig())[0].transform(
        prepared(other)
    )


@remedy(
    "tissue/simulator/simulate.py", "Try a larger size, a higher cell_density or fewer n_cells."
)
def _simulator() -> Iterator[Step]:
    tiny = SimulatorConfig.preset("tiny")
    many = tiny.with_values({"n_cells": 20_000})
    yield lambda: simulate("cortex", many, seed=0)
    yield lambda: simulate("cortex", tiny, seed=0)
