"""Align to histology: landmark pairs lay a slide or a result on an image, live."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import InputError, SpatialReconError
from napari_spatialrecon.viewer.align_layers import AlignSession, aligned_table, keep
from napari_spatialrecon.viewer.align_model import MODELS, Pair
from napari_spatialrecon.viewer.layers import OURS
from napari_spatialrecon.viewer.pointer import Pointer
from napari_spatialrecon.viewer.shortcuts import ALIGN, Keys, said
from napari_spatialrecon.viewer.tones import tones
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.marks_table import MarkRow, MarksTable
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.rows import combo, row, small_button
from napari_spatialrecon.viewer.worker import Run
from napari_spatialrecon.viewer.workspace import unwrapped, workspace_of

#: Share of the layer's width that one press of a key nudges it by.
_NUDGE = 0.002
_CSV, _TABLES = "Landmark pairs (*.csv)", "Tables (*.h5ad)"


class AlignToHistology(QWidget):
    """The widget Align to histology of one viewer.

    Parameters
    ----------
    napari_viewer
        Filled in by napari.
    """

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.space = workspace_of(self.viewer)
        self.session: AlignSession | None = None
        self._sessions: weakref.WeakKeyDictionary[Any, AlignSession] = weakref.WeakKeyDictionary()
        self._make_parts()
        self._lay_out()
        self.pointer = Pointer(
            self.viewer,
            clicked=self._click,
            marks=lambda: self.session.marks_world() if self.session else np.empty((0, 2)),
            dragged=self._drag,
            switched=self._on_switch,
        )
        self.keys = Keys(self.viewer, ALIGN, self._actions())
        self.keys.on_widget(self)
        self._connect()
        self._set_theme()
        self._fill()

    def sizeHint(self) -> QSize:
        """Wide enough for the table."""
        return QSize(370, 640)

    # Wiring

    def _make_parts(self) -> None:
        self.layer, self.image = combo(), combo()
        self.layer.setToolTip("Spots or placed cells that are moved")
        self.image.setToolTip("The H&E they are laid on; it stays")
        self.kind = combo()
        for name, words in MODELS.items():
            self.kind.addItem(f"{name}: {words}", name)
        self.scale_label, self.scale = WrappedLabel(), QLineEdit()
        self.scale.setPlaceholderText("µm per pixel")
        self.scale_button = QPushButton("Set")
        self.pick = QPushButton("Set landmark pairs", checkable=True)
        self.hint, self.verdict = WrappedLabel(), WrappedLabel()
        self.table = MarksTable(
            ("pair", "residual", "left out"),
            (
                "Untick a pair to leave it out",
                "How far the moved landmark lies from its partner",
                "How far it would lie if the other pairs alone had been used",
            ),
        )
        self.auto = QPushButton("Automatic start")
        self.auto.setToolTip("Lay the outline of the spots over the outline of the tissue")
        self.undo, self.redo = QPushButton("Undo"), QPushButton("Redo")
        self.flip = small_button("⇋", "Turn over (F)")
        self.turn = small_button("↻", "Turn by 90° (R)")
        self.remove = QPushButton("Delete")
        self.load, self.store = QPushButton("Open pairs…"), QPushButton("Save pairs…")
        self.keep_button = QPushButton("Use for later runs")
        self.keep_button.setToolTip("Later runs take this slide where it lies now")
        self.save_button = QPushButton("Save aligned table…")
        self.notice = Notice()
        self.shortcuts = WrappedLabel(said(ALIGN))
        self.shortcuts_button = QPushButton("Keys", checkable=True, flat=True)

    def _connect(self) -> None:
        for box in (self.layer, self.image):
            box.activated.connect(self._begin)
        self.kind.activated.connect(
            lambda i: self._do(lambda m: m.set_model(self.kind.itemData(i)))
        )
        self.scale_button.clicked.connect(self._set_scale)
        self.pick.toggled.connect(self.pointer.switch)
        self.table.toggled.connect(lambda i, on: self._do(lambda m: m.enable(i, on)))
        self.table.picked.connect(self._choose)
        self.auto.clicked.connect(self.start_automatically)
        actions = self._actions()
        for button, name in (
            (self.undo, "undo"),
            (self.redo, "redo"),
            (self.flip, "flip"),
            (self.turn, "turn"),
            (self.remove, "delete"),
        ):
            button.clicked.connect(lambda _=False, act=actions[name]: act())
        self.load.clicked.connect(self._ask_load)
        self.store.clicked.connect(self._ask_store)
        self.keep_button.clicked.connect(self.keep)
        self.save_button.clicked.connect(self._ask_save)
        self.shortcuts_button.toggled.connect(self.shortcuts.setVisible)
        layers = self.viewer.layers.events
        for event in (layers.inserted, layers.removed):
            event.connect(self._on_layers)
        self.space.events.changed.connect(self._on_entry)
        self.viewer.events.theme.connect(self._set_theme)
        self.destroyed.connect(partial(_let_go, self))

    def _actions(self) -> dict[str, Callable[[], object]]:
        def nudge(right: float, down: float) -> Callable[[], object]:
            def act() -> None:
                if self.session is not None:
                    step = _NUDGE * float(np.ptp(self.session.model.points, axis=0).max())
                    self._do(lambda m: m.nudge(right * step, down * step))

            return act

        return {
            "undo": lambda: self._do(lambda m: m.undo()),
            "redo": lambda: self._do(lambda m: m.redo()),
            "delete": lambda: self._do(lambda m: m.delete()),
            "disable": lambda: self._do(lambda m: m.toggle()),
            "stop": lambda: self.pointer.switch(False),
            "left": nudge(-1, 0),
            "right": nudge(1, 0),
            "up": nudge(0, -1),
            "down": nudge(0, 1),
            "flip": lambda: self._do(lambda m: m.flip()),
            "turn": lambda: self._do(lambda m: m.turn_by(90.0)),
        }

    def _set_theme(self, event: Any = None) -> None:
        chosen = tones(self.viewer)
        for part in (self.notice, self.table):
            part.set_tones(chosen)
        self._show()

    # Layers

    def _fill(self) -> None:
        """Offer the layers that can serve."""
        from napari.layers import Image, Points

        def offered(kind: type) -> list[Any]:
            plain = [x for x in self.viewer.layers if isinstance(x, kind) and x.ndim == 2]
            return [x for x in plain if x.metadata.get(OURS, {}).get("role") != "marks"]

        for box, kind in ((self.layer, Points), (self.image, Image)):
            chosen = box.currentData()
            box.clear()
            for layer in reversed(offered(kind)):
                box.addItem(layer.name, layer)
            layers = [box.itemData(i) for i in range(box.count())]
            box.setCurrentIndex(layers.index(chosen) if chosen in layers else 0 if layers else -1)
            box.setEnabled(bool(layers))
        self._begin()

    def _begin(self, _: Any = None) -> None:
        """Take up the layer and image that are chosen, with the pairs they had."""
        layer, image = self.layer.currentData(), self.image.currentData()
        session = self.session
        if session is not None and session.layer is layer and session.image is image:
            return
        if session is not None:
            session.close()
            session.model.changed.disconnect(self._show)
        self.session = None
        if layer is not None and image is not None:
            known = self._sessions.get(layer)
            try:
                kept = known is not None and known.image is image
                self.session = known if kept else AlignSession(self.viewer, layer, image)
            except SpatialReconError as error:
                self.notice.show_error(error)
        if self.session is not None:
            self._sessions[layer] = self.session
            self.session.model.changed.connect(self._show)
        self._show()

    def _on_layers(self, event: Any) -> None:
        if event.value.metadata.get(OURS, {}).get("role") == "marks":
            return
        lost = self.session is not None and not self.session.alive
        if lost:
            name = event.value.name
            self.pointer.switch(False)
            self._sessions.pop(self.session.layer, None)
            gone = InputError(
                f"Expected the layers that are being aligned, found that {name} was deleted.",
                remedy="Try choosing another; what was saved is kept.",
            )
        self._fill()
        if lost:
            self.notice.show_error(gone)

    def _on_entry(self, entry: Any) -> None:
        self._show()

    def _set_scale(self) -> None:
        text = self.scale.text().strip().replace(",", ".")
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        try:
            entry = self.space.of_layer(self.image.currentData())
            self.space.set_scale(entry, value)
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        self.notice.clear()
        self._sessions.clear()
        if self.session is not None:
            self.session.close()
            self.session.model.changed.disconnect(self._show)
            self.session = None
        self._begin()

    # Doing

    def _do(self, act: Callable[[Any], object]) -> None:
        """Change the model; what it refuses is said."""
        if self.session is None:
            return
        try:
            self.notice.clear()
            act(self.session.model)
        except SpatialReconError as error:
            self.notice.show_error(error)

    def _click(self, world: np.ndarray) -> None:
        self._do(lambda m: m.click(world[::-1]))

    def _drag(self, mark: int, world: np.ndarray, done: bool) -> None:
        self._do(lambda m: m.drag(mark, world[::-1]))
        if done and self.session is not None:
            self.session.model.end_drag()

    def _choose(self, number: int) -> None:
        if self.session is not None:
            self.session.model.chosen = number

    def _on_switch(self, on: bool) -> None:
        if self.pick.isChecked() != on:
            self.pick.setChecked(on)
        (self.keys.hold if on else self.keys.release)()
        self._show()

    def start_automatically(self) -> None:
        """Find a first pose by outlines, in the background."""
        from napari_spatialrecon.geometry.transforms import Transform

        session = self.session
        if session is None:
            return
        run = Run(partial(_outline, session), "Comparing outlines", viewer=self.viewer, parent=self)

        def found(start: Any) -> None:
            if session is self.session:
                self._do(lambda m: m.start(Transform.from_pose(start.pose)))
                words = f"Outlines overlap by {100 * start.overlap:.0f} %."
                if start.ambiguous:
                    words += " Other directions fit as well: check with pairs."
                self.verdict.setText(words)

        run.returned.connect(found)
        run.failed.connect(self.notice.show_error)
        run.finished.connect(run.deleteLater)
        run.start()

    def keep(self) -> None:
        """Let later runs take the layer where it lies now."""
        try:
            result = aligned_table(self.space, self.session, self.layer.currentText())
            keep(self.space, self.session, result)
            self.verdict.setText("Later runs take this slide where it lies now.")
        except SpatialReconError as error:
            self.notice.show_error(error)

    # Files

    def _ask_load(self) -> None:
        path = QFileDialog.getOpenFileName(self, "Open pairs", "", _CSV)[0]
        if path:
            self.open_pairs(path)

    def open_pairs(self, path: str) -> None:
        """Take pairs from a file in place of those that are set."""
        from napari_spatialrecon.tissue.landmark_pairs import read_pairs

        def take(model: Any) -> None:
            pairs = read_pairs(path)
            um = self.session.um or 1.0
            found = zip(pairs.query / um, pairs.ref / um, pairs.enabled, strict=True)
            model.set_pairs(tuple(Pair((*q,), (*r,), bool(on)) for q, r, on in found))

        self._do(take)

    def _ask_store(self) -> None:
        path = QFileDialog.getSaveFileName(self, "Save pairs", "pairs.csv", _CSV)[0]
        if path:
            self.save_pairs(path)

    def save_pairs(self, path: str) -> None:
        """Write the pairs, in µm of the window."""
        from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs, write_pairs

        def give(model: Any) -> None:
            um = self.session.um or 1.0
            query, ref = (
                np.array([getattr(p, side) for p in model.pairs]).reshape(-1, 2) * um
                for side in ("query", "ref")
            )
            write_pairs(LandmarkPairs(query, ref, np.array([p.enabled for p in model.pairs])), path)

        self._do(give)

    def _ask_save(self) -> None:
        name = f"{self.layer.currentText()} aligned.h5ad"
        path = QFileDialog.getSaveFileName(self, "Save aligned table", name, _TABLES)[0]
        if path:
            self.save_as(path if path.endswith(".h5ad") else f"{path}.h5ad")

    def save_as(self, path: str) -> None:
        """Write the aligned table, as scanpy and squidpy draw it."""
        try:
            result = aligned_table(self.space, self.session, self.layer.currentText())
        except SpatialReconError as error:
            self.notice.show_error(error)
            return
        run = Run(lambda *_: result.write(path), "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(lambda f: self.verdict.setText(f"Saved {Path(f[0]).name}"))
        run.failed.connect(self.notice.show_error)
        run.finished.connect(run.deleteLater)
        run.start()

    # Showing

    def _show(self) -> None:
        """Show the session's state, in the widget and on the canvas."""
        session = self.session
        for part in (self.pick, self.auto, self.flip, self.turn, self.save_button):
            part.setEnabled(session is not None)
        entry = self.space.of_layer(self.image.currentData()) if session else None
        unscaled = entry is not None and entry.needs_scale
        self.scale_row.setVisible(unscaled)
        self.scale_label.setText("No scale known: residuals are in pixels")
        if session is None:
            self.hint.setText("Open a slide or a result, and an H&E image to lay it on.")
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
        self.store.setEnabled(bool(model.pairs))
        self.keep_button.setEnabled(session.table is not None)
        self.hint.setText(self._hint(model))
        self.table.show_rows(self._rows(session), model.chosen)
        self.verdict.setText(self._verdict(session))
        if model.problem is not None:
            self.notice.show_error(model.problem)

    def _hint(self, model: Any) -> str:
        if not self.pick.isChecked():
            return "Press Set landmark pairs, then click a point of the layer and the same on H&E."
        side = "the layer" if model.turn == "layer" else "the image"
        more = f" {model.missing} more needed." if model.missing else ""
        return f"Pair {len(model.pairs) + 1}: click on {side}.{more}"

    def _rows(self, session: AlignSession) -> list[MarkRow]:
        rows = []
        for number, found in enumerate(session.model.residuals(), 1):
            tone = session.tone(found["residual"], found["outlier"])
            left = found["left_out"]
            cells = (
                f"{number}{' !' if found['outlier'] else ''}",
                self._length(found["residual"]),
                "" if left is None else self._length(left),
            )
            tip = "The other pairs contradict this one: check it." if found["outlier"] else ""
            rows.append(
                MarkRow(cells, found["enabled"], tone if found["enabled"] else "quiet", tip)
            )
        return rows

    def _verdict(self, session: AlignSession) -> str:
        model, move = session.model, session.model.transform
        words = []
        if model.rmse is not None and not model.missing:
            words.append(f"Root mean square {self._length(model.rmse)}")
        if model.state.transform is not None:
            turned = f"turned {move.rotation:.1f}°" if not move.reflected else "turned over"
            words.append(f"{turned}, size × {move.scale:.3g}")
        if model.state.by_hand:
            words.append("moved by hand; the next pair fits anew" if model.pairs else "by hand")
        return " · ".join(words)

    def _length(self, world: float) -> str:
        um = self.session.um if self.session is not None else None
        return f"{world * um:,.0f} µm" if um is not None else f"{world:,.1f} px"

    def _lay_out(self) -> None:
        content = QWidget()
        column = QVBoxLayout(content)
        column.setContentsMargins(8, 8, 8, 8)
        column.setSpacing(8)
        self.scale_row = row(self.scale_label, self.scale, self.scale_button)
        self.shortcuts.hide()
        for label, box in (("Move", self.layer), ("Onto", self.image), ("By", self.kind)):
            column.addWidget(_labelled(label, box))
        column.addWidget(self.scale_row)
        column.addWidget(_buttons(self.pick, self.auto))
        column.addWidget(self.hint)
        column.addWidget(self.table)
        column.addWidget(_buttons(self.undo, self.redo, self.remove, self.flip, self.turn))
        for widget in (self.verdict, self.notice):
            column.addWidget(widget)
        column.addWidget(_buttons(self.load, self.store))
        column.addWidget(_buttons(self.keep_button, self.save_button))
        column.addWidget(self.shortcuts_button, alignment=Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.shortcuts)
        column.addStretch()
        area = QScrollArea(widgetResizable=True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(content)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(area)
        self.setMinimumWidth(320)


def _labelled(text: str, box: QComboBox) -> QWidget:
    label = WrappedLabel(text)
    label.setFixedWidth(44)
    return row(label, box)


def _buttons(*buttons: QWidget) -> QWidget:
    result = QWidget()
    layout = QHBoxLayout(result)
    layout.setContentsMargins(0, 0, 0, 0)
    for button in buttons:
        layout.addWidget(button)
    return result


def _outline(session: AlignSession, progress: Any, should_stop: Any) -> Any:
    from napari_spatialrecon.geometry.procrustes import Pose
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.tissue.lazy_image import RgbImage
    from napari_spatialrecon.tissue.outline import OutlineStart, start_by_outline

    image = session.image
    levels = list(image.data) if image.multiscale else [image.data]
    axes = "YXS" if image.rgb else "YX"
    origin, down, right = (
        np.asarray(image._data_to_world(p), float)[-2:][::-1] for p in ((0, 0), (1, 0), (0, 1))
    )
    placed = Pose(np.column_stack([right - origin, down - origin]), origin)
    # Both in world units, so that a size that is known on both sides is used.
    known = session.um if session.um is not None else None
    pixel = Histology([RgbImage(x, axes) for x in levels], 1.0, image.name, None)
    if known is not None:
        pixel = Histology(pixel.levels, 1.0, image.name, placed.scale)
    found = start_by_outline(
        session.model.points,
        pixel,
        um_per_unit=1.0 if known is not None else None,
        reporter=Reporter(progress, should_stop),
    )
    return OutlineStart(placed.compose(found.pose), found.overlap, found.ambiguous)


def _let_go(widget: AlignToHistology) -> None:
    """Forget a widget that Qt has deleted."""
    widget.pointer.switch(False)
    layers = widget.viewer.layers.events
    layers.inserted.disconnect(widget._on_layers)
    layers.removed.disconnect(widget._on_layers)
    widget.space.events.changed.disconnect(widget._on_entry)
    widget.viewer.events.theme.disconnect(widget._set_theme)
