"""What published files hold, and the tables that are made of them."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from napari_spatialrecon.storage import atomic_file

if TYPE_CHECKING:
    import pandas as pd
    from anndata import AnnData

ST_PITCH_UM, ST_SPOT_UM = 200.0, 100.0
"""Distance between neighboring spots of the first Spatial Transcriptomics arrays, and their
diameter."""
VISIUM_PITCH_UM, VISIUM_SPOT_UM = 100.0, 55.0
_LONGEST = 2400
"""Pixels of the longer side of the H&E that the window shows at once."""

#: A path below the source, and the SHA-256 that the file has to have.
File = tuple[str, str]


class Recipe(Protocol):
    """The files of one table, and how it is made of them."""

    @property
    def files(self) -> tuple[File, ...]:
        """What has to be fetched."""
        ...

    def make(self, name: str, files: Sequence[Path], path: Path) -> None:
        """Write the table to `path`, with its image beside it if it has one."""
        ...


@dataclass(frozen=True)
class Section:
    """A section of an array of spots with its H&E (Spatial Transcriptomics)."""

    counts: File
    spots: File
    image: File

    @property
    def files(self) -> tuple[File, ...]:
        """Counts, spots and H&E."""
        return self.counts, self.spots, self.image

    def make(self, name: str, files: Sequence[Path], path: Path) -> None:
        """Write the section, with its H&E in full and in small beside it."""
        counts, spots, image = files
        table = _section(name, counts, spots)
        full = path.with_name(f"{name}_he_fullres.jpg")
        shutil.move(image, full)
        scale = _shrink(full, path.with_name(f"{name}_he.jpg"))
        table.uns["spatial"][name]["scalefactors"]["tissue_hires_scalef"] = scale
        _write(table, path)


@dataclass(frozen=True)
class VisiumSpots:
    """Spots of Visium as genes x spots and a table of places, whose x runs down the slide."""

    counts: File
    places: File

    @property
    def files(self) -> tuple[File, ...]:
        """Counts and places."""
        return self.counts, self.places

    def make(self, name: str, files: Sequence[Path], path: Path) -> None:
        """Write the spots, (x, y) with y down, in pixels whose µm follow from the pitch."""
        import pandas as pd
        from scipy.spatial import cKDTree

        counts, places = (pd.read_csv(file, index_col=0) for file in files)
        table = _genes_in_rows(counts)
        xy = places.loc[counts.columns, ["y", "x"]].to_numpy(float)
        table.obsm["spatial"] = xy
        um = VISIUM_PITCH_UM / float(np.median(cKDTree(xy).query(xy, 2)[0][:, 1]))
        library: dict[str, Any] = {
            "images": {},
            "metadata": {"um_per_fullres_px": um},
            "scalefactors": {"spot_diameter_fullres": VISIUM_SPOT_UM / um},
        }
        table.uns["spatial"] = {name: library}
        _write(table, path)


@dataclass(frozen=True)
class TypedCells:
    """Dissociated cells as genes x cells, and a table of their types."""

    counts: File
    types: File

    @property
    def files(self) -> tuple[File, ...]:
        """Counts and types."""
        return self.counts, self.types

    def make(self, name: str, files: Sequence[Path], path: Path) -> None:
        """Write the cells with their types in ``obs["cell_type"]``."""
        import pandas as pd

        counts, types = (pd.read_csv(file, index_col=0) for file in files)
        table = _genes_in_rows(counts)
        table.obs["cell_type"] = pd.Categorical(types.iloc[:, 0].loc[counts.columns])
        _write(table, path)


def _genes_in_rows(counts: pd.DataFrame) -> AnnData:
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    return AnnData(
        csr_matrix(counts.to_numpy(np.float32).T),
        obs=pd.DataFrame(index=counts.columns.astype(str)),
        var=pd.DataFrame(index=counts.index.astype(str)),
    )


def _write(table: AnnData, path: Path) -> None:
    from napari_spatialrecon.tissue.h5ad import write_h5ad

    with atomic_file(path) as temporary:
        write_h5ad(temporary, table, packed=True)


def _section(section: str, counts: Path, spots: Path) -> AnnData:
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
        "scalefactors": {"spot_diameter_fullres": ST_SPOT_UM / um},
    }
    table.uns["spatial"] = {section: library}
    return table


def _um_per_pixel(places: pd.DataFrame) -> float:
    """Return the µm of a pixel, from the pitch of the array along both of its axes."""
    pixels = [
        abs(np.polyfit(places[f"new_{axis}"], places[f"pixel_{axis}"], 1)[0]) for axis in "xy"
    ]
    return float(ST_PITCH_UM / np.mean(pixels))


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
