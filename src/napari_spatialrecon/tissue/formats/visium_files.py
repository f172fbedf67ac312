"""Where the files of Space Ranger runs are in a folder; imports nothing heavy."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from napari_spatialrecon.errors import ChoiceError
from napari_spatialrecon.tissue.formats.folder import Found, Names, samples

#: Count matrices of a run, those of spots under tissue first.
MATRICES = (
    "filtered_feature_bc_matrix.h5",
    "filtered_feature_bc_matrix",
    "filtered_feature_cell_matrix.h5",
    "filtered_feature_cell_matrix",
    "raw_feature_bc_matrix.h5",
    "raw_feature_bc_matrix",
    "matrix.mtx",
)
#: Files of spot positions, by version of Space Ranger.
POSITIONS = ("tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet")
#: Outlines of segmented cells, which stand for positions.
OUTLINES = "cell_segmentations.geojson"
SCALE_FACTORS = "scalefactors_json.json"
#: The bin size that 10x recommends to start with, and the name of segmented cells as a choice.
DEFAULT_BIN, CELLS = "8", "cells"

_FILES: Names = {
    "matrix": MATRICES,
    "positions": (*POSITIONS, OUTLINES),
    "factors": (SCALE_FACTORS,),
    "hires": ("tissue_hires_image.png", "tissue_hires_image.jpg"),
    "lowres": ("tissue_lowres_image.png", "tissue_lowres_image.jpg"),
    "spatial": ("spatial",),
}
_BIN = re.compile(r"square_(\d{3})um")
#: Most folders of samples that are looked into.
_MOST = 200


@dataclass(frozen=True)
class Run:
    """The files of one capture area.

    Parameters
    ----------
    name
        Prefix of the files, or name of the folder.
    folder
        Holds the matrix.
    files
        Paths by role: "matrix", "positions", "factors", "hires", "lowres"; those that exist.
    shared
        Whether the files of places could as well be those of another sample in the folder.
    """

    name: str
    folder: Path
    files: Found
    shared: bool = False


def find_runs(folder: Path) -> list[Run]:
    """Return the runs in a folder: in itself, in its `outs`, or one in each folder in it."""
    for candidate in (folder, folder / "outs"):
        if own := _runs_in(candidate):
            return own
    runs: list[Run] = []
    for child in _folders(folder):
        found = _runs_in(child) or _runs_in(child / "outs")
        if not found:
            return []
        runs += found
    return runs


def _folders(folder: Path) -> Iterator[Path]:
    try:
        children = sorted(
            child for child in folder.iterdir() if child.is_dir() and child.name[0] != "."
        )
    except OSError:
        return
    yield from children[:_MOST]


def content(path: Path) -> bytes:
    """Return the bytes of a file, unpacked where it is compressed."""
    if path.suffix != ".gz":
        return path.read_bytes()
    with gzip.open(path) as stream:
        return stream.read()


def _runs_in(folder: Path) -> list[Run]:
    if not folder.is_dir():
        return []
    found = samples(folder, _FILES)
    common = _spatial(found.get("", {}), "")
    runs, sharing = [], []
    for prefix, files in found.items():
        if "matrix" not in files:
            continue
        own = _spatial(files, prefix)
        if not _placed(own):
            own = _spatial(found.get("", {}), prefix)
            if own == common:
                sharing.append(prefix)
        if _placed(own):
            name = prefix or (folder.parent.name if folder.name == "outs" else folder.name)
            runs.append(Run(name, folder, {**own, "matrix": files["matrix"]}))
    if len(sharing) < 2:
        return runs
    return [replace(run, shared=run.name in sharing) for run in runs]


def _placed(files: Found) -> bool:
    return "positions" in files or "factors" in files


def _spatial(files: Found, prefix: str) -> Found:
    """Return the files of places and images: beside the matrix, or in a folder `spatial`."""
    own = {role: path for role, path in files.items() if role not in ("matrix", "spatial")}
    folder = files.get("spatial")
    if folder is None or not folder.is_dir():
        return own
    inside = samples(folder, _FILES)
    named = inside.get(prefix) or inside.get("")
    if named is None and len(inside) == 1:
        named = next(iter(inside.values()))
    return {**(named or {}), **own}


def bins(folder: Path) -> dict[str, Path]:
    """Return the bin sizes in µm of a Visium HD output, ascending, and its segmented cells.

    Parameters
    ----------
    folder
        `outs`, its parent, or `binned_outputs`.
    """
    found: dict[str, Path] = {}
    for base in (folder / "outs", folder):
        for parent in (base, base / "binned_outputs"):
            if not parent.is_dir():
                continue
            for child in _folders(parent):
                size = _BIN.fullmatch(child.name)
                if size and _runs_in(child):
                    found[str(int(size[1]))] = child
        if _runs_in(base / "segmented_outputs"):
            found[CELLS] = base / "segmented_outputs"
    return dict(sorted(found.items(), key=lambda item: (item[0] == CELLS, item[0].zfill(3))))


def chosen_bin(folder: Path, asked: str | None, notes: list[str]) -> Path:
    """Return the folder of a bin size of Visium HD; `folder` itself where it has no bins.

    Raises
    ------
    ChoiceError
        The size that is asked for is not there, or several are and not the recommended one.
    """
    found = bins(folder)
    if not found:
        own = _BIN.fullmatch(folder.name)
        if asked is not None and own and plain_bin(asked) != str(int(own[1])):
            choices = [str(int(own[1]))]
            raise ChoiceError("bin sizes (µm)", "bin", choices, asked=asked, where=str(folder))
        return folder
    size = plain_bin(asked) if asked is not None else None
    if size is None:
        size = DEFAULT_BIN if DEFAULT_BIN in found else next(iter(found))
        if len(found) > 1 and DEFAULT_BIN not in found:
            raise ChoiceError("bin sizes (µm)", "bin", list(found), where=str(folder))
        others = ", ".join(name for name in found if name != size)
        unit = "" if size == CELLS else " µm bins"
        notes.append(f"Used the {size}{unit}{f'; there are also {others}' if others else ''}.")
    if size not in found:
        raise ChoiceError("bin sizes (µm)", "bin", list(found), asked=asked, where=str(folder))
    return found[size]


def plain_bin(asked: str) -> str:
    """Return a bin size as `bins` names it.

    Examples
    --------
    >>> plain_bin("008"), plain_bin("square_016um"), plain_bin("segmented_outputs")
    ('8', '16', 'cells')
    """
    if asked.startswith(("cell", "segment")):
        return CELLS
    digits = re.fullmatch(r"(?:square_)?0*(\d+)\s*(?:um|µm)?", asked.strip())
    return digits[1] if digits else asked
