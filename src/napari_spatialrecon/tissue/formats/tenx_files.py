"""Where the count matrices of 10x form are in a file or folder; imports only h5py."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py

from napari_spatialrecon.hdf5_vetting import opened

#: Parts of a sparse matrix in HDF5, beside the names of its rows and columns.
PARTS = ("data", "indices", "indptr", "shape", "barcodes")
#: Folder of the samples of a `multi` run.
SAMPLES = "per_sample_outs"

_RUN = re.compile(
    r"(?P<prefix>.*?)(?:sample_)?(?P<kind>filtered|raw)_"
    r"(?:feature_bc_matrix|gene_bc_matrices)(?:_h5|_mex)?(?:\.h5)?",
    re.IGNORECASE,
)
_MTX = re.compile(r"(?P<prefix>.*?)(?:matrix)?\.mtx(?:\.gz)?", re.IGNORECASE)
_MARKS = "_.-"


@dataclass(frozen=True)
class Matrix:
    """One count matrix of 10x form.

    Parameters
    ----------
    path
        The `.h5` file, or the `.mtx` file beside its features and barcodes.
    library
        Name of the sample, from the names of files and folders; "" where they do not tell.
    raw
        Whether it holds all barcodes, most of which are empty droplets.
    genome
        Group of the file, or folder, of a genome: Cell Ranger 2 writes one matrix for each.
    """

    path: Path
    library: str = ""
    raw: bool = False
    genome: str = ""


def is_tenx(path: Path) -> bool:
    """Return whether a path is, or holds, count matrices of 10x form."""
    return bool(find_matrices(path))


def find_matrices(path: Path) -> list[Matrix]:
    """Return the matrices of a path, one per sample and genome: filtered before raw, h5 before mtx.

    Parameters
    ----------
    path
        An `.h5` or `.mtx` file; the folder with the three files of a matrix; `outs` of a run or of
        Cell Ranger `multi`, its parent, or the folder of a sample; or a folder of several such
        files that differ in their prefixes.
    """
    if path.is_file():
        raw = _is_raw(*path.resolve().parts[-3:-1], path.name)
        return [Matrix(m.path, m.library, raw, m.genome) for m in _of_file(path)]
    if not path.is_dir() or (path / "spatial").is_dir() or (path / "outs" / "spatial").is_dir():
        return []
    for folder in (path, path / "outs"):
        samples = folder if folder.name == SAMPLES else folder / SAMPLES
        if samples.is_dir():
            found = [
                Matrix(m.path, sample.name, m.raw, m.genome)
                for sample in sorted(samples.iterdir())
                for m in _of_run(sample)
            ]
        else:
            found = _of_run(folder) if folder.is_dir() else []
        if found:
            return found
    return []


def _is_raw(*names: str) -> bool:
    runs = (_RUN.fullmatch(name) for name in names)
    return names[-1:] == ("raw",) or any(run["kind"].lower() == "raw" for run in runs if run)


def _of_run(folder: Path) -> list[Matrix]:
    return _best(_of_folder(folder)) or (
        _best(_of_folder(folder / "count")) if (folder / "count").is_dir() else []
    )


def _of_folder(folder: Path) -> Iterator[Matrix]:
    """Yield all matrices of a folder; a run's own are not searched for in deeper folders."""
    within = _is_raw(*folder.resolve().parts[-2:])
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        run = _RUN.fullmatch(entry.name)
        if entry.is_dir():
            if run:
                prefix, raw = run["prefix"].rstrip(_MARKS), run["kind"].lower() == "raw"
                for matrix in _of_matrix_folder(entry):
                    yield Matrix(matrix.path, prefix, raw, matrix.genome)
        elif run or entry.suffix.lower() != ".h5":
            for matrix in _of_file(entry):
                prefix = run["prefix"].rstrip(_MARKS) if run else matrix.library
                raw = run["kind"].lower() == "raw" if run else within
                yield Matrix(matrix.path, prefix, raw, matrix.genome)


def _of_matrix_folder(folder: Path) -> Iterator[Matrix]:
    """Yield the matrix of a `..._bc_matrix` folder, or of each genome in a `..._matrices` one."""
    own = [matrix for entry in sorted(folder.iterdir()) for matrix in _of_file(entry)]
    yield from own
    if own:
        return
    for genome in sorted(folder.iterdir()):
        for entry in sorted(genome.iterdir()) if genome.is_dir() else ():
            for matrix in _of_file(entry):
                yield Matrix(matrix.path, genome=genome.name)


def _of_file(path: Path) -> Iterator[Matrix]:
    """Yield the matrices in a file: several genomes of Cell Ranger 2, else one or none."""
    if not path.is_file():
        return
    named = _MTX.fullmatch(path.name)
    if named:
        yield Matrix(path, named["prefix"].rstrip(_MARKS))
    elif path.suffix.lower() in (".h5", ".hdf5") and h5py.is_hdf5(path):
        with opened(path) as file:
            groups = genome_groups(file)
        run = _RUN.fullmatch(path.name)
        library = run["prefix"].rstrip(_MARKS) if run else ""
        for group in groups:
            yield Matrix(path, library, genome="" if group == "matrix" else group)


def genome_groups(file: h5py.File) -> list[str]:
    """Return the groups that hold a matrix: "matrix", or one per genome of Cell Ranger 2."""
    names = [name for name in file if isinstance(file.get(name, getlink=True), h5py.HardLink)]
    groups = [name for name in names if isinstance(file[name], h5py.Group)]
    if "matrix" in groups and {"barcodes", "features"} & {*file["matrix"]}:
        return ["matrix"]
    return [name for name in groups if {"barcodes", "genes"} <= {*file[name]}]


def _best(found: Iterable[Matrix]) -> list[Matrix]:
    """Return of each sample the matrices, one per genome, of the form to be preferred."""
    samples: dict[str, list[Matrix]] = {}
    for matrix in found:
        samples.setdefault(matrix.library, []).append(matrix)
    best = []
    for _, matrices in sorted(samples.items()):
        form = min(map(_form, matrices))
        genomes = {m.genome: m for m in reversed(matrices) if _form(m) == form}
        best += [genomes[genome] for genome in sorted(genomes)]
    return best


def _form(matrix: Matrix) -> tuple[bool, bool]:
    return matrix.raw, matrix.path.suffix.lower() != ".h5"


def companions(matrix: Path) -> tuple[Sequence[Path], Sequence[Path]]:
    """Return where the features and the barcodes of an `.mtx` file may be, those found first.

    Files are named as the matrix is, with its prefix; a folder of several samples may hold one
    list of features for all.
    """
    named = _MTX.fullmatch(matrix.name)
    assert named, "a matrix is found by its name"
    stem = named["prefix"]
    prefixes = [stem] if not stem or stem[-1] in _MARKS else [f"{stem}_", f"{stem}.", f"{stem}-"]
    folder = matrix.parent
    features = _named(folder, prefixes, ("features.tsv", "genes.tsv"))
    if not features[0].is_file():
        alone = [p for p in sorted(folder.iterdir()) if _is_features(p.name)]
        features = [*alone, *features] if len(alone) == 1 else features
    return features, _named(folder, prefixes, ("barcodes.tsv",))


def _named(folder: Path, prefixes: Sequence[str], names: Sequence[str]) -> list[Path]:
    paths = [
        folder / f"{prefix}{name}{zipped}"
        for prefix in prefixes
        for name in names
        for zipped in (".gz", "")
    ]
    return sorted(paths, key=lambda path: not path.is_file())


def _is_features(name: str) -> bool:
    return name.lower().removesuffix(".gz").endswith(("features.tsv", "genes.tsv"))
