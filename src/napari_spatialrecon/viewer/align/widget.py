"""Align to histology: landmark pairs register a slide or a result to an image, live."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

import numpy as np
from qtpy.QtWidgets import QInputDialog, QLineEdit, QPushButton, QWidget

from napari_spatialrecon.errors import ChoiceError, SpatialReconError
from napari_spatialrecon.viewer.align.files import OPENED, SAVED, open_alignment, save_alignment
from napari_spatialrecon.viewer.align.layers import AlignSession, aligned_table, keep
from napari_spatialrecon.viewer.align.model import MODELS, AlignModel
from napari_spatialrecon.viewer.align.start import Start, first_pose
from napari_spatialrecon.viewer.task.landmark_dock import LandmarkDock, offer
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.marks_table import MarkRow
from napari_spatialrecon.viewer.widgets.rows import (
    combo,
    labelled,
    row,
    side_by_side,
    small_button,
)
from napari_spatialrecon.viewer.window.shortcuts import ALIGN
from napari_spatialrecon.viewer.window.worker import Run

#: Distance of a nudge, as a share of the layer's width.
_NUDGE = 0.002


class AlignToHistology(LandmarkDock[AlignSession]):
    """The widget Align to histology of one viewer."""

    title = "Align to histology"
    shortcuts = ALIGN
    pick_text = "Set landmark pairs"
    noun = "landmark pairs"
    opened = OPENED
    saved: ClassVar[Mapping[str, str]] = {kind: kind[kind.rindex(".") : -1] for kind in SAVED}
    columns: ClassVar[dict[str, str]] = {
        "pair": "Untick to exclude a pair",
        "residual": "Distance of the moved landmark from its partner",
        "without it": "Its distance if only the other pairs were used",
    }

    def make_parts(self) -> None:
        """Make and connect its own fields and buttons."""
        self.layer.setToolTip("Spots or placed cells, which move")
        self.image.setToolTip("The H&E image, which does not move")
        self.kind = combo()
        for name, words in MODELS.items():
            self.kind.addItem(f"{name}: {words}", name)
        self.scale_label, self.scale = WrappedLabel(), QLineEdit()
        self.scale.setPlaceholderText("µm per pixel")
        self.scale_button = QPushButton("Set")
        self.auto = QPushButton("Automatic start")
        self.auto.setToolTip(
            "Placed cells go where their expression predicts on the image's slide; "
            "for others, the outline of the spots is matched to that of the tissue"
        )
        self.flip = small_button("⇋", "Flip (F)")
        self.turn = small_button("↻", "Rotate by 90° (R)")
        self.keep_button = QPushButton("Use for later runs")
        self.keep_button.setToolTip("Later runs use the aligned slide")
        self.save_button = QPushButton("Save aligned table…")
        self.load.setToolTip(
            "Landmark pairs, or an alignment of Xenium Explorer (.csv), Loupe Browser (.json) or "
            "napari-spatialdata (zarr.json in the store)"
        )
        self.store.setToolTip("Pairs, or the alignment in the format of another tool")
        self.kind.activated.connect(self._set_kind)
        self.scale_button.clicked.connect(self._set_scale)
        self.auto.clicked.connect(self.start_automatically)
        self.flip.clicked.connect(lambda: self.do(lambda s: s.model.flip()))
        self.turn.clicked.connect(lambda: self.do(lambda s: s.model.turn_by(90.0)))
        self.keep_button.clicked.connect(self.keep)
        self.save_button.clicked.connect(lambda: self.ask_save_as("aligned", self.save_as))

    def parts(self) -> Sequence[QWidget]:
        """Return the parts from top to bottom."""
        self.scale_row = row(self.scale_label, self.scale, self.scale_button)
        return (
            labelled("Move", self.layer),
            labelled("Onto", self.image),
            labelled("By", self.kind),
            self.scale_row,
            side_by_side(self.pick, self.auto),
            self.hint,
            self.table,
            side_by_side(self.undo, self.redo, self.remove, self.flip, self.turn),
            self.verdict,
            self.notice,
            side_by_side(self.load, self.store),
            side_by_side(self.keep_button, self.save_button),
        )

    def key_actions(self) -> dict[str, Callable[[], object]]:
        """Return what the keys do."""

        def nudge(right: float, down: float) -> Callable[[], object]:
            def act() -> None:
                self.do(nudged)

            def nudged(session: AlignSession) -> None:
                step = _NUDGE * float(np.ptp(session.model.points, axis=0).max())
                session.model.nudge(right * step, down * step)

            return act

        return {
            **super().key_actions(),
            "left": nudge(-1, 0),
            "right": nudge(1, 0),
            "up": nudge(0, -1),
            "down": nudge(0, 1),
            "flip": lambda: self.do(lambda s: s.model.flip()),
            "turn": lambda: self.do(lambda s: s.model.turn_by(90.0)),
        }

    def fill(self) -> None:
        """Offer points to move, and images to register them to."""
        from napari.layers import Image, Points

        offer(self.layer, self.offered(Points))
        offer(self.image, self.offered(Image))
        self.begin()

    def make_session(self) -> AlignSession | None:
        """Return a session on the chosen layers, None if they are missing."""
        layer, image = self.layer.currentData(), self.image.currentData()
        if layer is None or image is None:
            return None
        return AlignSession(self.viewer, layer, image)

    def on_click(self, world: np.ndarray) -> None:
        """Take a click at (y, x) in the world."""
        self.do(lambda s: s.model.click(world[::-1]))

    def on_drag(self, mark: int, world: np.ndarray, done: bool) -> None:
        """Move a mark to (y, x) in the world."""
        self.do(lambda s: s.model.drag(mark, world[::-1]))
        if done and self.session is not None:
            self.session.model.end_drag()

    def _set_kind(self, index: int) -> None:
        self.do(lambda s: s.model.set_model(self.kind.itemData(index)))

    def _set_scale(self) -> None:
        entry = self.space.of_layer(self.image.currentData())
        if entry is None:
            return
        try:
            self.space.set_scale(entry, self.scale.text())
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        self.notice.clear()
        self._sessions.clear()
        self.end()
        self.begin()

    def start_automatically(self) -> None:
        """Find a first pose in the background, from expression or from outlines."""
        session = self.session
        if session is None:
            return
        work = first_pose(self.space, session)
        run = Run(work, "Finding a first pose", viewer=self.viewer, parent=self)

        def found(start: Start) -> None:
            if session is self.session:
                self.do(lambda s: s.model.start(start.transform))
                self.verdict.setText(start.words)

        run.returned.connect(found)
        run.failed.connect(self.notice.show_error)
        run.finished.connect(run.deleteLater)
        run.start()

    def keep(self) -> None:
        """Let later runs use the aligned table."""
        session = self.session
        if session is None:
            return
        try:
            result = aligned_table(self.space, session, self.layer.currentText())
            keep(self.space, session, result)
            self.verdict.setText("Later runs will use the aligned slide.")
        except SpatialReconError as error:
            self.notice.show_error(error)

    # Files

    def open_file(self, path: str, elements: str | None = None) -> None:
        """Replace the pairs, or the map, by those of a file; ask where it holds several points."""

        def take(session: AlignSession) -> None:
            try:
                open_alignment(self.space, session, path, elements)
            except ChoiceError as error:
                words = "Points of the slide, then of the image:"
                chosen, yes = QInputDialog.getItem(
                    self, "Open landmark pairs", words, list(error.choices), editable=False
                )
                if yes:
                    open_alignment(self.space, session, path, chosen)

        self.do(take)
        made = self.session
        if self.notice.error is None and made is not None and not made.model.pairs:
            self.verdict.setText(f"Moved by the alignment in {Path(path).name}")

    def save_file(self, path: str, kind: str = "") -> None:
        """Write the pairs or the map in the form that was chosen in the dialog."""

        def give(session: AlignSession) -> None:
            made = partial(aligned_table, self.space, session, self.layer.currentText())
            save_alignment(session, made, path, SAVED.get(kind, "pairs"))
            self.verdict.setText(f"Saved {Path(path).name}")

        self.do(give)

    def save_as(self, path: str) -> None:
        """Write the aligned table, ready for scanpy and squidpy."""
        if self.session is None:
            return
        try:
            result = aligned_table(self.space, self.session, self.layer.currentText())
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        self.write_in_background(lambda *_: result.write(path))

    # Showing

    def refresh(self) -> None:
        """Show the session's state, in the widget and on the canvas."""
        session = self.session
        for part in (self.pick, self.auto, self.flip, self.turn, self.save_button):
            part.setEnabled(session is not None)
        entry = self.space.of_layer(self.image.currentData()) if session else None
        unscaled = entry is not None and entry.needs_scale
        self.scale_row.setVisible(unscaled)
        self.scale_label.setText("The scale is unknown: residuals are in pixels")
        if session is None:
            self.hint.setText("Open a slide or a result, and an H&E image to register it to.")
            self.table.show_rows([])
            self.verdict.setText("")
            for part in (self.undo, self.redo, self.remove, self.store, self.keep_button):
                part.setEnabled(False)
            return
        model = session.model
        session.show()
        self.kind.setCurrentIndex(self.kind.findData(model.state.model))
        self.undo.setEnabled(model.can_undo)
        self.redo.setEnabled(model.can_redo)
        self.remove.setEnabled(bool(model.pairs) or model.turn == "image")
        self.store.setEnabled(bool(model.pairs) or model.state.transform is not None)
        self.keep_button.setEnabled(session.table is not None)
        self.hint.setText(self._hint(model))
        self.table.show_rows(self._rows(session), model.chosen)
        self.verdict.setText(self._verdict(session))
        if model.problem is not None:
            self.notice.show_error(model.problem)

    def _hint(self, model: AlignModel) -> str:
        if not self.pick.isChecked():
            return "Press Set landmark pairs, then click a point of the layer and its match on H&E."
        side = "the layer" if model.turn == "layer" else "the image"
        more = f" {model.missing} more needed." if model.missing else ""
        return f"Pair {len(model.pairs) + 1}: click {side}.{more}"

    def _rows(self, session: AlignSession) -> list[MarkRow]:
        rows = []
        for number, found in enumerate(session.model.residuals(), 1):
            tone = session.tone(found.residual, found.outlier)
            left = found.left_out
            cells = (
                f"{number}{' !' if found.outlier else ''}",
                self._length(found.residual),
                "" if left is None else self._length(left),
            )
            tip = "The other pairs contradict this one; check it." if found.outlier else ""
            rows.append(MarkRow(cells, found.enabled, tone if found.enabled else "quiet", tip))
        return rows

    def _verdict(self, session: AlignSession) -> str:
        model, move = session.model, session.model.transform
        words = []
        if model.rmse is not None and not model.missing:
            words.append(f"Root mean square {self._length(model.rmse)}")
        if model.state.transform is not None:
            turned = f"rotated by {move.rotation:.1f}°" if not move.reflected else "flipped"
            words.append(f"{turned}, scale × {move.scale:.3g}")
        if model.state.by_hand:
            words.append(
                "moved by hand; the next pair replaces this by a fit"
                if model.pairs
                else "moved by hand"
            )
        return " · ".join(words)

    def _length(self, world: float) -> str:
        um = self.session.um if self.session is not None else None
        return f"{world * um:,.0f} µm" if um is not None else f"{world:,.1f} px"
