"""Signs by which formats are told apart, cheap to look for; imports only h5py."""

from __future__ import annotations

import gzip
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py

from napari_spatialrecon.hdf5_vetting import opened
from napari_spatialrecon.tissue.formats.folder import Names, samples
from napari_spatialrecon.tissue.formats.points import find_pair, is_gene_column
from napari_spatialrecon.tissue.formats.visium_files import bins, find_runs

#: Lines of comments, and characters of a header, that are looked at.
_MOST_COMMENTS, _LONGEST = 50, 1_000_000
#: Columns of genes by which a table of cells is told from other tables with x and y.
LEAST_GENES = 5
#: Columns of tables with a row per molecule.
_OF_MOLECULES = {"feature_name", "target", "gene", "geneID", "gene_name"}
#: Files by which platforms are told, in the order in which they are preferred.
XENIUM: Names = {
    "matrix": (
        "cell_feature_matrix.h5",
        "cell_feature_matrix",
        "cell_feature_matrix.zarr.zip",
        "cell_feature_matrix.zarr",
    ),
    "places": ("cells.parquet", "cells.csv"),
    "experiment": ("experiment.xenium",),
    "image": (
        "morphology_focus.ome.tif",
        "morphology_focus",
        "morphology_mip.ome.tif",
    ),
}
#: Files beside `cells.csv`, a common name, by which a folder is told to be of a run.
_OF_XENIUM = (
    "transcripts.parquet",
    "transcripts.csv",
    "cell_boundaries.parquet",
    "cell_boundaries.csv",
    "gene_panel.json",
)
COSMX: Names = {
    "counts": ("exprMat_file.csv",),
    "places": ("metadata_file.csv",),
    "fovs": ("fov_positions_file.csv",),
}
MERSCOPE: Names = {
    "counts": ("cell_by_gene.csv",),
    "places": ("cell_metadata.csv",),
    "images": ("images",),
}
SLIDESEQ: Names = {
    "counts": ("digital_expression.txt", "*MappedDGEForR.csv", "*MappedDGEForR.txt"),
    "places": (
        "bead_locations.csv",
        "*BeadLocationsForR.csv",
        "bead_locations.txt",
        "*BeadMapping.csv",
    ),
}
CURIO: Names = {
    "counts": ("MoleculesPerMatchedBead.mtx",),
    "places": ("MatchedBeadLocation.csv",),
    "genes": ("genes.tsv",),
    "barcodes": ("barcodes.tsv",),
    "table": ("anndata.h5ad",),
    "metrics": ("Metrics.csv", "cluster_assignment.txt"),
}
SEQFISH: Names = {
    "counts": ("CellxGene.csv", "CxG.csv"),
    "places": ("CellCoordinates.csv",),
}
STARMAP: Names = {"counts": ("*raw_expression_pd.csv",), "places": ("*spatial.csv",)}


def is_spaceranger(path: Path) -> bool:
    """Return whether a folder holds one or several Space Ranger runs, or bins of Visium HD."""
    return path.is_dir() and bool(bins(path) or find_runs(path))


def is_xenium(path: Path) -> bool:
    """Return whether a folder is of a Xenium run, whole or not, or a file is of a whole one.

    A matrix alone is no run: it holds cells without places.
    """
    found = samples(path, {**XENIUM, "others": _OF_XENIUM}).values()
    if path.is_file():
        return any({"matrix", "places"} <= {*files} for files in found)
    return any(
        "experiment" in files or "matrix" in files or {"places", "others"} <= {*files}
        for files in found
    )


def is_cosmx(path: Path) -> bool:
    """Return whether a folder or file is of the flat files of CosMx, whole or not."""
    return any(files.keys() & {"counts", "places"} for files in samples(path, COSMX).values())


def is_merscope(path: Path) -> bool:
    """Return whether a folder or file is of a MERSCOPE region, whole or not."""
    return any(files.keys() & {"counts", "places"} for files in samples(path, MERSCOPE).values())


def is_slideseq(path: Path) -> bool:
    """Return whether a folder or file is of a Slide-seq puck, whole or not."""
    return bool(samples(path, SLIDESEQ))


def is_curio(path: Path) -> bool:
    """Return whether a folder or file is of a Curio Seeker output, whole or not."""
    return any(
        {"table", "metrics"} <= {*files} or files.keys() & {"counts", "places"}
        for files in samples(path, CURIO).values()
    ) and not (path.is_file() and path.suffix == ".h5ad")


def is_seqfish(path: Path) -> bool:
    """Return whether a folder or file is of a Spatial Genomics seqFISH output, whole or not."""
    return bool(samples(path, SEQFISH))


def is_starmap(path: Path) -> bool:
    """Return whether a folder or file is of STARmap PLUS tables."""
    return any("counts" in files for files in samples(path, STARMAP).values())


def is_gef(path: Path) -> bool:
    """Return whether a file is a GEF of Stereo-seq, or a folder one that SAW wrote them into."""
    if path.is_dir():
        return bool(find_gefs(path))
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with opened(path) as file:
        return "geneExp" in file or "cellBin" in file


def find_gefs(folder: Path) -> list[Path]:
    """Return the GEF files in a folder of SAW's, those of bins under tissue first, cells last."""
    for name in ("", "feature_expression", "outs/feature_expression", "04.tissuecut"):
        found = sorted((folder / name).glob("*.gef"), key=lambda p: (_gef_rank(p.name), p.name))
        if found:
            return found
    return []


def _gef_rank(name: str) -> int:
    order = (".tissue.gef", ".tissuecut.gef", ".gef", ".raw.gef", ".cellbin.gef")
    kind = name[name.find(".") :]
    return order.index(kind) if kind in order else 2


def is_gem(path: Path) -> bool:
    """Return whether a file is a GEM of Stereo-seq: text with genes, x, y and counts."""
    names = _header(path, (".gem", ".txt", ".tsv"))
    return {"x", "y"} <= names and any(name.startswith("gene") for name in names)


def is_cell_table(path: Path) -> bool:
    """Return whether a file is a CSV with a pair of coordinates and enough columns of genes."""
    names = _header(path, (".csv",))
    pair = find_pair(sorted(names))
    if pair is None or names & _OF_MOLECULES:
        return False
    genes = [name for name in names - {*pair.columns} if is_gene_column(name)]
    return len(genes) >= LEAST_GENES


def _header(path: Path, endings: tuple[str, ...]) -> set[str]:
    """Return the column names of a text table with one of some endings."""
    if not path.is_file() or not path.name.removesuffix(".gz").lower().endswith(endings):
        return set()
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", errors="replace") as stream:
        for _ in range(_MOST_COMMENTS):
            line = stream.readline(_LONGEST)
            if not line.startswith("#"):
                separator = "," if ".csv" in path.name else "\t"
                return {name.strip().strip('"') for name in line.split(separator)}
    return set()


def is_h5ad(path: Path) -> bool:
    """Return whether a file is an AnnData table in HDF5, whatever its name."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with opened(path) as file:
        kind = file.attrs.get("encoding-type")
        kind = kind.decode() if isinstance(kind, bytes) else kind
        return kind == "anndata" or ("X" in file and "obs" in file)


def is_zarr_table(path: Path) -> bool:
    """Return whether a folder or zip file is an AnnData table in zarr, of format 2 or 3."""
    if path.is_file():
        return zipfile.is_zipfile(path) and _is_table(zipped_attributes(path))
    if not path.is_dir():
        return False
    old = all((path / part / ".zgroup").is_file() for part in ("obs", "var"))
    return _is_table(zarr_attributes(path)) or (old and (path / "X").is_dir())


def _is_table(attributes: dict[str, Any]) -> bool:
    return attributes.get("encoding-type") == "anndata"


def zipped_attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of the group at the top of a zipped zarr store."""
    with zipfile.ZipFile(path) as archive:
        names = {*archive.namelist()}
        if "zarr.json" in names:
            found = json.loads(archive.read("zarr.json")).get("attributes")
        else:
            found = json.loads(archive.read(".zattrs")) if ".zattrs" in names else None
    return found if isinstance(found, dict) else {}


def is_loom(path: Path) -> bool:
    """Return whether a file is a loom file, whatever its name."""
    if not (path.is_file() and h5py.is_hdf5(path)):
        return False
    with opened(path) as file:
        has_attributes = {"row_attrs", "col_attrs"} <= {*file}
        return has_attributes and isinstance(file.get("matrix"), h5py.Dataset)


def is_geojson(path: Path) -> bool:
    """Return whether a file holds regions, as QuPath exports them: by its name and first bytes."""
    if path.suffix.lower() == ".geojson":
        return True
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as stream:
            return b'"Feature' in stream.read(4096)
    except OSError:
        return False


def is_spatialdata(path: Path) -> bool:
    """Return whether a folder is a SpatialData object in zarr, of format 2 or 3."""
    if not path.is_dir():
        return False
    attributes = zarr_attributes(path)
    if "spatialdata_attrs" in attributes:
        return True
    if attributes.get("encoding-type") or not (path / ".zgroup").is_file():
        return False
    kinds = ("images", "labels", "points", "shapes", "tables")
    return any((path / kind / ".zgroup").is_file() for kind in kinds)


def zarr_attributes(group: Path) -> dict[str, Any]:
    """Return the attributes of a zarr group of format 3 or 2; none of any other folder."""
    try:
        if (group / "zarr.json").is_file():
            found = json.loads((group / "zarr.json").read_bytes()).get("attributes")
        elif (group / ".zattrs").is_file():
            found = json.loads((group / ".zattrs").read_bytes())
        else:
            found = None
    except (ValueError, AttributeError):
        found = None
    return found if isinstance(found, dict) else {}
