"""Validations that lie beside a run: was its method better than its baselines?"""

from __future__ import annotations

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.report.parts import Line, Section, Table
from napari_spatialrecon.report.pictures import Studio
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.tasks.validation.result import RECORD, Validation
from napari_spatialrecon.tasks.validation.words import NAMES, gain_words


def validated_section(run: Run, studio: Studio) -> Section:
    """Return the validations of the run's task on one of its inputs; empty if there is none."""
    lines: list[Line] = []
    tables, pictures = [], []
    for folder in [] if run.path is None else sorted(run.path.parent.glob(f"*/{RECORD}")):
        name = folder.parent.name
        try:
            found = Validation.read(folder.parent)
        except SpatialReconError as error:
            lines.append(("quiet", f"{name} cannot be read: {error.problem.message}"))
            continue
        if not _is_of(found, run):
            continue
        told = found.told
        lines.append(("warning" if told.doubtful else "good", told.text))
        lines += [("quiet", text) for text in (*_differing(found, run), *found.notes)]
        tables.append(_table(found, name))
        pictures.append(
            studio.picture(
                found.picture(titled=False),
                f"Methods with their intervals, and what was held out: {told.text}",
                f"{name}: bars are 95% intervals over {found.n_blocks} blocks.",
            )
        )
    return Section(
        "validated",
        "Validation on held-out truth",
        lines=tuple(lines),
        tables=tuple(tables),
        pictures=tuple(pictures),
    )


def _is_of(found: Validation, run: Run) -> bool:
    """Return whether it is of the run's task, and of an input with the same hash."""
    theirs, ours = (dict(record.get("inputs") or {}) for record in (found.record, run.record))
    return found.task == run.task and bool(set(theirs.values()) & set(ours.values()))


def _differing(found: Validation, run: Run) -> list[str]:
    """Return what sets the method that was validated apart from that of the run."""
    if found.record.get("method") != run.record.get("method"):
        return [f"{found.scores[0].title} was validated, not the method of this run."]
    same = found.record.get("config") == run.record.get("config")
    return [] if same else ["The method was validated with other settings than those of this run."]


def _table(found: Validation, name: str) -> Table:
    rows = []
    for score in found.scores:
        cells = [score.title]
        for measure, value, gain in zip(found.measures, score.values, score.gains, strict=True):
            cells.append("unknown" if value is None else measure.text(value.value))
            cells.append("" if gain is None else gain_words(gain, measure))
        rows.append(tuple(cells))
    head = ["Method"]
    for measure in found.measures:
        title = NAMES.get(measure.own, measure.own)
        head += [f"{title[:1].upper()}{title[1:]}", "The method is"]
    return Table(f"{name}: held out were {found.held_out}", tuple(head), tuple(rows))
