"""Writing of results with their records: both completely, or neither."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from anndata import AnnData

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.provenance import RunRecord

#: A run, or what its `run.json` held.
Record = RunRecord | Mapping[str, Any]
#: The record in the folder of a saved model.
RUN = "run.json"


class Saved(Protocol):
    """What can be written as a checkpoint folder."""

    def save(self, folder: str | Path) -> None:
        """Write the folder."""


def record_of(path: str | Path) -> Path:
    """Return where the record of a result stands: ``<name>.run.json`` beside it."""
    return Path(path).with_suffix(".run.json")


@contextmanager
def record_beside(path: str | Path) -> Iterator[Callable[[Record], None]]:
    """Yield what takes the record of a result that the block writes.

    The record appears after the result, when the block has ended well.
    """
    with storage.atomic_file(record_of(path)) as temporary:
        yield lambda record: storage.dump_json(temporary, _plain(record))


def write_result(
    path: str | Path, adata: AnnData, record: Record, **compression: Any
) -> tuple[Path, Path]:
    """Write a table as h5ad and its record beside it; return both paths.

    Parameters
    ----------
    compression
        As `AnnData.write_h5ad` takes it.

    Raises
    ------
    InputError
        The name does not end in .h5ad, or cannot be written. No partial file is left.
    """
    path = Path(path)
    if path.suffix != ".h5ad":
        raise InputError(
            f"Expected a name ending in .h5ad, found {path.name!r}.",
            remedy=f"Try {path.with_suffix('.h5ad').name}.",
        )
    with record_beside(path) as keep, storage.atomic_file(path) as temporary:
        adata.write_h5ad(temporary, **compression)
        keep(record)
    return path, record_of(path)


def copy_result(source: Path, path: str | Path, record: Record) -> tuple[Path, Path]:
    """Copy a result from its file, h5ad or zarr, with its record; return both paths.

    Raises
    ------
    InputError
        The name ends otherwise than that of `source`, or cannot be written.
    """
    path = Path(path)
    if path.suffix != source.suffix:
        raise InputError(
            f"Expected a name ending in {source.suffix}, as {source.name} does, "
            f"found {path.name!r}.",
            remedy=f"Try {path.with_suffix(source.suffix).name}.",
        )
    with record_beside(path) as keep:
        if path.resolve() != source.resolve():
            _copy(source, path)
        keep(record)
    return path, record_of(path)


def _copy(source: Path, path: Path) -> None:
    if source.is_dir():
        storage.check_replaceable(path, ".zgroup", f"Try {path.with_name('genes.zarr')}.")
        with storage.atomic_folder(path) as temporary:
            shutil.copytree(source, temporary, dirs_exist_ok=True)
        return
    with storage.atomic_file(path) as temporary:
        shutil.copyfile(source, temporary)


def write_model(folder: str | Path, model: Saved, record: Record) -> tuple[Path, Path]:
    """Write a fitted model as a checkpoint folder with its record in it; return both paths.

    Raises
    ------
    InputError
        The folder holds other files, or cannot be written. It stays as it was.
    """
    folder = Path(folder)
    storage.check_replaceable(folder, storage.MANIFEST)
    with storage.atomic_folder(folder) as temporary:
        model.save(temporary)
        storage.dump_json(temporary / RUN, _plain(record))
    return folder, folder / RUN


def _plain(record: Record) -> dict[str, Any]:
    return record.to_dict() if isinstance(record, RunRecord) else dict(record)
