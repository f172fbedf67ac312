"""Checks before a run: green passes, amber warns, red disables Run."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from napari_spatialrecon.viewer.task.job import Checked, Line
from napari_spatialrecon.viewer.task.memory import sentence
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import message
from napari_spatialrecon.viewer.window.present import present
from napari_spatialrecon.viewer.window.tones import DARK, Tones
from napari_spatialrecon.viewer.window.words import cost_line
from napari_spatialrecon.viewer.workspace.tables import Table

if TYPE_CHECKING:
    from napari_spatialrecon.tasks.preflight import Preflight
    from napari_spatialrecon.viewer.task.job import Job

#: With fewer shared genes than this, placement is unreliable.
FEW_GENES = 50
_MARKS = {"good": "✓", "warning": "!", "wrong": "✗", "quiet": ""}


class Checks(QWidget):
    """Lines of text, each with a mark and a color."""

    def __init__(self) -> None:
        super().__init__()
        self.tones: Tones = DARK
        self.lines: list[tuple[str, str]] = []
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)

    def show_lines(self, lines: list[tuple[str, str]]) -> None:
        """Show (tone, text) lines; a tone is good, warning, wrong or quiet."""
        self.lines = lines
        while (item := self._layout.takeAt(0)) is not None:
            old = present(item.widget())
            old.hide()
            old.deleteLater()
        for tone, text in lines:
            label = WrappedLabel(f"{_MARKS[tone]} {text}".strip())
            label.setStyleSheet(f"color: {getattr(self.tones, tone)};")
            self._layout.addWidget(label)
        self.updateGeometry()

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.show_lines(self.lines)


def checked(found: Preflight | Checked) -> list[tuple[str, str]]:
    """Return the lines of inputs that passed."""
    if isinstance(found, Checked):
        return list(found.lines)
    few = found.genes < FEW_GENES
    lines = [
        ("warning" if few else "good", f"{found.genes:,} shared genes" + (", few" if few else "")),
        ("good", f"counts of {found.spots:,} spots and {found.cells:,} cells"),
    ]
    lines += [("good", text) for text in found.passed]
    lines += [("warning", text) for text in (*found.warnings, *found.notes)]
    cost = cost_line(found.time, found.memory_bytes)
    return [*lines, *(("quiet", text) for text in found.plan), ("quiet", cost)]


def memory_lines(found: Preflight | Checked) -> list[Line]:
    """Return a warning of a run that may not fit the memory."""
    need = found.memory
    return [("warning", sentence(need))] if need is not None and need.is_short else []


def room_line(job: Job) -> Line:
    """Return what a run's result takes on disk, beside what is free where its state is kept."""
    from napari_spatialrecon.tasks.room import room, table_bytes

    tables = [table.adata for _, table in job.inputs() if isinstance(table, Table)]
    largest = max((table_bytes(table) for table in tables), default=0.0)
    found = room(job.folder or tempfile.gettempdir(), largest)
    if found.is_short:
        return "warning", f"{found.words}; free some space, or set TMPDIR to another disk"
    return "quiet", found.words


def refused(error: Exception) -> list[tuple[str, str]]:
    """Return the lines of inputs that cannot be used."""
    return [("wrong", line) for line in message(error).splitlines()]
