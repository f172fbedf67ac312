"""Inputs of a run, from what is open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from natsort import natsort_keygen

from napari_spatialrecon.tissue.formats.naming import table_name
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.slots import OURS, READ, SPATIAL
from napari_spatialrecon.viewer.canvas.layers import um_per_layer_unit
from napari_spatialrecon.viewer.workspace.workspace import SUFFIXES, Entry, Role, Workspace

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.methods.encoders.base import EncoderMethod
    from napari_spatialrecon.tissue.images import Histology

_THUMBNAIL = 2048
_natural = natsort_keygen()


@dataclass(frozen=True)
class Table:
    """A table that a run reads.

    Parameters
    ----------
    path
        Its file; None if the table is open in napari only.
    """

    name: str
    adata: AnnData
    path: Path | None = None

    @property
    def chosen(self) -> dict[str, str]:
        """Options with which it was read from its file."""
        return chosen_options(self.adata)

    def histology(self) -> Histology | None:
        """Return its H&E, None where it has none."""
        from napari_spatialrecon.tissue.images import histology

        return histology(self.adata, None if self.path is None else self.path.parent)


@dataclass(frozen=True)
class Picture:
    """An image layer without a table, to register a result to.

    Parameters
    ----------
    levels
        Array-likes (y, x) or (y, x, samples), finest first.
    um_per_pixel
        Of the finest level.
    """

    name: str
    levels: tuple[Any, ...]
    rgb: bool
    um_per_pixel: float
    path: Path | None = None

    def table(self) -> Table:
        """Return a table without rows whose histology is a small copy of this image.

        Its frame is in pixels of the finest level.
        """
        from anndata import AnnData

        from napari_spatialrecon.tissue.images import Histology
        from napari_spatialrecon.tissue.lazy_image import RgbImage

        axes = "YXS" if self.rgb else "YX"
        levels = [RgbImage(level, axes) for level in self.levels]
        image, units = Histology(levels, 1.0, self.name).thumbnail(_THUMBNAIL)
        adata = AnnData(X=np.empty((0, 0), np.float32))
        adata.uns[SPATIAL] = {
            self.name: {
                "images": {"hires": image},
                "scalefactors": {"tissue_hires_scalef": 1 / units},
                "metadata": {"um_per_fullres_px": self.um_per_pixel},
            }
        }
        return Table(self.name, adata, self.path)


@dataclass(frozen=True)
class Model:
    """A trained encoder that a run starts from.

    Parameters
    ----------
    path
        Its folder; None if it has not been saved yet.
    """

    name: str
    model: EncoderMethod
    path: Path | None = None


def short_name(entry: Entry) -> str:
    """Return the name of a slide or a table of cells, without " spots" or " H&E"."""
    if entry.label:
        return entry.label
    if entry.path is not None and entry.role is not Role.HISTOLOGY:
        return table_name(entry.path, entry.read)
    for suffix in SUFFIXES:
        if entry.name.endswith(suffix):
            return entry.name.removesuffix(suffix)
    return entry.name


def natural_order(entry: Entry) -> Any:
    """Sort "slide 2" before "slide 10"."""
    return _natural(short_name(entry))


def slide_of(space: Workspace, image: Entry) -> Entry | None:
    """Return the slide that an H&E belongs to: from the same file, or with the same name."""
    slides = [e for e in space if e.role is not Role.HISTOLOGY and SPATIAL in _slots(e)]
    if image.path is not None:
        same = [e for e in slides if e.path == image.path]
        return next((e for e in same if e.read == image.read), None)
    return next((e for e in slides if e.path is None and short_name(e) == short_name(image)), None)


def histology_of(space: Workspace, slide: Entry) -> Entry | None:
    """Return the open H&E of a slide, None if there is none."""
    return next((e for e in space.of_role(Role.HISTOLOGY) if slide_of(space, e) is slide), None)


def _slots(entry: Entry) -> Mapping[str, Any]:
    return entry.adata.obsm if entry.adata is not None else {}


def slide_table(entry: Entry, name: str) -> Table:
    """Return a slide as a run reads it: with the user's scale, and full paths of its images.

    The matrices are shared with the open table, which is not changed.
    """
    from napari_spatialrecon.tissue import contract
    from napari_spatialrecon.tissue.micrometres import scale_slots

    adata = entry.table()
    uns = dict(adata.uns)
    folder = entry.path.parent if entry.path is not None else None
    if folder is not None and isinstance(uns.get(SPATIAL), Mapping):
        uns[SPATIAL] = {k: _with_whole_paths(v, folder) for k, v in uns[SPATIAL].items()}
    given = entry.um_per_unit is not None and contract.um_per_unit(adata) is None
    if given:
        scale = scale_slots(contract.unit(adata), entry.um_per_unit)
        uns[OURS] = {**dict(uns.get(OURS, {})), **scale}
    return Table(name, _sharing(adata, uns, hidden=False), None if given else entry.path)


def query_table(entry: Entry, name: str) -> Table:
    """Return cells as a run reads them: without coordinates, if they have any."""
    adata = entry.table()
    return Table(name, _sharing(adata, dict(adata.uns), hidden=True), entry.path)


def picture(entry: Entry) -> Picture:
    """Return an image layer as a run reads it; its scale has to be known."""
    layer = entry.image
    assert layer is not None, "histology is shown by an image"
    levels = tuple(layer.data) if layer.multiscale else (layer.data,)
    scale = float(layer.scale[-1]) * (um_per_layer_unit(layer) or 1.0)
    return Picture(short_name(entry), levels, bool(layer.rgb), scale, entry.path)


def _sharing(adata: AnnData, uns: dict[str, Any], *, hidden: bool) -> AnnData:
    from napari_spatialrecon.tissue.sharing import sharing

    obsm = {key: value for key, value in adata.obsm.items() if not (hidden and key == SPATIAL)}
    return sharing(adata, obsm=obsm, uns=uns)


def _with_whole_paths(library: Any, folder: Path) -> Any:
    files = library.get("images_files") if isinstance(library, Mapping) else None
    if not isinstance(files, Mapping):
        return library
    return {**library, "images_files": {k: str(folder / str(v)) for k, v in files.items()}}


def chosen_options(adata: AnnData) -> dict[str, str]:
    """Return the options with which a table was read from its file, by name."""
    ours = adata.uns.get(OURS)
    read = ours.get(READ) if isinstance(ours, Mapping) else None
    return ReadOptions.of(read).given() if isinstance(read, Mapping) else {}
