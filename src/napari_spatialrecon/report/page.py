"""The page: sections of each run in order, a table of all runs, one file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from napari_spatialrecon.durations import duration
from napari_spatialrecon.progress import ProgressCallback, Reporter, ShouldStop
from napari_spatialrecon.provenance import versions
from napari_spatialrecon.report import genes, mixtures, places, splits
from napari_spatialrecon.report.caveats import caveats_of, caveats_section
from napari_spatialrecon.report.inputs import inputs_of, inputs_section
from napari_spatialrecon.report.methods import method_section, paragraph_section
from napari_spatialrecon.report.near_types import markers_section
from napari_spatialrecon.report.parts import Line, Section, Table
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.repeating import repeat_section
from napari_spatialrecon.report.run import PLACING, TASKS, Run, runs_of
from napari_spatialrecon.report.settings import settings_section
from napari_spatialrecon.report.tried import choice_of
from napari_spatialrecon.report.validated import validated_section
from napari_spatialrecon.report.validation import bars_of, validation_section, verdict
from napari_spatialrecon.storage import atomic_file

_TELLERS: dict[str, Any] = {
    "place": places,
    "impute-locations": places,
    "deconvolve": mixtures,
    "impute-genes": genes,
    "super-resolve": splits,
}


@dataclass(frozen=True)
class Told:
    """One run as it is told: its sections, and its row in the table of all runs."""

    anchor: str
    name: str
    task: str
    method: str
    sections: tuple[Section, ...]
    number: str
    beside: str
    tone: str
    word: str
    caveats: int
    time: str


def report(
    runs: Any,
    out: str | Path,
    *,
    title: str = "",
    types: str | None = None,
    check: bool = True,
    progress: ProgressCallback | None = None,
    should_stop: ShouldStop | None = None,
) -> Path:
    """Write the report of a run, or of many on one page, as HTML that needs nothing else.

    Parameters
    ----------
    runs
        A result that a task wrote (.h5ad or .zarr), its ``.run.json``, a folder of results, a
        result in memory, or a sequence of these.
    out
        The file, .html.
    title
        Heading of the page; by default the sample's name, or the number of samples.
    types
        Column of cell types of placed cells; by default one that is called so.
    check
        Whether to read the inputs again, which tells whether they changed and how good they are.
    progress, should_stop
        Receives a `Progress` about ten times a second; returns True to stop within a step.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    InputError
        There is no run, one of them is no result of a task, or the file cannot be written: then
        none is left.
    Stopped
        `should_stop` returned True.

    Examples
    --------
    >>> report("placed.h5ad", "placed.html")  # doctest: +SKIP
    """
    asked = [*runs] if isinstance(runs, Sequence) and not isinstance(runs, str) else [runs]
    found = runs_of(asked)
    studio = Studio.of(len(found))
    reporter = Reporter(progress, should_stop)
    reporter.begin("Writing the report", total=len(found))
    told = []
    for number, run in enumerate(found, 1):
        reporter.check()
        told.append(_told(run, f"run-{number}", studio, types, check=check))
        reporter.step(number)
    path = Path(out)
    with atomic_file(path) as temporary:
        temporary.write_text(_drawn(told, title), encoding="utf-8")
    return path


def _told(run: Run, anchor: str, studio: Studio, types: str | None, *, check: bool) -> Told:
    teller = _TELLERS[run.task]
    inputs = inputs_of(run, check=check)
    caveats = caveats_of(run, inputs)
    figures: list[Section] = teller.figures(run, inputs, studio, types)
    near = markers_section(run, inputs, studio, types) if run.task in PLACING else None
    sections = [
        Section("asked", "What was asked", teller.asked(run, inputs)),
        validation_section(run),
        validated_section(run, studio),
        caveats_section(caveats, run.notes),
        *figures,
        *([near] if near is not None else []),
        inputs_section(run, inputs),
        method_section(run),
        settings_section(run),
        paragraph_section(run, inputs, teller.done),
        repeat_section(run, inputs),
        _versions(run),
    ]
    bars = bars_of(run)
    grave = [line for line in caveats if line[0] in ("wrong", "warning")]
    return Told(
        anchor,
        run.name,
        TASKS[run.task],
        _method(run),
        tuple(part for part in sections if not part.is_empty),
        bars[0].text if bars else "unknown",
        ", ".join(f"{bar.name} {bar.text}" for bar in bars[1:]),
        *_said(run, grave),
        len(grave),
        _seconds(run),
    )


def _said(run: Run, grave: list[Line]) -> tuple[str, str]:
    """Return a tone and a word for the row of a run."""
    found = verdict(run)
    if any(tone == "wrong" for tone, _ in grave):
        return "wrong", "do not rely on it"
    if found.doubtful:
        return "warning", "doubtful"
    if not found.measured and run.task != "deconvolve":
        return "quiet", "not measured"
    return ("warning", "with caveats") if grave else ("good", "no objection")


def _method(run: Run) -> str:
    """Return the title of the method, or of all whose mean was kept."""
    choice = choice_of(run)
    several = choice is not None and len(choice.kept) > 1
    return f"{run.method}: {choice.title}" if choice is not None and several else run.method


def _seconds(run: Run) -> str:
    seconds = run.record.get("wall_seconds")
    return duration(float(seconds)) if seconds else "unknown"


def _versions(run: Run) -> Section:
    then, now = dict(run.record.get("versions") or {}), versions()
    other = [f"{n} {v}" for n, v in now.items() if str(then.get(n)) != v]
    made = f"other versions: {', '.join(other)}" if other else "the same versions"
    used = [f"{name} {version}" for name, version in then.items()]
    peak = run.record.get("peak_memory_bytes")
    rows = (
        ("Started", str(run.record.get("started", "unknown"))),
        ("Time", _seconds(run)),
        ("Peak memory", f"{peak / 1e9:.1f} GB" if peak else "unknown"),
        ("Device", str(run.record.get("device", "unknown"))),
        ("Platform", str(run.record.get("platform", "unknown"))),
        ("Packages", ", ".join(used) or "unknown"),
        ("This report", f"Made with {made}"),
    )
    return Section("versions", "Versions", tables=(Table("The run", ("What", "Value"), rows),))


def _drawn(told: list[Told], title: str) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("napari_spatialrecon.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    heading = title or (told[0].name if len(told) == 1 else f"{len(told)} samples")
    style, _, _ = environment.loader.get_source(environment, "style.css")  # type: ignore[union-attr]
    return environment.get_template("page.html").render(
        title=heading,
        runs=told,
        style=style,
        made=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        version=versions().get("napari-spatialrecon", ""),
    )
