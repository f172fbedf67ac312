"""Public tissue from where its authors keep it, checked by its SHA-256 and made into tables."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.tissue.published import Recipe, Section, TypedCells, VisiumSpots


@dataclass(frozen=True)
class Dataset:
    """A public data set: where it is, and the tables that are made of it."""

    source: str
    citation: str
    tables: Mapping[str, Recipe]


def _her2(section: str, image: str, counts: str, spots: str, picture: str) -> Section:
    return Section(
        (f"ST-cnts/{section}.tsv.gz", counts),
        (f"ST-spotfiles/{section}_selection.tsv", spots),
        (f"ST-imgs/C/{section}/{image}", picture),
    )


DATASETS: Mapping[str, Dataset] = {
    "her2": Dataset(
        "https://raw.githubusercontent.com/almaan/her2st/85df7411b987a7dec3feff9718b869a7a82091ec/data",
        "Andersson et al. 2021, HER2-positive breast cancer, Spatial Transcriptomics "
        "(github.com/almaan/her2st)",
        {
            "C2": _her2(
                "C2",
                "5714_HE_BT_C2.jpg",
                "c1c59ea6cffae36b9ecb561b8e2a97e3aa5f4085f748e991a0e330ed9d09773d",
                "235b5f4306b3b57c628ffc82c98c7109602474fbcc79a917b9c50517f99b6b1c",
                "26e2f73ae840cdd46c5bba405aae181f13a56a376b9848dff23f7a9c5de7f19e",
            ),
            "C3": _her2(
                "C3",
                "5714_HE_BT_D1.jpg",
                "e00c55a3eb9caac5d9c71b8906aae8be8b38f93e23938f4a0ebee17683ef6a2a",
                "7fd76c13370b7804ac3bb377b846d22485cf9223f9dd8dfc25be06e5aaf65755",
                "0005a92674014d473040a28f0afca89ce5fa5c44019b479b638ceb3272ceb568",
            ),
            "C5": _her2(
                "C5",
                "5714_HE_BT_E1.jpg",
                "c0f310315ca6110d74dbdf7011e5b42432ba0b8eb5f001824764911988f39338",
                "2114cc3b4da759772112897f1e247d5443c9f8c808e6a9a952eb4fda379a194c",
                "34028ea41e376396b50c42b0a11a7e689c85be4a8022e668d0a09cc128c04c65",
            ),
        },
    ),
    "hippocampus": Dataset(
        "https://raw.githubusercontent.com/dmcable/spacexr/744153c633da7ff70d0988308a160633fcf44af7/inst/extdata",
        "Mouse hippocampus, 10x Visium (10x Genomics) and Drop-seq cells (Saunders et al. 2018), "
        "as Cable et al. distribute them with RCTD (github.com/dmcable/spacexr)",
        {
            "spots": VisiumSpots(
                (
                    "SpatialRNA/VisiumVignette/counts.csv",
                    "fdcd409386b830d7bca72ac5ef9ada6358e83394bde60c2acc509d0328778f0e",
                ),
                (
                    "SpatialRNA/VisiumVignette/coords.csv",
                    "65d95110750dcaaeb9d2182c52d7f8bf245b15badf9255e47dbf93a54b3bd0c6",
                ),
            ),
            "cells": TypedCells(
                (
                    "Reference/Visium_Ref/counts.csv",
                    "26f50a48cf105d7ec6974049e1e352f3724bb10c526f15328ca6b2ec9bc54622",
                ),
                (
                    "Reference/Visium_Ref/cell_types.csv",
                    "e39a114c970911ceebdf18c0551e9d3f5d09bd8535c2be90019a71c5fa0398f6",
                ),
            ),
        },
    ),
}
"""The data sets that can be downloaded, with what their files have to hash to."""


def download(
    name: str,
    folder: str | Path,
    *,
    source: str | None = None,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> dict[str, Path]:
    """Download a public data set, check its files and write a table of each section.

    Each file is downloaded once: what a folder already holds is not asked for again. Nothing of
    the data comes with this package, and its license is that of its authors.

    Parameters
    ----------
    name
        ``"her2"``: three sections of a HER2-positive breast cancer, 178 to 187 spots of 100 µm,
        200 µm apart, with H&E (14 MB; Andersson et al. 2021). ``"hippocampus"``: 313 spots of
        Visium on a mouse hippocampus, 276 genes, and 510 dissociated cells of 17 types with 307
        genes, 124 of them shared (0.6 MB; Saunders et al. 2018, Cable et al. 2022).
    folder
        Where the tables and their images go; made if it is missing.
    source
        Another address or folder that holds the same files; they have to be the same bytes.
    progress, should_stop
        Receives a report for each file; returns True to stop between two.

    Returns
    -------
    dict[str, Path]
        Name of each table to its ``.h5ad``. Slides: counts, ``obsm["spatial"]`` as (n_spots, 2)
        float, (x, y) in pixels of the full H&E, and its µm per pixel, with the image where there is
        one, in ``uns["spatial"]``. Cells: counts, and their types in ``obs["cell_type"]``.

    Raises
    ------
    InputError
        The name is unknown, the source cannot be reached, or a file is not the one expected.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> files = sr.download("her2", "her2")  # doctest: +SKIP
    >>> slides = {name: sr.read_adata(files[name]) for name in ("C2", "C3")}  # doctest: +SKIP
    """
    if name not in DATASETS:
        raise InputError(
            f"Expected a data set of {', '.join(DATASETS)}; found {name!r}.",
            remedy=f"Try {next(iter(DATASETS))!r}.",
        )
    dataset, folder = DATASETS[name], Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reporter = Reporter(progress, should_stop)
    reporter.begin(f"Downloading {name}", total=len(dataset.tables))
    made = {}
    for number, (table, recipe) in enumerate(dataset.tables.items()):
        reporter.check()
        made[table] = folder / f"{table}.h5ad"
        if not made[table].exists():
            with tempfile.TemporaryDirectory(dir=folder) as room:
                files = [_fetch(source or dataset.source, *f, Path(room)) for f in recipe.files]
                recipe.make(table, files, made[table])
        reporter.step(number + 1, at_once=True)
    return made


def _fetch(source: str, file: str, sha256: str, room: Path) -> Path:
    """Return a file from the source, whole and as it has to be."""
    import pooch
    import requests

    address = f"{source.rstrip('/')}/{file}"
    local = Path(source) / file
    try:
        if local.is_file():
            found = room / local.name
            shutil.copyfile(local, found)
            if pooch.file_hash(str(found)) != sha256:
                raise ValueError("its SHA-256 differs")
            return found
        pooch.utils.get_logger().setLevel("ERROR")
        return Path(pooch.retrieve(address, f"sha256:{sha256}", path=room))
    except ValueError as error:
        raise InputError(
            "Expected the file that was published, found another one (its SHA-256 differs).",
            remedy="Try again: the download may have been cut short or changed on its way.",
            where=address,
        ) from error
    except (requests.RequestException, OSError) as error:
        raise InputError(
            f"Expected to reach the file, found: {type(error).__name__}.",
            remedy=f"Try again with a connection to the web, or give the folder of a copy as "
            f"{argument('source')}.",
            where=address,
        ) from error
