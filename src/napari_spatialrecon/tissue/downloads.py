"""Public tissue from where its authors keep it, checked by its SHA-256 and made into tables."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.storage import atomic_file

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

_PITCH_UM = 200.0
"""Distance between neighboring spots of the first Spatial Transcriptomics arrays."""
_SPOT_UM = 100.0
_LONGEST = 2400
"""Pixels of the longer side of the H&E that the window shows at once."""


@dataclass(frozen=True)
class Section:
    """The files of one section: counts, spots and H&E, each a path below the source and a hash."""

    counts: tuple[str, str]
    spots: tuple[str, str]
    image: tuple[str, str]


@dataclass(frozen=True)
class Dataset:
    """A public data set of sections."""

    source: str
    citation: str
    sections: Mapping[str, Section]


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
    )
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
        200 µm apart, with H&E (14 MB; Andersson et al. 2021).
    folder
        Where the tables and their images go; made if it is missing.
    source
        Another address or folder that holds the same files; they have to be the same bytes.
    progress, should_stop
        Receives a report for each file; returns True to stop between two.

    Returns
    -------
    Name of each section to its ``.h5ad``: counts, ``obsm["spatial"]`` as (n_spots, 2) float,
    (x, y) in pixels of the full H&E, and the image in ``uns["spatial"]`` with its µm per pixel.

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
            remedy=f"Try {argument('name')} {next(iter(DATASETS))!r}.",
        )
    dataset, folder = DATASETS[name], Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    reporter = Reporter(progress, should_stop)
    reporter.begin(f"Downloading {name}", total=len(dataset.sections))
    made = {}
    for number, (section, files) in enumerate(dataset.sections.items()):
        reporter.check()
        made[section] = folder / f"{section}.h5ad"
        if not made[section].exists():
            with tempfile.TemporaryDirectory(dir=folder) as room:
                _make(section, files, source or dataset.source, Path(room), made[section])
        reporter.step(number + 1, at_once=True)
    return made


def _make(section: str, files: Section, source: str, room: Path, path: Path) -> None:
    """Fetch the files of a section, and write its table with the image beside it."""
    from napari_spatialrecon.tissue.h5ad import write_h5ad

    counts, spots, image = (
        _fetch(source, *f, room) for f in (files.counts, files.spots, files.image)
    )
    table = _table(section, counts, spots)
    full = path.with_name(f"{section}_he_fullres.jpg")
    shutil.move(image, full)
    scale = _shrink(full, path.with_name(f"{section}_he.jpg"))
    table.uns["spatial"][section]["scalefactors"]["tissue_hires_scalef"] = scale
    with atomic_file(path) as temporary:
        write_h5ad(temporary, table, packed=True)


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


def _table(section: str, counts: Path, spots: Path) -> AnnData:
    """Return the spots under the tissue with their counts and their places."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    matrix = pd.read_csv(counts, sep="\t", index_col=0)
    places = pd.read_csv(spots, sep="\t")
    places.index = pd.Index(places["x"].astype(str) + "x" + places["y"].astype(str))
    names = [name for name in matrix.index if name in places.index]
    places = places.loc[names]
    table = AnnData(
        csr_matrix(matrix.loc[names].to_numpy(np.float32)),
        obs=pd.DataFrame({"array_x": places["x"], "array_y": places["y"], "section": section}),
        var=pd.DataFrame(index=matrix.columns.astype(str)),
        obsm={"spatial": places[["pixel_x", "pixel_y"]].to_numpy(float)},
    )
    um = _um_per_pixel(places)
    library: dict[str, Any] = {
        "images_files": {
            "hires": f"{section}_he.jpg",
            "fullres": f"{section}_he_fullres.jpg",
        },
        "metadata": {"um_per_fullres_px": um},
        "scalefactors": {"spot_diameter_fullres": _SPOT_UM / um},
    }
    table.uns["spatial"] = {section: library}
    return table


def _um_per_pixel(places: pd.DataFrame) -> float:
    """Return the µm of a pixel, from the pitch of the array along both of its axes."""
    pixels = [
        abs(np.polyfit(places[f"new_{axis}"], places[f"pixel_{axis}"], 1)[0]) for axis in "xy"
    ]
    return float(_PITCH_UM / np.mean(pixels))


def _shrink(full: Path, path: Path) -> float:
    """Write a smaller copy of the image, and return its scale."""
    from PIL import Image

    with warnings.catch_warnings():  # its hash is known, so that its size surprises nobody
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        image = Image.open(full)
    with image:
        scale = min(1.0, _LONGEST / max(image.size))
        size = (round(scale * image.width), round(scale * image.height))
        image.draft("RGB", size)
        image.resize(size, Image.Resampling.LANCZOS).save(path, quality=88)
    return scale
