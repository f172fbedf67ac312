"""What a result was made from and with, to choose it again in a task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.hyperparameters import flattened
from napari_spatialrecon.methods.registry import find_method
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.workspace.results import Result
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace


def choices_of(result: Result) -> dict[str, Any]:
    """Return method, preset, settings that differ from it, seed and device, as `Inputs.restore`
    takes them; by the record where the run itself is not known.
    """
    job, record = result.job, result.record
    if job is not None:
        return {
            "method": job.method,
            "preset": job.preset,
            "settings": job.changes(),
            "seed": job.seed,
            "device": job.device,
        }
    found = {name: record[name] for name in ("method", "seed", "device") if name in record}
    preset = str(record.get("settings", {}).get("preset", "quick"))
    settings = _differences(result.task, str(record.get("method")), preset, record)
    return {**found, "preset": preset, "settings": settings}


def data_of(result: Result, space: Workspace) -> SharedChoice:
    """Return the inputs of a result, as far as they are open."""
    found: dict[str, list[Entry]] = {}
    for option, name, path in _inputs(result):
        if (entry := _open(space, name, path)) is not None:
            found.setdefault(option, []).append(entry)
    slides = found.get("slide", []) or found.get("reference", [])
    cells = found.get("query", []) if "query" in found else found.get("reference", [])
    choice = SharedChoice(next(iter(slides), None), next(iter(cells), None))
    choice.image = next(iter(found.get("onto", [])), None)
    if "query" in found and "reference" in found:
        used = [*found["reference"], *found["query"]]
        choice.unused = tuple(e for e in space.of_role(Role.SLIDE) if e not in used)
    return choice


def _inputs(result: Result) -> Iterator[tuple[str, str, Path | None]]:
    """Yield option, name and file of each input; of a record, the file is the name."""
    if result.job is not None:
        for option, table in result.job.inputs():
            yield option, table.name, table.path
        return
    for option, value in result.record.get("settings", {}).items():
        if option in ("reference", "query", "slide", "onto"):
            for name in value if isinstance(value, list) else [value]:
                yield option, str(name), Path(str(name))


def _open(space: Workspace, name: str, path: Path | None) -> Entry | None:
    at = None if path is None else space.at(path)
    return at or space.named(name) or space.named(f"{name} spots") or space.named(f"{name} H&E")


def _differences(task: str, method: str, preset: str, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a record that differ from the preset, and still exist."""
    try:
        start = find_method(method, task).config().preset(preset).flat()
    except InputError:
        return {}
    used = flattened(record.get("config", {}))
    return {n: v for n, v in used.items() if n in start and v != start[n]}
