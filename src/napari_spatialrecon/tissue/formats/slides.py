"""One slide of an AnnData table: its library, where its coordinates are, which way y points."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from anndata import AnnData

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.contract import section
from napari_spatialrecon.tissue.formats.cells import turn_y
from napari_spatialrecon.tissue.formats.image_fit import misfits
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.points import Pair, find_pairs
from napari_spatialrecon.tissue.images import full_resolution_file
from napari_spatialrecon.tissue.pixel_size import stated_um_per_pixel
from napari_spatialrecon.tissue.sharing import unchecked
from napari_spatialrecon.tissue.slots import OURS, SPATIAL
from napari_spatialrecon.tissue.whole_tables import read_part

#: Columns that tell to which library a row belongs, the first that does.
_LIBRARIES = ("library_id", "library", "sample", "sample_id", "slide", "section", "batch", "region")
_LIBRARY = "library_id"
#: Scale factors from which the size of a pixel follows.
_SIZES = {"microns_per_pixel", "spot_diameter_fullres"}
#: Other keys of `obsm` under which tools keep coordinates.
_OTHER_KEYS = ("X_spatial", "spatial_coords", "X_spatial_coords")
#: µm between neighbouring columns, and rows, of the hexagonal array of Visium.
_COLUMN_UM, _ROW_UM = 50.0, 50.0 * 3**0.5


def one_slide(adata: AnnData, options: ReadOptions, notes: list[str], where: Path) -> AnnData:
    """Return the chosen slide of a table just read, with `obsm["spatial"]` (x, y), y down.

    Rows and library are chosen together. Coordinates in columns of `obs` are taken where there is
    no doubt which. y that points up, as Giotto writes it under an image, is turned. Cells without
    coordinates are returned as they are.

    Parameters
    ----------
    adata
        May be changed.
    options
        `library` and `y_axis`.
    notes
        What was chosen or changed is appended.
    where
        The file, for messages.

    Raises
    ------
    ChoiceError
        The table holds several slides, and none, or another, is named.
    """
    adata = _one_library(adata, options.library, notes, where)
    up = _find_places(adata, notes)
    if SPATIAL in adata.obsm:
        _turn(adata, options.y_axis, up, notes)
        _state_step(adata, notes)
        _note_misfits(adata, notes)
    return adata


def refuse_unchosen(path: Path, options: ReadOptions) -> None:
    """Raise what `one_slide` would about the choice of a slide, before the counts are read.

    Parameters
    ----------
    path
        An `.h5ad` file; if it is damaged, nothing is raised.

    Raises
    ------
    ChoiceError
        The table holds several slides, and none, or another, is named.
    """
    try:
        with opened(path) as file:
            kept = file.get("uns", {})
            groups = kept.get(SPATIAL, {})
            names = [name for name, content in groups.items() if isinstance(content, h5py.Group)]
            light = unchecked(obs=read_part(file["obs"]))
            if SPATIAL in file.get("obsm", {}):
                light.obsm[SPATIAL] = np.zeros((light.n_obs, 2))
            light.uns = {SPATIAL: {name: {} for name in names}} | (
                {OURS: {}} if OURS in kept else {}
            )
    except Exception:  # the reading itself says what is wrong
        return
    _one_library(light, options.library, [], path)


def _libraries(adata: AnnData) -> dict[str, Mapping[str, object]]:
    found = adata.uns.get(SPATIAL)
    items = found.items() if isinstance(found, Mapping) else ()
    return {str(name): content for name, content in items if isinstance(content, Mapping)}


def _one_library(adata: AnnData, asked: str | None, notes: list[str], where: Path) -> AnnData:
    libraries = _libraries(adata)
    column = _column_of_libraries(adata, libraries)
    if column is None:
        return _without_column(adata, list(libraries), asked, notes, where)
    values = adata.obs[column].astype(str)
    present = [name for name in dict.fromkeys(values) if name in libraries or not libraries]
    if asked is None and len(present) == 1 and values.nunique() == 1:
        asked = present[0]
        notes.append(f'All rows belong to library {asked}, as obs["{column}"] says.')
    if asked not in present:
        raise ChoiceError("libraries", "library", present, asked=asked, where=str(where))
    chosen = (values == asked).to_numpy()
    if not chosen.all():
        adata = adata[chosen].copy()
    if libraries:
        adata.uns[SPATIAL] = {asked: adata.uns[SPATIAL][asked]}
    return adata


def _column_of_libraries(adata: AnnData, libraries: Mapping[str, object]) -> str | None:
    """Return the column of `obs` that tells which of several slides a row belongs to, or None."""
    if libraries:
        known = [c for c in _LIBRARIES if c in adata.obs]
        others = [c for c in adata.obs.columns.difference(known) if _is_text(adata.obs[c])]
        for column in [*known, *others]:
            values = set(adata.obs[column].astype(str))
            if values & {*libraries} and (len(libraries) > 1 or len(values) > 1):
                return column
        return None
    is_slide = SPATIAL in adata.obsm and OURS not in adata.uns
    several = _LIBRARY in adata.obs and adata.obs[_LIBRARY].nunique() > 1
    return _LIBRARY if is_slide and several else None


def _is_text(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype) or column.dtype == object


def _without_column(
    adata: AnnData, names: list[str], asked: str | None, notes: list[str], where: Path
) -> AnnData:
    if not names or (len(names) == 1 and asked in (None, names[0])):
        return adata
    if asked not in names:
        raise ChoiceError("libraries", "library", names, asked=asked, where=str(where))
    if _LIBRARY in adata.obs:
        values = ", ".join(dict.fromkeys(adata.obs[_LIBRARY].astype(str)))
        raise InputError(
            f'Expected names of libraries in obs["{_LIBRARY}"], found {values[:100]}; '
            f'uns["{SPATIAL}"] holds {", ".join(names)[:100]}.',
            remedy="Try giving both the same names.",
            where=str(where),
        )
    notes.append(f"No column of obs states which rows belong to {asked}: all were used.")
    adata.uns[SPATIAL] = {asked: adata.uns[SPATIAL][asked]}
    return adata


def _find_places(adata: AnnData, notes: list[str]) -> bool:
    """Fill `obsm["spatial"]` from where else coordinates are; return whether their y is up."""
    if SPATIAL in adata.obsm:
        return False
    for key in _OTHER_KEYS:
        if key in adata.obsm and np.ndim(adata.obsm[key]) == 2 and adata.obsm[key].shape[1] >= 2:
            adata.obsm[SPATIAL] = np.asarray(adata.obsm[key], dtype=np.float64)[:, :2]
            notes.append(f'Coordinates were taken from obsm["{key}"].')
            return False
    pairs = _distinct(adata.obs, [p for p in find_pairs(list(adata.obs)) if _usable(adata.obs, p)])
    if len(pairs) == 1:
        x, y = pairs[0].columns
        adata.obsm[SPATIAL] = adata.obs[[x, y]].to_numpy(dtype=np.float64)
        _state(adata, unit=pairs[0].unit)
        unit = {"um": ", in µm", "px": ", in pixels"}.get(pairs[0].unit, "")
        notes.append(f'Coordinates were taken from obs["{x}"] and obs["{y}"]{unit}.')
        return pairs[0].up
    if not pairs and _is_hexagonal(adata.obs):
        array = adata.obs[["array_col", "array_row"]].to_numpy(dtype=np.float64)
        adata.obsm[SPATIAL] = array * (_COLUMN_UM, _ROW_UM)
        _state(adata, unit="um")
        notes.append(
            'Coordinates were made of obs["array_col"] and obs["array_row"], in µm of a Visium '
            "array: neighbors are 100 µm apart."
        )
    return False


def _usable(obs: pd.DataFrame, pair: Pair) -> bool:
    try:
        values = obs[list(pair.columns)].to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool(len(values) and np.isfinite(values).all() and (np.ptp(values, axis=0) > 0).any())


def _distinct(obs: pd.DataFrame, pairs: list[Pair]) -> list[Pair]:
    """Return pairs that hold different coordinates, the more specific of equal ones."""
    kept: list[Pair] = []
    for pair in pairs:
        values = obs[list(pair.columns)].to_numpy(float)
        if not any(np.allclose(values, obs[list(other.columns)].to_numpy(float)) for other in kept):
            kept.append(pair)
    return kept


def _is_hexagonal(obs: pd.DataFrame) -> bool:
    """Return whether array rows and columns are those of Visium: their sums are even."""
    pair = Pair(("array_col", "array_row"))
    if not {*pair.columns} <= {*obs.columns} or not _usable(obs, pair):
        return False
    values = obs[list(pair.columns)].to_numpy(dtype=np.float64)
    return bool(np.all(values % 1 == 0) and np.all(values.sum(axis=1) % 2 == 0))


def _turn(adata: AnnData, asked: str | None, up: bool, notes: list[str]) -> None:
    xy = np.asarray(adata.obsm[SPATIAL])
    if xy.ndim != 2 or xy.shape[1] != 2 or xy.dtype.kind not in "iuf" or not len(xy):
        return
    below = bool(np.all(xy[:, 1] <= 0) and np.any(xy[:, 1] < 0) and np.all(xy[:, 0] >= 0))
    height = _image_height(adata)
    if asked == "down" or not (asked == "up" or up or (below and _libraries(adata))):
        return
    if below:
        adata.obsm[SPATIAL] = xy.astype(np.float64) * (1, -1)
        notes.append("y is negative, so it points up; its sign was reversed.")
    elif asked == "up" and height is not None:
        adata.obsm[SPATIAL] = np.column_stack([xy[:, 0], height - xy[:, 1]]).astype(np.float64)
        notes.append("y was mirrored about the middle of the image.")
    else:
        adata.obsm[SPATIAL] = turn_y(xy.astype(np.float64), stated="up", asked=asked, notes=notes)


def _image_height(adata: AnnData) -> float | None:
    """Return the height of the histology in full-resolution pixels, where these are the unit."""
    stated = adata.uns.get(OURS)
    if isinstance(stated, Mapping) and stated.get("unit", "px") != "px":
        return None
    for library in _libraries(adata).values():
        images, factors = library.get("images"), library.get("scalefactors")
        for key in ("hires", "lowres"):
            scale = factors.get(f"tissue_{key}_scalef") if isinstance(factors, Mapping) else None
            if isinstance(images, Mapping) and key in images and scale:
                return float(np.shape(images[key])[0] / float(scale))
    return None


def _note_misfits(adata: AnnData, notes: list[str]) -> None:
    """Note images that do not hold the spots at their scale factors, where pixels are the unit."""
    xy = np.asarray(adata.obsm[SPATIAL])
    ours = adata.uns.get(OURS)
    unit = ours.get("unit", "px") if isinstance(ours, Mapping) else "px"
    if unit != "px" or xy.ndim != 2 or xy.dtype.kind not in "iuf":
        return
    for name, library in _libraries(adata).items():
        images, factors = section(library, "images"), section(library, "scalefactors")
        shapes = {key: np.shape(images[key]) for key in ("hires", "lowres") if key in images}
        if all(len(shape) in (2, 3) for shape in shapes.values()):
            notes += [f"{name}: {text}" for text in misfits(shapes, factors, xy[:, :2]).values()]


def _state_step(adata: AnnData, notes: list[str]) -> None:
    """State the µm of a unit where Stereopy wrote it: nm in `uns["resolution"]`."""
    if "bin_type" not in adata.uns or "resolution" not in adata.uns or OURS in adata.uns:
        return
    nanometres = float(np.ravel(adata.uns["resolution"])[0])
    if 100 <= nanometres <= 2000:
        _state(adata, unit="unit", um_per_unit=nanometres / 1000)
        notes.append(f"A step of the chip is {nanometres:g} nm, as the file states.")


def state_pixel_sizes(adata: AnnData, folder: Path, notes: list[str]) -> None:
    """State the µm of a full-resolution pixel that an image's file states and its library does not.

    Parameters
    ----------
    adata
        Changed in place.
    folder
        Holds the image files that are named without one.
    """
    for name, library in _libraries(adata).items():
        metadata, factors = (section(library, key) for key in ("metadata", "scalefactors"))
        if "um_per_fullres_px" in metadata or _SIZES & {*factors}:
            continue
        path = full_resolution_file(library, folder)
        size = None if path is None else stated_um_per_pixel(path)
        if path is not None and size is not None:
            stated = {**library, "metadata": {**metadata, "um_per_fullres_px": size}}
            adata.uns[SPATIAL] = {**adata.uns[SPATIAL], name: stated}
            notes.append(f"A pixel of {path.name} is {size:.4g} µm, as the image states.")


def _state(adata: AnnData, **stated: object) -> None:
    ours = adata.uns.get(OURS)
    adata.uns[OURS] = {**(ours if isinstance(ours, Mapping) else {}), **stated}
