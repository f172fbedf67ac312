"""A run of Place cells as a command line and as Python, to be repeated without a window."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_spatialrecon.viewer.place_job import PlaceJob
from napari_spatialrecon.viewer.place_tables import Picture, Table

#: What a script calls the result.
OUT = "placed.h5ad"


def changes(job: PlaceJob) -> dict[str, Any]:
    """Return the settings that differ from the job's preset."""
    start = type(job.config).preset(job.preset).flat()
    return {name: value for name, value in job.config.flat().items() if value != start[name]}


def arguments(job: PlaceJob, path: Callable[[Table | Picture], Path], out: Path) -> list[str]:
    """Return what follows ``spatialrecon`` to do the same run.

    Parameters
    ----------
    path
        The file of an input.
    """
    references = [path(table) for table in job.references]
    words = ["place", "--method", job.method, "--preset", job.preset]
    for file in references:
        words += ["--reference", str(file)]
    words += ["--query", str(path(job.query)), "--out", str(out)]
    if len(references) > 1:
        words += ["--display", _names(references)[job.references.index(job.shown())]]
    if job.onto is not None:
        words += ["--onto", str(path(job.onto))]
    for name, value in changes(job).items():
        words += ["--set", f"{name}={_text(value)}"]
    return [*words, "--seed", str(job.seed), "--device", job.device]


def as_command(job: PlaceJob) -> str:
    """Return the run as a command line; what is open in napari only is to be saved first."""
    words = ["spatialrecon", *arguments(job, _file, Path(OUT))]
    lines = [word if word.startswith("--") else shlex.quote(word) for word in words]
    text = " ".join(lines).replace(" --", " \\\n    --")
    return "\n".join([*_to_save(job), text]) + "\n"


def as_python(job: PlaceJob) -> str:
    """Return the run as a Python script."""
    config = type(job.config)
    values = changes(job)
    chosen = f"{config.__name__}.preset({job.preset!r})"
    chosen += f".with_values({values!r})" if values else ""
    lines = [
        *_to_save(job),
        "import napari_spatialrecon as sr",
        f"from {config.__module__} import {config.__name__}",
        *(["from napari_spatialrecon.tasks.placing import Onto"] if job.onto else []),
        "",
        "slides = {",
        *(f"    {table.name!r}: sr.read_adata({str(_file(table))!r})," for table in job.references),
        "}",
        f"cells = sr.read_adata({str(_file(job.query))!r})",
        *_onto_lines(job),
        "result = sr.place(",
        "    slides,",
        "    cells,",
        f"    method={job.method!r},",
        f"    config={chosen},",
        f"    seed={job.seed},",
        f"    device={job.device!r},",
        f"    display={job.shown().name!r},",
        *(["    onto=onto,"] if job.onto else []),
        ")",
        "print(result.verdict)",
        f"result.write({OUT!r})",
    ]
    return "\n".join(lines) + "\n"


def _onto_lines(job: PlaceJob) -> list[str]:
    if job.onto is None:
        return []
    shown, target = job.shown(), job.onto
    return [
        f"target = sr.read_adata({str(_file(target))!r})",
        "onto = Onto(",
        f"    sr.histology(slides[{shown.name!r}], {str(_file(shown).parent)!r}),",
        f"    sr.histology(target, {str(_file(target).parent)!r}),",
        "    target,",
        ")",
    ]


def _file(table: Table | Picture) -> Path:
    on_disk = table.path is not None and not isinstance(table, Picture)
    return table.path if on_disk else Path(f"{table.name}.h5ad")


def _to_save(job: PlaceJob) -> list[str]:
    inputs = [*job.references, job.query, *([job.onto] if job.onto else [])]
    return [
        f"# {table.name} is open in napari only: save it as {_file(table)} first."
        for table in inputs
        if _file(table) != table.path
    ]


def _names(files: list[Path]) -> list[str]:
    """Return what the command line calls slides: the same name twice gets a number."""
    names: list[str] = []
    for file in files:
        stem, number = file.stem if file.suffix else file.name, 2
        name = stem
        while name in names:
            name, number = f"{stem} ({number})", number + 1
        names.append(name)
    return names


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else str(value)
