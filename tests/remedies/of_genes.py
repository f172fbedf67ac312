"""Remedies of gene names, landmarks and pairs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from napari_spatialrecon.tissue.gene_lookup import find_genes
from napari_spatialrecon.tissue.genes import match_genes
from napari_spatialrecon.tissue.landmark_pairs import read_pairs
from napari_spatialrecon.tissue.landmarks import read_landmarks
from remedies.cases import Step, remedy, written

GENES, LOOKUP = "tissue/genes.py", "tissue/gene_lookup.py"
LIBRARY, PLANES = "tissue/library.py", "tissue/image_planes.py"
MARKS, PAIRS, IMAGE = "tissue/landmarks.py", "tissue/landmark_pairs.py", "tissue/lazy_image.py"
RNG = np.random.default_rng(0)


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
    "Try cells and slides of one species, or rename the var_names of {} to their {} orthologs.",
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
