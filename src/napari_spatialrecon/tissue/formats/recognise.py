"""Signs by which formats are told apart, cheap to look for; imports only h5py."""

from __future__ import annotations

from pathlib import Path

import h5py

#: Count matrices of a Space Ranger run, those of spots under tissue first.
MATRICES = (
    "filtered_feature_bc_matrix.h5",
    "filtered_feature_bc_matrix",
    "raw_feature_bc_matrix.h5",
    "raw_feature_bc_matrix",
)
#: Files of spot positions, by version of Space Ranger.
POSITIONS = ("tissue_positions.csv", "tissue_positions_list.csv", "tissue_positions.parquet")
SCALE_FACTORS = "scalefactors_json.json"
#: The Visium HD bin size that 10x recommends to start with.
HD_BINS = Path("binned_outputs") / "square_008um"


def is_spaceranger(path: Path) -> bool:
    """Return whether a folder holds a Space Ranger run."""
    return path.is_dir() and find_outs(path) is not None


def find_outs(folder: Path) -> Path | None:
    """Return the folder with a Space Ranger run's matrix and `spatial/`, or None.

    Parameters
    ----------
    folder
        This folder (`outs`, or that of a Visium HD bin size), its parent, or an `outs` of Visium
        HD, in which the 8 µm bins are chosen.
    """
    for candidate in (folder, folder / "outs", folder / HD_BINS, folder / "outs" / HD_BINS):
        spatial = candidate / "spatial"
        has_places = any((spatial / name).is_file() for name in (*POSITIONS, SCALE_FACTORS))
        if has_places and any((candidate / name).exists() for name in MATRICES):
            return candidate
    return None


def is_h5ad(path: Path) -> bool:
    """Return whether a file is an AnnData table in HDF5, whatever its name."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with h5py.File(path, "r") as file:
        kind = file.attrs.get("encoding-type")
        kind = kind.decode() if isinstance(kind, bytes) else kind
        return kind == "anndata" or ("X" in file and "obs" in file)
