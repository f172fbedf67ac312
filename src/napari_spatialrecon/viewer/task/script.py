"""A job as a command line and as Python, to repeat it without the window."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path

from napari_spatialrecon.hyperparameters import word
from napari_spatialrecon.tasks.configs import config_call
from napari_spatialrecon.tissue.formats.options import ReadOptions
from napari_spatialrecon.viewer.task.job import Input, Job
from napari_spatialrecon.viewer.workspace.tables import Model, Picture, Table


def arguments(job: Job, path: Callable[[Input], Path], out: Path) -> list[str]:
    """Return the arguments of ``spatialrecon`` that repeat the run.

    Parameters
    ----------
    path
        Gives the file of an input.
    """
    words = [job.verb, "--method", job.method, "--preset", job.preset]
    for option, table in job.inputs():
        words += [f"--{option}", str(path(table))]
    words += _reading_options(job, path)
    words += ["--out", str(out), *job.options(path)]
    for name, value in job.changes().items():
        words += ["--set", f"{name}={word(value)}"]
    return [*words, "--seed", str(job.seed), "--device", job.device]


def as_command(job: Job) -> str:
    """Return the run as a command line; tables open only in napari must be saved first."""
    words = ["spatialrecon", *arguments(job, file_of, Path(job.out))]
    lines = [word if word.startswith("--") else shlex.quote(word) for word in words]
    text = " ".join(lines).replace(" --", " \\\n    --")
    return "\n".join([*_to_save(job), text]) + "\n"


def as_recorded(job: Job) -> str:
    """Return the run as a record has it, on one line; empty if an input has no file.

    ``spatialrecon repeat`` runs it.
    """
    if _to_save(job):
        return ""
    return shlex.join(["spatialrecon", *arguments(job, file_of, Path(job.out))])


def as_python(job: Job) -> str:
    """Return the run as a Python script."""
    own = job.script()
    common = [
        f"method={job.method!r}",
        f"config={config_call(job.method, job.verb, job.preset, job.changes())}",
        f"seed={job.seed}",
        f"device={job.device!r}",
    ]
    lines = [
        *_to_save(job),
        "import napari_spatialrecon as sr",
        "",
        *own.reading,
        f"result = {own.call}(",
        *(f"    {argument}," for argument in (*own.arguments, *common)),
        ")",
        "print(result.verdict)",
        f"result.write({job.out!r})",
    ]
    return "\n".join(lines) + "\n"


def file_of(table: Input) -> Path:
    """Return the file of an input; if it is open only in napari, where to save it."""
    if table.path is not None and not isinstance(table, Picture):
        return table.path
    ending = "" if isinstance(table, Model) else ".h5ad"
    return Path(f"{table.name.replace('/', '_')}{ending}")


def reading(tables: dict[str, Input]) -> list[str]:
    """Return lines of Python that read tables into variables."""
    return [f"{name} = {_read_call(table)}" for name, table in tables.items()]


def reading_many(variable: str, tables: tuple[Input, ...]) -> list[str]:
    """Return lines of Python that read tables into one dict, by name."""
    rows = [f"    {table.name!r}: {_read_call(table)}," for table in tables]
    return [f"{variable} = {{", *rows, "}"]


def _to_save(job: Job) -> list[str]:
    return [
        f"# {table.name} is open only in napari: save it as {file_of(table)} first."
        for _, table in job.inputs()
        if file_of(table) != table.path
    ]


def _chosen(table: Input) -> dict[str, str]:
    """Return the options with which a table is read from its file."""
    return table.chosen if isinstance(table, Table) and table.path is not None else {}


def _read_call(table: Input) -> str:
    options = "".join(f", {name}={value!r}" for name, value in _chosen(table).items())
    return f"sr.read_adata({str(file_of(table))!r}{options})"


def _reading_options(job: Job, path: Callable[[Input], Path]) -> list[str]:
    """Return the reading options of the command line: one for all inputs, or one per file."""
    words: list[str] = []
    tables = [(option, table) for option, table in job.inputs() if path(table) == table.path]
    for name in ReadOptions.names():
        flag = f"--{name.replace('_', '-')}"
        given = [(kind, t, value) for kind, t in tables if (value := _chosen(t).get(name))]
        values = [value for _, _, value in given]
        slides = [kind for kind, _ in job.inputs() if kind == "reference"]
        if len({*values}) == 1:
            words += [flag, values[0]]
        elif [kind for kind, _, _ in given] == slides:
            words += [word for value in values for word in (flag, value)]
        else:
            for _, table, value in given:
                words += [flag, f"{file_of(table).name}={value}"]
    return words
