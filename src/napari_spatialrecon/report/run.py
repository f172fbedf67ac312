"""A run as a report needs it: its table, its record, and where both lie."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.legacy import read_record
from napari_spatialrecon.methods.registry import MethodInfo, find_method
from napari_spatialrecon.provenance import RunRecord
from napari_spatialrecon.storage import MANIFEST
from napari_spatialrecon.tasks.writing import record_of, stored_record
from napari_spatialrecon.tissue.formats.naming import numbered
from napari_spatialrecon.tissue.read import read_adata
from napari_spatialrecon.tissue.slots import OURS

#: What is told of each task, and what its result is called.
TASKS = {
    "place": "Placed cells",
    "impute-locations": "Imputed locations",
    "deconvolve": "Cell types in spots",
    "impute-genes": "Imputed genes",
    "super-resolve": "Super-resolved spots",
}
PLACING = ("place", "impute-locations")
_RECORD, _TABLES = ".run.json", (".h5ad", ".zarr")


class Result(Protocol):
    """What a task function returns."""

    @property
    def adata(self) -> AnnData: ...  # noqa: D102
    @property
    def record(self) -> RunRecord: ...  # noqa: D102


@dataclass(frozen=True, eq=False)
class Run:
    """One run.

    Parameters
    ----------
    name
        Of the sample, in headings.
    record
        Content of `run.json`.
    path
        The file of the table; None if it is on no disk.
    tables
        Inputs that are in memory, by their name in the record or their path; others are read.
    command
        How to repeat it, where that is known better than by the record.
    ignored
        Name of a record beside the table that is not of its run.
    """

    name: str
    adata: AnnData
    record: Mapping[str, Any]
    path: Path | None = None
    tables: Mapping[str, AnnData] = field(default_factory=dict)
    command: str = ""
    ignored: str = ""

    @property
    def task(self) -> str:
        """Name of the task, as on the command line."""
        return str(self.record["task"])

    @property
    def info(self) -> MethodInfo | None:
        """The method's entry in the registry; None of one that is no longer there."""
        try:
            task = "place" if self.task == "train" else self.task
            return find_method(str(self.record.get("method", "")), task)
        except InputError:
            return None

    @property
    def method(self) -> str:
        """Title of the method."""
        return str(self.record.get("method", "unknown")) if self.info is None else self.info.title

    @property
    def settings(self) -> Mapping[str, Any]:
        """Settings of the record besides the config."""
        found = self.record.get("settings")
        return found if isinstance(found, Mapping) else {}

    @property
    def metrics(self) -> dict[str, float]:
        """Measurements that are numbers."""
        found = self.record.get("metrics") or {}
        return {k: float(v) for k, v in found.items() if isinstance(v, int | float)}

    @property
    def warnings(self) -> tuple[str, ...]:
        """What speaks against the result."""
        return tuple(map(str, self.record.get("warnings") or ()))

    @property
    def notes(self) -> tuple[str, ...]:
        """Messages of the run, and of reading its table."""
        own = self.adata.uns.get(OURS, {}).get("notes", ())
        return tuple(dict.fromkeys(map(str, [*(self.record.get("notes") or ()), *own])))


def runs_of(asked: Sequence[Any]) -> list[Run]:
    """Return the runs in files, folders and results, under names of which none stands twice.

    Raises
    ------
    InputError
        There is none, or one of them is no result of a task.
    """
    found: list[Run] = []
    for one in asked:
        if isinstance(one, Run):
            found.append(one)
        elif isinstance(one, str | Path):
            found += [_read(path) for path in _tables_in(Path(one))]
        else:
            found.append(_of_result(one))
    if not found:
        raise InputError("Expected a run, found none.")
    names = numbered([run.name for run in found])
    return [replace(run, name=name) for name, run in zip(names, found, strict=True)]


def _of_result(result: Result) -> Run:
    task = result.record.task
    return Run(TASKS.get(task, task), result.adata, result.record.to_dict())


def _tables_in(path: Path) -> list[Path]:
    """Return the results in a path: itself, that of a record, or all in a folder."""
    if path.name.endswith(_RECORD):
        return [_beside(path)]
    if path.suffix in _TABLES or not path.is_dir():
        return [path]
    records = sorted(path.glob(f"*{_RECORD}"))
    if not records:
        kind = "a saved model" if (path / MANIFEST).is_file() else "none"
        raise InputError(
            f"Expected a folder with results (*{_RECORD} beside their tables), found {kind}.",
            remedy="Try a result that a task wrote, such as placed.h5ad.",
            where=str(path),
        )
    return [_beside(record) for record in records]


def _beside(record: Path) -> Path:
    stem = record.with_name(record.name.removesuffix(_RECORD))
    for ending in _TABLES:
        if (table := stem.with_name(stem.name + ending)).exists():
            return table
    raise InputError(
        f"Expected the table of this run beside its record, found neither {stem.name}.h5ad nor "
        f"{stem.name}.zarr.",
        remedy="Try the folder that holds both.",
        where=str(record),
    )


def _read(path: Path) -> Run:
    adata = read_adata(path)
    record = stored_record(path, adata) or _provenance(adata)
    task = str(record.get("task", ""))
    if task not in TASKS:
        found = f"one of {task}" if task else "a table that no run made"
        raise InputError(
            f"Expected a result of {', '.join(TASKS)}; found {found}.",
            remedy="Try a result that a task wrote, such as placed.h5ad.",
            where=str(path),
        )
    beside = record_of(path)
    ignored = beside.name if beside.is_file() and not _is_beside(beside, record) else ""
    return Run(path.stem, adata, record, path, ignored=ignored)


def _is_beside(path: Path, record: Mapping[str, Any]) -> bool:
    """Return whether a record that was used is the one in a file."""
    try:
        return read_record(path) == record
    except (OSError, ValueError):
        return False


def _provenance(adata: AnnData) -> dict[str, Any]:
    """Return what a table says of its run where it has no record, as those of early versions."""
    try:
        found = json.loads(str(adata.uns[OURS]["provenance"]))
    except (KeyError, TypeError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
