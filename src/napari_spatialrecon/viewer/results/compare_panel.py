"""Comparing two ticked results: how far apart they are, and ways to look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer
from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import (
    QComboBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
)
from superqt import QElidingLabel

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.viewer.results import pieces
from napari_spatialrecon.viewer.results.acts import writing_disagreement
from napari_spatialrecon.viewer.results.distortion_layers import AREA_COLORS, SHEAR_COLORS
from napari_spatialrecon.viewer.results.looks import LETTERS, MARKS, TIPS, Look
from napari_spatialrecon.viewer.results.model import ResultsModel
from napari_spatialrecon.viewer.results.sides import Side
from napari_spatialrecon.viewer.results.stage import Stage
from napari_spatialrecon.viewer.results.strip import ColorStrip
from napari_spatialrecon.viewer.results.swipe import Swipe
from napari_spatialrecon.viewer.results.words import amount_text, values_of, words_of
from napari_spatialrecon.viewer.widgets.gene_search import GeneSearch
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.window.main_window import canvas_of
from napari_spatialrecon.viewer.window.steps import Steps, at_once
from napari_spatialrecon.viewer.window.tones import DARK, Tones
from napari_spatialrecon.viewer.window.turns import Turns
from napari_spatialrecon.viewer.window.worker import Run

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_spatialrecon.geometry.distortion import Distortion
    from napari_spatialrecon.tasks.compared import Compared
    from napari_spatialrecon.tasks.value_comparison import ValueComparison

BLINK_MS = 500
MANY = 50_000
"""With more cells than this, a comparison is computed in the background."""
_STEPS = 1000
HINT = (
    "Tick two results of the same cells or spots to compare them, or a placement and its measured "
    "places."
)
_PLACES = (Look.ARROWS, Look.DISTORTION)
"""Ways to look at two placements only."""
_NO_PLACES = "Both lie where the spots are: only placements of cells have this"
_CELLS = 20_000_000
"""With more values than this, a comparison of them is computed in the background."""
_AREA = "Area in the second over that in the first: pink shrinks, green grows, white stays"
_SHEAR = "Longest over shortest stretch: 1 where shapes stay as they are"


class ComparePanel(QFrame):
    """Compares the two that are ticked in a model, on the canvas of a viewer."""

    def __init__(self, model: ResultsModel, viewer: Viewer) -> None:
        super().__init__()
        self.model, self.stage = model, Stage(viewer)
        self.viewer = viewer
        self.tones: Tones = DARK
        self.comparison: Compared | None = None
        self._distortion: Distortion | None = None
        self._pair: tuple[Side, Side] | None = None
        self._run: Run | None = None
        self.hint, self.notice = WrappedLabel(HINT), Notice()
        self.names = [QElidingLabel(), QElidingLabel()]
        self.median, self.p90 = QLabel(), QLabel()
        self.maps, self.notes, self.status = WrappedLabel(), WrappedLabel(), WrappedLabel()
        self.about = GeneSearch("One type or gene; empty for all")
        self.buttons = {look: QPushButton(str(look).capitalize()) for look in Look}
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setToolTip(TIPS[Look.SWIPE])
        self.of, self.strip = QComboBox(), ColorStrip()
        self.of.addItem("Change of area", "area")
        self.of.addItem("Shear", "shear")
        self.swipe = Swipe(viewer, self.stage, self._show_line)
        self.timer = QTimer(self)
        self.timer.setInterval(BLINK_MS)
        self._turns = Turns(canvas_of(viewer), self)
        self._coming: Look | None = None
        self._pending = False
        self._lay_out()
        self._connect()
        self.refresh()

    def close_stage(self) -> None:
        """Leave the canvas as it was."""
        self._turns.stop()
        self.swipe.release()
        self.stage.left.disconnect(self._on_left)
        self.stage.close()

    @property
    def drawing(self) -> bool:
        """Whether a look is about to be shown or left, a step at a time."""
        return self._turns.running

    def refresh(self) -> None:
        """Compare what is ticked now."""
        if self.model.pair != self._pair:
            many = self._many
            self._pair, self.comparison, self._distortion = self.model.pair, None, None
            self.about.show_name("")
            self._do(self.stage.forgetting(), many=many)
            self.notice.clear()
            if self._pair is not None:
                self._compare()
        self._show_state()

    def look(self, look: Look | None) -> None:
        """Look at the comparison in a way; None leaves the canvas as it was."""
        if look is None or self.comparison is None or self._pair is None:
            self._do(self.stage.leaving(), many=self._many)
            self._show_state()
            return
        if look in _PLACES and not self.buttons[look].isEnabled():
            return
        self._do(self._looking(look, self.comparison, self._pair), many=self._many, look=look)
        self._show_state()

    def _do(self, steps: Steps, *, many: bool, look: Look | None = None) -> None:
        """Do the steps to a look, or those that leave it: with many cells over some turns."""
        self._turns.stop()
        self._coming, self._pending = look, many
        if many:
            self._turns.start(self._to_the_end(steps))
        else:
            at_once(self._to_the_end(steps))

    def _to_the_end(self, steps: Steps) -> Steps:
        try:
            yield from steps
        finally:
            self._coming, self._pending = None, False
        self._show_state()

    @property
    def _many(self) -> bool:
        """Whether drawing what is compared takes so long that the window would be seen to stand."""
        return self.comparison is not None and len(self.comparison.obs_names) > MANY

    def _looking(self, look: Look, comparison: Compared, pair: tuple[Side, Side]) -> Steps:
        of, distortion, about = self.of.currentData(), self._distortion, self.shown
        yield from self.stage.showing(
            look, comparison, pair, of=of, distortion=distortion, about=about
        )
        self.status.clear()
        if look is Look.DISAGREEMENT and not about:
            columns = yield from writing_disagreement(self.viewer, comparison, pair)
            self.status.setText("Kept as the column " + " and ".join(f"“{c}”" for c in columns))
        elif self.stage.shown and not about:
            self.status.setText(f"Shown: {self.stage.shown}, on which the two agree least.")
        elif look is Look.ARROWS and self.stage.arrows < len(comparison.obs_names):
            of = f"{self.stage.arrows:,} of {len(comparison.obs_names):,}"
            self.status.setText(f"Arrows of {of} cells, drawn at random.")

    def set_tones(self, tones: Tones) -> None:
        """Use the colors of a theme."""
        self.tones = tones
        self.notice.set_tones(tones)
        self.notes.setStyleSheet(f"color: {tones.warning};")
        for label in (self.hint, self.maps, self.status, self.strip.low, self.strip.high):
            label.setStyleSheet(f"color: {tones.quiet};")

    # Comparing

    def _compare(self) -> None:
        assert self._pair is not None, "compared when two are ticked"
        tables = [side.adata for side in self._pair]
        places = self._pair[0].task == "place"
        few = max(table.n_obs for table in tables) <= MANY
        if few and (places or max(table.n_obs * table.n_vars for table in tables) <= _CELLS):
            try:
                self._take((self.model.compare(), None))
            except SpatialReconError as error:
                self.notice.show_error(error)
            return

        def work(*_: object) -> tuple[Compared, Distortion | None]:
            from napari_spatialrecon.tasks.comparing import Comparison

            found = self.model.compare()
            assert found.median <= found.p90, "measured here rather than in the window's thread"
            return found, found.distortion() if isinstance(found, Comparison) else None

        pair = self._pair
        run = self._run = Run(work, "Comparing", viewer=self.viewer, parent=self, light=True)
        run.returned.connect(lambda found: self._take(found) if pair == self._pair else None)
        run.failed.connect(self.notice.show_error)
        run.finished.connect(self._on_run_end)
        run.start()

    def _take(self, found: tuple[Compared, Distortion | None]) -> None:
        self.comparison, self._distortion = found
        values = self.values
        if values is not None:
            self.about.offer(values.names)
            self.about.setPlaceholderText(
                f"One {values.kind.one}; empty for all {values.kind.many}"
            )
        for look in _PLACES:
            self.buttons[look].setEnabled(values is None)
            self.buttons[look].setToolTip(TIPS[look] if values is None else _NO_PLACES)
        self._show_state()

    def _on_run_end(self) -> None:
        if self._run is not None:
            self._run.deleteLater()
        self._run = None
        self.status.clear()
        self._show_state()

    @property
    def values(self) -> ValueComparison | None:
        """The comparison, if it is one of mixtures, genes or parts."""
        return values_of(self.comparison)

    @property
    def shown(self) -> str:
        """The type or gene that is compared; empty for all."""
        name, values = self.about.text().strip(), self.values
        return name if values is not None and name in values.names else ""

    # State

    def _show_state(self) -> None:
        found, look, pair = self.comparison, self.stage.look, self._pair
        if self._pending:  # of the look before, layers may still be there
            look = None
        ticked = len(self.model.ticked)
        self.hint.setVisible(pair is None)
        self.hint.setText(
            HINT if ticked < 3 else f"{ticked} are ticked: untick all but two to compare them."
        )
        marks = MARKS if self.values is None else LETTERS
        for label, side, mark in zip(self.names, pair or (None, None), marks, strict=True):
            label.setVisible(side is not None)
            if side is not None:
                label.setText(f"{mark} {side.name}")
                label.setToolTip(side.name)
            label.setStyleSheet("")
        if self._run is not None:
            self.status.setText("Comparing…")
        elif self._coming is not None and self._pending:
            self.status.setText("Drawing…")
        for widget in (self.median, self.p90, *self.buttons.values()):
            widget.setVisible(found is not None)
        self.notes.setVisible(found is not None and bool(found.notes))
        for widget in (self.maps, self.about):
            widget.setVisible(self.values is not None)
        if found is not None:
            self._show_numbers(found)
        for button_look, button in self.buttons.items():
            with QSignalBlocker(button):
                button.setChecked(button_look is (self._coming or look))
        self.slider.setVisible(look is Look.SWIPE)
        self.of.setVisible(look is Look.DISTORTION)
        self.strip.setVisible(
            look in (Look.ARROWS, Look.DISAGREEMENT, Look.DISTORTION)
            or (look is not None and self.stage.key is not None)
        )
        self.status.setVisible(bool(self.status.text()) and pair is not None)
        if look is Look.BLINK and self.isVisible():
            self.timer.start()
        else:
            self.timer.stop()
        if look is Look.SWIPE:
            self.swipe.hold()
            self._show_line()
        else:
            self.swipe.release()
        if found is not None and self.strip.isVisibleTo(self):
            self._show_strip(found)

    def _show_numbers(self, found: Compared) -> None:
        said = words_of(found)
        for label, words in (
            (self.median, said.median),
            (self.p90, said.p90),
            (self.maps, said.maps),
        ):
            label.setText(words.text)
            label.setToolTip(words.tip)
        self.notes.setText("\n".join(found.notes))

    def _show_strip(self, found: Compared) -> None:
        if self.stage.look is Look.DISTORTION:
            shear = self.of.currentData() == "shear"
            ends = ("1", "4 ×") if shear else ("¼ ×", "4 ×")
            colors = SHEAR_COLORS if shear else AREA_COLORS
            self.strip.show_colors(colors, *ends, _SHEAR if shear else _AREA)
            return
        arrows, key = self.stage.look is Look.ARROWS, self.stage.key
        if key is not None and key.limits is not None and self.stage.shown:
            low, high = (f"{limit:.2g}" for limit in key.limits)
            self.strip.show_colors(str(key.colormap), low, high, key.title)
            return
        colors = pieces.ARROW_COLORS if arrows or key is None else str(key.colormap)
        what = "Length of an arrow" if arrows else "How far the two disagree"
        top = amount_text(pieces.top_of(found), found)
        self.strip.show_colors(colors, "0", top, f"{what}; 2% disagree by more")

    def _on_button(self, look: Look, on: bool) -> None:
        self.look(look if on else None)

    def _on_about(self, text: str = "") -> None:
        """Look again once a type or gene is chosen, or the field is empty."""
        if self.stage.look is not None and self.stage.shown != self.shown:
            self.look(self.stage.look)

    def _on_of(self) -> None:
        if self.stage.look is Look.DISTORTION:
            self.look(Look.DISTORTION)

    def _on_left(self) -> None:
        if self._coming is not None:  # a layer of it was removed before all were there
            self._turns.stop()
        self.status.clear()
        self._show_state()

    def _on_blink(self) -> None:
        if self.stage.look is not Look.BLINK:
            self.timer.stop()
            return
        shown = self.stage.turn()
        for number, label in enumerate(self.names):
            label.setStyleSheet(f"font-weight: {600 if number == shown else 400};")

    def _on_slider(self, value: int) -> None:
        low, high = self.stage.scene.extent
        self.stage.move_line(float(low[1] + (high[1] - low[1]) * value / _STEPS))

    def _show_line(self) -> None:
        """Follow the line that was dragged on the canvas."""
        low, high = self.stage.scene.extent
        share = (self.stage.line - low[1]) / max(float(high[1] - low[1]), 1e-9)
        with QSignalBlocker(self.slider):
            self.slider.setValue(round(_STEPS * share))

    def hideEvent(self, event: QHideEvent | None) -> None:
        """Stop blinking while nobody sees the button that ends it."""
        self.timer.stop()
        super().hideEvent(event)

    def showEvent(self, event: QShowEvent | None) -> None:
        """Blink again."""
        super().showEvent(event)
        if self.stage.look is Look.BLINK:
            self.timer.start()

    def _connect(self) -> None:
        for look, button in self.buttons.items():
            button.toggled.connect(lambda on, look=look: self._on_button(look, on))
        self.of.currentIndexChanged.connect(self._on_of)
        self.about.chosen.connect(self._on_about)
        self.about.textChanged.connect(lambda text: None if text else self._on_about())
        self.slider.valueChanged.connect(self._on_slider)
        self.timer.timeout.connect(self._on_blink)
        self.stage.left.connect(self._on_left)

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        grid = QGridLayout()
        grid.setSpacing(4)
        for at, (look, button) in enumerate(self.buttons.items()):
            button.setCheckable(True)
            button.setToolTip(TIPS[look])
            button.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            grid.addWidget(button, at // 3, at % 3)
        for widget in (self.hint, *self.names, self.notice):
            layout.addWidget(widget)
        numbers = QHBoxLayout()
        numbers.setSpacing(8)
        numbers.addWidget(self.median)
        numbers.addWidget(self.p90)
        numbers.addStretch()
        layout.addLayout(numbers)
        layout.addWidget(self.maps)
        layout.addWidget(self.notes)
        layout.addWidget(self.about)
        layout.addLayout(grid)
        for below in (self.slider, self.of, self.strip, self.status):
            layout.addWidget(below)
