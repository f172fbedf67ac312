"""Writing of results with their records: either both are written, or neither."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from anndata import AnnData

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.legacy import read_record, renamed
from napari_spatialrecon.provenance import RunRecord
from napari_spatialrecon.tissue.h5ad import write_h5ad
from napari_spatialrecon.tissue.sharing import sharing
from napari_spatialrecon.tissue.slots import OURS
from napari_spatialrecon.tissue.slots import RECORD as SLOT

#: The record of a run, or the content of its `run.json`.
Record = RunRecord | Mapping[str, Any]
#: File name of the record in the folder of a saved model.
RUN = "run.json"
#: What differs between two runs that give the same result: it stands in the record beside it only.
_PASSING = ("started", "wall_seconds", "peak_memory_bytes", "platform", "threads")


class Saved(Protocol):
    """An object that can be written as a checkpoint folder."""

    def save(self, folder: str | Path) -> None:
        """Write the folder."""


def record_of(path: str | Path) -> Path:
    """Return the path of a result's record: ``<name>.run.json`` beside it."""
    return Path(path).with_suffix(".run.json")


@contextmanager
def record_beside(path: str | Path) -> Iterator[Callable[[Record], None]]:
    """Yield a function that writes the record of the result written in the block.

    The record appears after the result, once the block has ended without an error.
    """
    with storage.atomic_file(record_of(path)) as temporary:
        yield lambda record: storage.dump_json(temporary, _plain(record))


def write_result(
    path: str | Path, adata: AnnData, record: Record, *, add: bool = False
) -> tuple[Path, Path]:
    """Write a table as h5ad or SpatialData zarr, and its record beside it; return both paths.

    The table holds the record as well, so that its file alone shows what was done; without times,
    so that the same command writes the same bytes. An h5ad also holds a copy of the histology, for
    scanpy and squidpy, where the table only names files, and is compressed.

    Parameters
    ----------
    add
        Add the table to the SpatialData zarr in `path`, which then has it besides what it holds.

    Raises
    ------
    InputError
        The name ends in neither .h5ad nor .zarr, or cannot be written. No partial file is left.
    """
    path = Path(path)
    check_output(path, add=add)
    ours = {**dict(adata.uns.get(OURS, {})), SLOT: json.dumps(_lasting(record), sort_keys=True)}
    adata = sharing(adata, uns={**adata.uns, OURS: ours})
    if path.suffix == ".zarr":
        from napari_spatialrecon.tasks.spatialdata_store import write_zarr

        name = str(_plain(record)["task"]) if add else path.stem
        with record_beside(path) as keep:
            write_zarr(path, adata, name, add=add)
            keep(record)
        return path, record_of(path)
    from napari_spatialrecon.tissue.embedded import embedded

    with record_beside(path) as keep, storage.atomic_file(path) as temporary:
        write_h5ad(temporary, embedded(adata), packed=True)
        keep(record)
    return path, record_of(path)


def stored_record(path: str | Path, adata: AnnData) -> dict[str, Any]:
    """Return the record of the run that made a table: from beside it, else from its file.

    A record beside it that is of another run is ignored; the one in the file has no times.

    Parameters
    ----------
    adata
        The table that was read from `path`.

    Returns
    -------
    Empty of a table that no run made.
    """
    ours = adata.uns.get(OURS)
    held = _parsed(ours.get(SLOT)) if isinstance(ours, Mapping) else {}
    try:
        beside = read_record(record_of(path))
    except (OSError, ValueError):
        beside = {}
    same = not held or _lasting(beside) == _lasting(held)
    return beside if beside and same else held


def check_output(path: Path, *, add: bool = False) -> None:
    """Refuse the name of a result that cannot be written, before it is computed.

    Raises
    ------
    InputError
        It ends in neither .h5ad nor .zarr, would replace what this program did not write, or
        SpatialData is not installed.
    """
    if path.suffix not in (".h5ad", ".zarr") or (add and path.suffix != ".zarr"):
        wanted = ".zarr, to add to it" if add else ".h5ad or .zarr"
        raise InputError(
            f"Expected a name ending in {wanted}, found {path.name!r}.",
            remedy=f"Try {path.with_suffix('.zarr' if add else '.h5ad').name}.",
        )
    if path.suffix == ".zarr":
        from napari_spatialrecon.tasks.spatialdata_store import check_target

        check_target(path, record_of(path), add=add)


def copy_result(source: Path, path: str | Path, record: Record) -> tuple[Path, Path]:
    """Copy a result from its file, h5ad or zarr, with its record; return both paths.

    Raises
    ------
    InputError
        The suffix differs from that of `source`, or the file cannot be written.
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
        The folder holds other files, or cannot be written. It is left unchanged.
    """
    folder = Path(folder)
    storage.check_replaceable(folder, storage.MANIFEST)
    with storage.atomic_folder(folder) as temporary:
        model.save(temporary)
        storage.dump_json(temporary / RUN, _plain(record))
    return folder, folder / RUN


def _parsed(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(str(text))
    except ValueError:
        return {}
    return renamed(found) if isinstance(found, dict) else {}


def _lasting(record: Record) -> dict[str, Any]:
    """Return what of a record is the same for the same inputs, config and seed.

    The command line is not: it names the output.
    """
    lasting = {key: value for key, value in _plain(record).items() if key not in _PASSING}
    for part, passing in (("metrics", "seconds"), ("settings", "command")):
        if part in lasting:
            held = lasting[part].items()
            lasting[part] = {name: value for name, value in held if passing not in name}
    return lasting


def _plain(record: Record) -> dict[str, Any]:
    return record.to_dict() if isinstance(record, RunRecord) else dict(record)
