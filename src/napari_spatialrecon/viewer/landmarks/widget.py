"""Landmarks: give the positions of some cells, and the others follow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QWidget,
)

from napari_spatialrecon.tasks.landmarking import COVERED
from napari_spatialrecon.tissue.slots import EXPECTED, LAYOUT
from napari_spatialrecon.viewer.canvas.table_metadata import table_of
from napari_spatialrecon.viewer.landmarks.layers import LandmarksSession, rows_of
from napari_spatialrecon.viewer.landmarks.model import LEAST, LIVE_CELLS, WEIGHT
from napari_spatialrecon.viewer.task.checks import Checks
from napari_spatialrecon.viewer.task.ground import histology_under, top_image
from napari_spatialrecon.viewer.task.landmark_dock import LandmarkDock, offer
from napari_spatialrecon.viewer.task.result_layers import uncover
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.marks_table import MarkRow
from napari_spatialrecon.viewer.widgets.qt_look import ignore_wheel
from napari_spatialrecon.viewer.widgets.rows import combo, labelled, row, side_by_side
from napari_spatialrecon.viewer.window.shortcuts import LANDMARKS
from napari_spatialrecon.viewer.window.tones import tones

if TYPE_CHECKING:
    from napari.layers import Image, Layer, Points

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop

#: Delay after the last change before landmarks are judged and the next is suggested.
_JUDGE_AFTER_MS = 250


class LandmarksWidget(LandmarkDock[LandmarksSession]):
    """The widget Landmarks of one viewer."""

    title = "Landmarks"
    shortcuts = LANDMARKS
    pick_text = "Set landmarks"
    columns: ClassVar[dict[str, str]] = {
        "cell": "Untick to exclude a landmark",
        "misfit": "Distance from where the whole layout, shifted, rotated and scaled to fit all "
        "landmarks, would put the cell: far off (▲) may be a wrong cell or a wrong click",
        "without it": "Distance from where the other landmarks alone would put the cell",
        "weight": "exact: the cell is fixed at its landmark; a number: how strongly it is drawn "
        "there, relative to keeping its distances to the other cells",
    }

    def make_parts(self) -> None:
        """Make and connect its own fields and buttons."""
        self.layer.setToolTip("Placed cells: a result of Place cells, or a saved one")
        self.image.setToolTip("The H&E on which landmarks are set")
        self.doubts = Checks()
        self.other = combo()
        self.search_field = QLineEdit()
        self.search_field.setPlaceholderText("find a cell by name, type or gene")
        self.search_field.setClearButtonEnabled(True)
        self.cells = QListWidget()
        self.cells.setMaximumHeight(90)
        self.cells.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.cells.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.suggest = QPushButton("Suggested cell")
        self.suggest.setToolTip(
            "The cell whose position would help most: typical, certain, far from the others"
        )
        self.hard = QCheckBox("Fix at its landmark")
        self.weight = QDoubleSpinBox()
        self.weight.setDecimals(1)
        self.weight.setRange(0.1, 1000.0)
        self.weight.setValue(WEIGHT)
        ignore_wheel(self.weight)
        self.weight.setToolTip("How strongly the cell is drawn to its landmark; 10 to 100 is firm")
        self.bend = QCheckBox("Bend the layout where landmarks are dense")
        self.bend.setToolTip("A smooth residual, with 20 or more landmarks and only if it helps")
        self.take = QPushButton("Take")
        self.save_button = QPushButton("Save moved cells…")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_JUDGE_AFTER_MS)
        self._steps = QTimer(self)
        self._steps.setInterval(0)
        self._judging: Iterator[None] = iter(())
        self._ready = threading.Event()
        threading.Thread(target=_load_solver, args=(self._ready,), daemon=True).start()
        self.layer.activated.connect(self._follow_shown)
        self.image.activated.connect(self._show_image)
        self.search_field.textChanged.connect(self._search)
        self.cells.itemClicked.connect(self._pick_listed)
        self.suggest.clicked.connect(self._pick_suggested)
        self.hard.clicked.connect(self._set_weight)
        self.weight.editingFinished.connect(self._set_weight)
        self.bend.clicked.connect(lambda on: self.do(lambda s: s.model.set_bend(on)))
        self.take.clicked.connect(self.take_from_layer)
        self.save_button.clicked.connect(lambda: self.ask_save_as("moved", self.save_as))
        self._timer.timeout.connect(self._judge)
        self._steps.timeout.connect(self._judge_one)

    def parts(self) -> Sequence[QWidget]:
        """Return the parts from top to bottom."""
        return (
            labelled("Cells", self.layer),
            labelled("On", self.image),
            self.doubts,
            self.search_field,
            self.cells,
            side_by_side(self.pick, self.suggest),
            self.hint,
            self.table,
            row(self.hard, QLabel("or weight"), self.weight),
            side_by_side(self.undo, self.redo, self.remove),
            self.bend,
            self.verdict,
            self.notice,
            side_by_side(self.load, self.store),
            row(WrappedLabel("Positions from"), self.other, self.take),
            self.save_button,
        )

    def key_actions(self) -> dict[str, Callable[[], object]]:
        """Return what the keys do."""
        return {**super().key_actions(), "suggest": self._pick_suggested}

    def fill(self) -> None:
        """Offer placed cells, images, and other layers of cells."""
        from napari.layers import Image, Points

        offer(self.layer, [x for x in self.offered(Points) if _is_placed(x)])
        offer(self.image, self.offered(Image))
        if self.session is None or self.session.layer is not self.layer.currentData():
            self._follow_shown()
        self.begin()

    def begin(self, _: object = None) -> None:
        """Start on the chosen layers; on another image the landmarks stay."""
        layer, image = self.layer.currentData(), self.image.currentData()
        known = self._sessions.get(layer) if layer is not None else None
        if known is not None:
            known.set_image(image)
        self._offer_places(layer)
        before = self.session
        super().begin()
        if self.session is not before:
            self._search()

    def _follow_shown(self, _: object = None) -> None:
        """Choose the image on which the cells are shown."""
        layer = self.layer.currentData()
        if layer is None:
            return
        ground = histology_under(self.viewer, layer)
        if ground is None or not ground.visible:
            ground = top_image(self.viewer, layer) or ground
        offered = [self.image.itemData(i) for i in range(self.image.count())]
        if ground in offered:
            self.image.setCurrentIndex(offered.index(ground))

    def _show_image(self, _: object = None) -> None:
        """Show the chosen image, on which clicks are taken, and hide what is drawn over it."""
        layer, image = self.layer.currentData(), self.image.currentData()
        if layer is not None and image is not None and top_image(self.viewer, layer) is not image:
            uncover(self.viewer, layer, image)

    def _on_switch(self, on: bool) -> None:
        if on:
            self._show_image()
        super()._on_switch(on)

    def work_on(self, layer: Points, image: Image | None) -> None:
        """Choose placed cells, and the image on which landmarks are set."""
        self.fill()
        for box, chosen in ((self.layer, layer), (self.image, image)):
            at = box.findData(chosen)
            if at >= 0:
                box.setCurrentIndex(at)
        self.begin()

    def _offer_places(self, layer: Points | None) -> None:
        """Offer the other layers that show the same cells, or say that there are none."""
        from napari.layers import Points

        others = [] if layer is None else [x for x in self.offered(Points) if x is not layer]
        shared = [x for x in others if layer and (rows_of(layer, x) >= 0).sum() >= LEAST]
        offer(self.other, shared)
        self.take.setEnabled(self.other.count() > 0)
        self.other.setPlaceholderText("no other layer shows these cells")
        self.other.setToolTip(
            "Another layer of the same cells, whose positions are known"
            if self.other.count()
            else f"No other layer shows at least {LEAST} of these cells by name"
        )

    def make_session(self) -> LandmarksSession | None:
        """Return a session of the chosen result, None without one."""
        layer = self.layer.currentData()
        if layer is None:
            return None
        return LandmarksSession(self.viewer, layer, self.image.currentData())

    def on_click(self, world: np.ndarray) -> None:
        """Take a click at (y, x) in the world."""
        self.do(lambda s: s.model.click(s.place_of(world)))

    def on_drag(self, mark: int, world: np.ndarray, done: bool) -> None:
        """Move a landmark to (y, x) in the world."""
        session = self.session
        if session is not None and mark < len(session.model.marks):
            self.do(lambda s: s.model.drag(mark, s.place_of(world)))
        if done:
            self.do(lambda s: s.model.end_drag())

    def choose(self, number: int) -> None:
        """Select a landmark, and show its weight."""
        super().choose(number)
        self._show_weight()

    def _set_weight(self) -> None:
        if self.session is not None and self.session.model.chosen is not None:
            number = self.session.model.chosen
            hard, weight = self.hard.isChecked(), self.weight.value()
            self.do(lambda s: s.model.set_hard(number, hard, weight))

    def _search(self, _: object = None) -> None:
        from napari_spatialrecon.viewer.landmarks.search import search

        self.cells.clear()
        if self.session is None:
            return
        model = self.session.model
        found = search(self.session.adata, self.search_field.text(), model.uncertainty)
        for cell, note in zip(found.cells, found.notes):
            item = QListWidgetItem(f"{model.names[cell]}  {note}".strip())
            item.setData(Qt.ItemDataRole.UserRole, int(cell))
            self.cells.addItem(item)
        if found.total > len(found.cells):
            rest = QListWidgetItem(f"and {found.total - len(found.cells):,} more: keep typing")
            rest.setFlags(Qt.ItemFlag.NoItemFlags)
            self.cells.addItem(rest)
        if not found.total:
            nothing = QListWidgetItem("no cell, type or gene with this name")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.cells.addItem(nothing)

    def _pick_listed(self, item: QListWidgetItem) -> None:
        cell = item.data(Qt.ItemDataRole.UserRole)
        if cell is not None:
            self.pointer.switch(True)
            self.do(lambda s: s.model.pick(cell))

    def _pick_suggested(self) -> None:
        if self.session is not None and self.session.suggested is not None:
            self.pointer.switch(True)
            self.do(lambda s: s.model.pick(s.suggested))

    def _judge(self) -> None:
        """Suggest the next landmark, and start judging each landmark without it."""
        session = self.session
        if session is None or session.model.dragging:
            return
        if not self._ready.is_set():  # importing it now would block the window
            self._timer.start()
            return
        self._judging = session.model.judge()
        self._steps.start()
        session.suggested = session.model.suggestion()
        session.show_marks()
        self.suggest.setEnabled(session.suggested is not None)

    def _judge_one(self) -> None:
        """Judge one more landmark by the others; show all after the last."""
        if self.session is not None and next(self._judging, False) is None:
            return
        self._steps.stop()
        if self.session is not None and not self.session.model.dragging:
            self.table.show_rows(self._rows(self.session), self.session.model.chosen)
            self.verdict.setText(self._verdict(self.session))

    # Files

    def open_file(self, path: str) -> None:
        """Replace the landmarks by those of a file."""
        from napari_spatialrecon.tissue.landmarks import read_landmarks

        self.do(lambda s: s.model.take(read_landmarks(path, list(s.model.names))))

    def save_file(self, path: str, kind: str = "") -> None:
        """Write the landmarks that are used, in the frame and unit of the result."""
        from napari_spatialrecon.tissue.landmarks import write_landmarks

        self.do(lambda s: write_landmarks(path, s.model.landmarks(), list(s.model.names)))

    def take_from_layer(self) -> None:
        """Take the positions of the same cells, by name, from another layer."""
        other = self.other.currentData()
        self.do(lambda s: s.model.take(s.from_layer(other)))

    def save_as(self, path: str) -> None:
        """Write the moved cells with their landmarks, in the background."""
        session = self.session
        if session is None:
            return

        def work(progress: ProgressCallback, should_stop: ShouldStop) -> tuple[Path, ...]:
            from napari_spatialrecon.progress import Reporter

            return session.moved_table(self.space, Reporter(progress, should_stop)).write(path)

        self.write_in_background(work)

    # Showing

    def refresh(self) -> None:
        """Show the session's state, in the widget and on the canvas."""
        session = self.session
        for part in (self.pick, self.search_field, self.cells, self.load, self.bend):
            part.setEnabled(session is not None)
        if session is None:
            self._show_doubts(None)
            self.hint.setText("Place cells first, or open a file of placed cells.")
            self.table.show_rows([])
            self.verdict.setText("")
            for part in (self.undo, self.redo, self.remove, self.store, self.save_button):
                part.setEnabled(False)
            self.suggest.setEnabled(False)
            self._show_weight()
            return
        session.show()
        self._show_doubts(session)
        model = session.model
        if model.dragging:
            return
        for part, on in (
            (self.undo, model.can_undo),
            (self.redo, model.can_redo),
            (self.remove, bool(model.marks) or model.picked is not None),
            (self.store, not model.missing),
            (self.save_button, not model.missing and model.problem is None),
        ):
            part.setEnabled(on)
        with QSignalBlocker(self.bend):
            self.bend.setChecked(model.state.bend)
        self.hint.setText(self._hint(session))
        self.table.show_rows(self._rows(session), model.chosen)
        self.verdict.setText(self._verdict(session))
        self._show_weight()
        if model.problem is not None:
            self.notice.show_error(model.problem)
        self._timer.start()

    def _show_doubts(self, session: LandmarksSession | None) -> None:
        """Say what no landmark mends: cells of another tissue, missing tissue."""
        lines, chosen = [] if session is None else session.doubts, tones(self.viewer)
        if (lines, chosen) != (self.doubts.lines, self.doubts.tones):
            self.doubts.lines = lines
            self.doubts.set_tones(chosen)

    def _show_weight(self) -> None:
        model = self.session.model if self.session is not None else None
        mark = None
        if model is not None and model.chosen is not None and model.chosen < len(model.marks):
            mark = model.marks[model.chosen]
        self.hard.setEnabled(mark is not None)
        self.weight.setEnabled(mark is not None and not mark.hard)
        if mark is not None:
            with QSignalBlocker(self.hard), QSignalBlocker(self.weight):
                self.hard.setChecked(mark.hard)
                self.weight.setValue(mark.weight)

    def _hint(self, session: LandmarksSession) -> str:
        model = session.model
        more = f" {model.missing} more needed." if model.missing else ""
        if model.picked is not None:
            known = session.portraits.of(model.picked, model.places)
            spread = model.uncertainty[model.picked]
            doubt = f" It may be off by {self._length(spread)}." if np.isfinite(spread) else ""
            return f"Click where {known.name} belongs.{more}\n{known.words}{doubt}"
        if not self.pick.isChecked():
            return f"Press Set landmarks, or find a cell, then click its position.{more}"
        slow = (
            ""
            if model.live
            else f" With more than {LIVE_CELLS:,} cells, the others follow on release."
        )
        return f"Click a cell, then its position; drag a landmark to move it.{more}{slow}"

    def _rows(self, session: LandmarksSession) -> list[MarkRow]:
        rows = []
        for mark, error in zip(session.model.marks, session.model.errors()):
            name = str(session.model.names[mark.cell])
            cells = (
                name,
                self._length(error.residual),
                self._length(error.left_out),
                "exact" if mark.hard else f"{mark.weight:g}",
            )
            tone = session.tone(error.residual) if mark.enabled else "quiet"
            rows.append(MarkRow(cells, mark.enabled, tone, name))
        return rows

    def _verdict(self, session: LandmarksSession) -> str:
        model = session.model
        if model.missing or model.solution is None:
            return ""
        left = [e.left_out for e in model.errors() if e.left_out is not None]
        words = f"{len(model.names):,} cells follow {len(model.used)} landmarks"
        if left:
            middle = float(np.median(left))
            words += f" · the others predict a landmark to within {self._length(middle)} (median)"
        if EXPECTED in session.adata.obs:
            words += f". {COVERED}"
        return words

    def _length(self, units: float | None) -> str:
        if units is None:
            return ""
        um = self.session.um if self.session is not None else None
        return f"{units * um:,.0f} µm" if um is not None else f"{units:,.1f}"


def _load_solver(ready: threading.Event) -> None:
    """Import the solver in the background: scikit-learn takes a second."""
    import napari_spatialrecon.geometry.solver.bending
    import napari_spatialrecon.geometry.solver.left_out  # noqa: F401

    ready.set()


def _is_placed(layer: Layer) -> bool:
    adata = table_of(layer)
    return adata is not None and LAYOUT in adata.obsm
