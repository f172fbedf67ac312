"""Reading the output of Space Ranger: Visium, CytAssist and the bins of Visium HD."""

from __future__ import annotations

import json
import math
import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scanpy as sc
from anndata import AnnData
from skimage.io import imread

from napari_spatialrecon.errors import InputError, Problem, ValidationError
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.tissue.formats.recognise import (
    MATRICES,
    POSITIONS,
    SCALE_FACTORS,
    find_outs,
)
from napari_spatialrecon.tissue.lazy_image import image_shape
from napari_spatialrecon.tissue.slots import OURS, SPATIAL

_COLUMNS = [
    "barcode",
    "in_tissue",
    "array_row",
    "array_col",
    "pxl_row_in_fullres",
    "pxl_col_in_fullres",
]
_FULL_RESOLUTION = (".tif", ".tiff", ".btf", ".svs", ".ndpi", ".jpg", ".jpeg")
#: Tolerance of a full-resolution image's size relative to that of the scaled hires image.
_SIZE_TOLERANCE = 0.01


def read(path: Path, options: ReadOptions) -> AnnData:
    """Return the slide in a folder; see `read_spaceranger`."""
    return read_spaceranger(path)


def read_spaceranger(
    folder: str | Path, *, full_resolution: str | Path | None = None, images_needed: bool = False
) -> AnnData:
    """Return the spots under tissue of a Space Ranger run.

    `obsm["spatial"]` is (x, y) in full-resolution pixels, `uns["spatial"][library]` is as scanpy
    writes it (images are uint8 RGB), and `uns["spatialrecon"]["unit"]` is "px". The micrometres per
    pixel follow from the scale factors, see `contract.um_per_unit`. `uns["spatialrecon"]["notes"]`
    lists what is missing or was changed. Repeated gene symbols get a suffix, as in scanpy;
    `var["gene_ids"]` distinguishes them.

    Parameters
    ----------
    folder
        `outs`, its parent, or the folder of a bin size of Visium HD.
    full_resolution
        The microscope image given to Space Ranger. If None, an image of matching size next to the
        outputs is used. It is recorded in `metadata["source_image_path"]`, not read.
    images_needed
        Whether it is an error if both the hires and lowres images are missing.

    Raises
    ------
    ValidationError
        Lists everything that is missing or wrong.

    References
    ----------
    10x Genomics, Space Ranger documentation, "Spatial outputs".
    """
    folder = Path(folder)
    outs = find_outs(folder)
    if outs is None:
        raise ValidationError([_not_spaceranger(folder)])
    spatial = outs / "spatial"
    notes: list[str] = []
    problems: list[Problem] = []
    images = _read_images(spatial, notes)
    try:
        factors = _read_factors(spatial, images)
    except InputError as error:
        factors = {}
        problems.append(error.problem)
    try:
        positions = _read_positions(spatial)
    except InputError as error:
        positions = pd.DataFrame()
        problems.append(error.problem)
    if images_needed and not images:
        looked = "tissue_hires_image.png or tissue_lowres_image.png"
        problems.append(Problem(str(spatial), f"Expected {looked}, found neither."))
    source: Path | None = None
    if factors:
        try:
            source = _find_source(outs, images, factors, full_resolution)
        except InputError as error:
            problems.append(error.problem)
    if problems:
        raise ValidationError(problems)
    adata, library, metadata = _read_matrix(outs, notes)
    adata = _place(adata, positions, spatial, notes)
    if source:
        metadata["source_image_path"] = str(source.resolve())
    content = {"images": images, "scalefactors": factors, "metadata": metadata}
    adata.uns[SPATIAL] = {library: content}
    adata.uns[OURS] = {"unit": "px"} | ({"notes": np.array(notes)} if notes else {})
    return adata


def _not_spaceranger(folder: Path) -> Problem:
    found = (
        f"Expected a Space Ranger folder with one of {', '.join(MATRICES)} and spatial/ with "
        f"{SCALE_FACTORS} and one of {', '.join(POSITIONS)}; found no such pair."
    )
    return Problem(str(folder), found, 'Try the folder "outs" that Space Ranger wrote.')


def _read_images(spatial: Path, notes: list[str]) -> dict[str, np.ndarray]:
    images = {}
    for key in ("hires", "lowres"):
        path = spatial / f"tissue_{key}_image.png"
        try:
            images[key] = np.atleast_3d(imread(path))
        except FileNotFoundError:
            notes.append(f"{path.name} is missing from {spatial}.")
        except (OSError, ValueError, SyntaxError):
            notes.append(f"{path.name} cannot be read: it seems damaged.")
    return images


def _read_factors(spatial: Path, images: dict[str, np.ndarray]) -> dict[str, float]:
    path = spatial / SCALE_FACTORS
    if not path.is_file():
        listed = ", ".join(sorted(p.name for p in spatial.iterdir())[:10])
        raise InputError(
            f"Expected {SCALE_FACTORS}, found only {listed}.",
            remedy="Try copying it from the run; without it, spots and image have no common scale.",
            where=str(spatial),
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(
            "Expected scale factors as JSON, found a file that cannot be parsed.",
            remedy="Try copying it from the run again.",
            where=str(path),
        ) from error
    needed = ["spot_diameter_fullres", *(f"tissue_{key}_scalef" for key in images)]
    wrong = [key for key in needed if not _positive(content, key)]
    if wrong:
        raise InputError(
            f"Expected positive numbers for {', '.join(needed)}; found none for "
            f"{', '.join(wrong)}.",
            remedy="Try copying the file from the run again.",
            where=str(path),
        )
    return {str(key): value for key, value in content.items() if isinstance(value, int | float)}


def _positive(content: Any, key: str) -> bool:
    value = content.get(key) if isinstance(content, dict) else None
    return isinstance(value, int | float) and math.isfinite(value) and value > 0


def _read_positions(spatial: Path) -> pd.DataFrame:
    path = next((spatial / name for name in POSITIONS if (spatial / name).is_file()), None)
    if path is None:
        raise InputError(
            f"Expected one of {', '.join(POSITIONS)}, found none of them.", where=str(spatial)
        )
    try:
        if path.suffix == ".parquet":
            table = pd.read_parquet(path).reset_index()
        else:
            with path.open(encoding="utf-8") as stream:
                has_header = stream.readline().startswith("barcode")
            table = pd.read_csv(path, header=0 if has_header else None)
            if not has_header and table.shape[1] == len(_COLUMNS):
                table.columns = pd.Index(_COLUMNS)
    except (OSError, ValueError) as error:
        raise InputError(
            "Expected a table of spot positions, found a file that cannot be parsed.",
            where=str(path),
        ) from error
    missing = [column for column in _COLUMNS if column not in table.columns]
    if missing:
        raise InputError(
            f"Expected columns {', '.join(_COLUMNS)}; found none named {', '.join(missing)}.",
            where=str(path),
        )
    return table[_COLUMNS].set_index("barcode")


def _read_matrix(outs: Path, notes: list[str]) -> tuple[AnnData, str, dict[str, Any]]:
    path = next(outs / name for name in MATRICES if (outs / name).exists())
    metadata: dict[str, Any] = {}
    library = outs.parent.name if outs.name == "outs" else outs.name
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*names are not unique.*")
            if path.is_dir():
                adata = sc.read_10x_mtx(path, make_unique=False, gex_only=False)
            else:
                adata = sc.read_10x_h5(path, gex_only=False)
                library = _read_attributes(path, metadata) or library
    except Exception as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise InputError(
            f"Expected a matrix that Space Ranger wrote, found one that cannot be read ({reason}).",
            remedy="Try copying it from the run again.",
            where=str(path),
        ) from error
    if path.name.startswith("raw"):
        notes.append(f"Read {path.name}, since there is no filtered matrix.")
    return _genes_only(adata, notes), library, metadata


def _read_attributes(path: Path, metadata: dict[str, Any]) -> str:
    with h5py.File(path, "r") as file:
        for key in ("chemistry_description", "software_version"):
            if key in file.attrs:
                metadata[key] = _text(file.attrs[key])
        names = file.attrs.get("library_ids")
        return _text(names[0]) if names is not None and len(names) else ""


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _genes_only(adata: AnnData, notes: list[str]) -> AnnData:
    if "feature_types" in adata.var:
        genes = (adata.var["feature_types"] == "Gene Expression").to_numpy()
        if genes.any() and not genes.all():
            notes.append(f"{int((~genes).sum())} features that are not genes were left out.")
            adata = adata[:, genes].copy()
    repeated = int(adata.var_names.duplicated().sum())
    if repeated:
        adata.var_names_make_unique()
        notes.append(f"{repeated} repeated gene symbols were given a suffix such as -1.")
    return adata


def _place(adata: AnnData, positions: pd.DataFrame, spatial: Path, notes: list[str]) -> AnnData:
    unknown = ~adata.obs_names.isin(positions.index)
    if unknown.any():
        raise InputError(
            f"Expected a position for each barcode, found none for {int(unknown.sum()):,} of "
            f"{adata.n_obs:,}, first {adata.obs_names[int(np.argmax(unknown))]!r}.",
            remedy="Try the matrix and the spatial folder of the same run.",
            where=str(spatial),
        )
    places = positions.loc[adata.obs_names]
    under = places["in_tissue"].to_numpy() == 1
    if not under.all():
        notes.append(f"{int((~under).sum()):,} spots that are not under tissue were left out.")
        adata, places = adata[under].copy(), places[under]
    for column in ("in_tissue", "array_row", "array_col"):
        adata.obs[column] = places[column].to_numpy()
    xy = places[["pxl_col_in_fullres", "pxl_row_in_fullres"]]
    adata.obsm[SPATIAL] = xy.to_numpy(dtype=np.float64)
    return adata


def _find_source(
    outs: Path,
    images: dict[str, np.ndarray],
    factors: dict[str, float],
    full_resolution: str | Path | None,
) -> Path | None:
    """Return the full-resolution image: the named one, else one of matching size."""
    key = next((key for key in ("hires", "lowres") if key in images), None)
    expected = None
    if key:
        expected = np.array(images[key].shape[:2]) / factors[f"tissue_{key}_scalef"]
    if full_resolution is not None:
        path = Path(full_resolution)
        if expected is not None and not _fits(image_shape(path), expected):
            height, width = image_shape(path)
            raise InputError(
                f"Expected a full-resolution image of about {expected[1]:.0f} x {expected[0]:.0f} "
                f"pixels, found {width} x {height}.",
                remedy="Try the image that Space Ranger was given.",
                where=str(path),
            )
        return path
    if expected is None:
        return None
    for folder in (outs, outs.parent, outs / "spatial"):
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in _FULL_RESOLUTION and _has_size(path, expected):
                return path
    return None


def _fits(shape: tuple[int, int], expected: np.ndarray) -> bool:
    return bool(np.all(np.abs(np.array(shape) / expected - 1) < _SIZE_TOLERANCE))


def _has_size(path: Path, expected: np.ndarray) -> bool:
    try:
        return _fits(image_shape(path), expected)
    except InputError:
        return False
