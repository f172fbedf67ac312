"""The folder of real tissue that named cases are made of, and the source of each data set.

``experiments/README.md`` describes how each file is made from its source.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument

if TYPE_CHECKING:
    from anndata import AnnData

#: Cells with fewer counts are not used.
LEAST_COUNTS = 10


@dataclass(frozen=True)
class Source:
    """What a data set is, and the public repository, at a commit, that its files were made from."""

    what: str
    repository: str
    path: str


SOURCES = {
    "breast_xenium_visium": Source(
        "Xenium cells and Visium spots of neighbouring sections of a human breast cancer",
        "github.com/JEFworks-Lab/genomic-data-visualization-2025 at 67b2bc37",
        "data/pikachu.csv.gz, data/eevee.csv.gz",
    ),
    "drosophila_bdtnp": Source(
        "in situ atlas and Drop-seq of the Drosophila embryo",
        "github.com/ucbmcb288/data at 21be38ca",
        "bdtnp.txt, binarized_bdtnp.csv, geometry.txt, dge_raw.txt.gz",
    ),
    "he_truth": Source(
        "MERFISH of mouse brain in bins, with an H&E rendered from DAPI and poly-T",
        "github.com/drieslab/GiottoData",
        "inst/Mini_datasets/Vizgen",
    ),
    "merfish_mpoa": Source(
        "MERFISH of the mouse preoptic area",
        "github.com/JEFworks-Lab/SEraster at effadf51",
        "data/merfish_mousePOA.rda",
    ),
    "mixtures": Source(
        "spots whose mixtures are known, made from three of the other data sets",
        "made from starmap_mpfc, seqfish_embryo2 and merfish_mpoa",
        "experiments/README.md says how",
    ),
    "molcart_mouse_cortex": Source(
        "Molecular Cartography of mouse cortex, two sections",
        "github.com/aertslab/SpatialNF at a5fac24b",
        "examples/data/mouse_cortex_molecular_cartography",
    ),
    "mop_merfish_scrna": Source(
        "MERFISH pseudo-spots and 10x single-cell RNA of mouse motor cortex",
        "github.com/saezlab/DOT at 421ba183",
        "data/dot.sample.rda",
    ),
    "seqfish_embryo2": Source(
        "seqFISH of a mouse embryo",
        "github.com/SydneyBioX/clustSIGNAL at b7e30547",
        "data/mEmbryo2.RData",
    ),
    "st_breast_paste": Source(
        "Spatial Transcriptomics of a breast cancer, three layers",
        "github.com/raphael-group/paste at 5f0d58c6",
        "sample_data/slice1.csv, slice2.csv, slice3.csv",
    ),
    "st_her2_he": Source(
        "Spatial Transcriptomics of a HER2-positive breast cancer, three sections with H&E",
        "github.com/almaan/her2st at 85df7411",
        "data/ST-cnts, data/ST-imgs, patient C",
    ),
    "st_mob_he": Source(
        "Spatial Transcriptomics of the mouse olfactory bulb, three sections with H&E",
        "github.com/jbergenstrahle/STUtility at 9a8f4214",
        "inst/extdata/counts",
    ),
    "starmap_mpfc": Source(
        "STARmap of the medial prefrontal cortex of two mice",
        "github.com/zhengli09/BASS-Analysis at 81dfe735",
        "data/starmap_mpfc.RData",
    ),
    "visium_coexpress": Source(
        "CytAssist Visium of a mouse",
        "github.com/Perik-Zavodskii/CoexpressDeconvolve at 38b3bddd",
        "filtered_feature_bc_matrix, spatial",
    ),
    "visium_mini_dg": Source(
        "Visium of the mouse dentate gyrus, a crop",
        "github.com/drieslab/GiottoData at 1dc55ee8",
        "inst/Mini_datasets/Visium/Raw",
    ),
}


class DataFolder:
    """The data sets of one folder, each in a folder of its own."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def find(self, name: str) -> Path:
        """Return the path of a file, such as ``starmap_mpfc/section_BZ5.h5ad``.

        Raises
        ------
        InputError
            The file is not there; the message says which data set it belongs to and its source.
        """
        found = self.path / name
        if found.exists():
            return found
        source = SOURCES.get(name.partition("/")[0])
        what, made = "", ""
        if source is not None:
            what = f" ({source.what})"
            made = f" It is made from {source.repository}: {source.path} (experiments/README.md)."
        raise InputError(
            f"Expected {name}{what} in {self.path}, found no such file.",
            remedy=f"Try {argument('data')} with the folder that holds it.{made}",
        )

    def read(self, name: str) -> AnnData:
        """Return a table as it is in its file."""
        from napari_spatialrecon.tissue.read import read_adata

        return read_adata(self.find(name))

    def cells(self, name: str) -> AnnData:
        """Return a table without the cells of fewer than `LEAST_COUNTS` counts."""
        import numpy as np

        from napari_spatialrecon.tissue import contract

        adata = self.read(name)
        enough = np.asarray(contract.counts(adata).sum(axis=1)).ravel() >= LEAST_COUNTS
        return adata[enough].copy()
