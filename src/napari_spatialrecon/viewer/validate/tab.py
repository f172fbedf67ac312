"""The tab Validate: what is held out, how long it takes, run, and the verdicts so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_spatialrecon.errors import SpatialReconError
from napari_spatialrecon.viewer.task.checks import Checks, refused
from napari_spatialrecon.viewer.validate.card import Card
from napari_spatialrecon.viewer.validate.job import KINDS, ValidationJob
from napari_spatialrecon.viewer.widgets.labels import WrappedLabel
from napari_spatialrecon.viewer.widgets.notice import Notice
from napari_spatialrecon.viewer.widgets.page import help_button
from napari_spatialrecon.viewer.widgets.rows import combo, row
from napari_spatialrecon.viewer.widgets.scroll_column import ScrollColumn
from napari_spatialrecon.viewer.widgets.tab_order import focus_kept
from napari_spatialrecon.viewer.window.ended import when_destroyed
from napari_spatialrecon.viewer.window.tones import Themed, tones
from napari_spatialrecon.viewer.window.words import progress_line
from napari_spatialrecon.viewer.window.worker import Run
from napari_spatialrecon.viewer.workspace.validations import Found
from napari_spatialrecon.viewer.workspace.workspace import workspace_of

if TYPE_CHECKING:
    from napari.utils.events import Event
    from napari.viewer import Viewer

    from napari_spatialrecon.progress import Progress, ProgressCallback, ShouldStop
    from napari_spatialrecon.tasks.validation.plan import ValidationPlan
    from napari_spatialrecon.viewer.task.model import TaskModel

_ABOUT = (
    "Hides truth that your own data hold, runs the method chosen in Reconstruct and its baselines "
    "on the rest, and says which comes nearer."
)


class ValidateTab(QWidget):
    """The tab Validate of one viewer.

    Parameters
    ----------
    chosen
        Returns the task that Reconstruct shows.

    Attributes
    ----------
    cards
        The validations of the session, the newest first.
    """

    def __init__(self, viewer: Viewer, chosen: Callable[[], TaskModel]) -> None:
        super().__init__()
        self.viewer, self.space, self._chosen = viewer, workspace_of(viewer), chosen
        self.about, self.what = WrappedLabel(_ABOUT), WrappedLabel()
        self.kind = combo()
        for name, title in KINDS.items():
            self.kind.addItem(title, name)
        self.kind.setToolTip(
            "A quarter of the spots, drawn at random, ranks methods as the truth does; whole "
            "sections ask for more; cells are for slides that measure single cells"
        )
        label = QLabel("Hold out")
        label.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.kind_row = row(label, self.kind)
        self.checks, self.notice = Checks(), Notice()
        self.choose_button = QPushButton("Choose data and method…")
        self.help_button = help_button(
            "validate.md", "Validation", "What is held out, and how to read the verdict"
        )
        self.run_button, self.cancel_button = QPushButton("Validate"), QPushButton("Cancel")
        self.bar, self.where, self.foot = QProgressBar(), WrappedLabel(), QWidget()
        self.bar.setTextVisible(False)
        self.cards: list[Card] = []
        self.job: ValidationJob | None = None
        self.plan: ValidationPlan | None = None
        self.run: Run | None = None
        self._planning: Run | None = None
        self._asked: tuple[object, ...] = ()
        self._lay_out()
        self.choose_button.clicked.connect(lambda: self.space.go.emit("reconstruct", None))
        self.run_button.clicked.connect(self.start)
        self.cancel_button.clicked.connect(self.cancel)
        self.kind.currentIndexChanged.connect(self.ask)
        viewer.events.theme.connect(self._set_theme)
        self.space.validations.added.connect(self._add_card)
        self.space.validations.removed.connect(self._remove_card)
        for found in reversed(list(self.space.validations)):
            self._add_card(found)
        when_destroyed(self, _release, self)
        self._set_theme()
        self._refresh()

    def go(self, what: str, about: object) -> None:
        """Ask what a validation of the choice in Reconstruct takes."""
        self.ask()

    def showEvent(self, event: QShowEvent | None) -> None:
        """Follow what was chosen since."""
        super().showEvent(event)
        self.ask()

    # Before the run

    def ask(self, *_: object) -> None:
        """Hold out what is chosen now, and say what it takes, unless it was said."""
        if self.run is not None:
            return
        model = self._chosen()
        asked = (model, model.revision, self.kind.currentData())
        if asked == self._asked and (self.plan is not None or self._planning is not None):
            return
        self.plan, self.job, self._asked = None, None, asked
        self.notice.clear()
        if missing := model.missing():
            self.what.setText("Still needed:\n" + "\n".join(f"• {text}" for text in missing))
            self.checks.show_lines([])
            self._refresh()
            return
        try:
            job = self.job = ValidationJob(model.job(), str(self.kind.currentData()))
            self.what.setText(job.name)
            job.job.validated()
        except SpatialReconError as error:
            self.checks.show_lines(refused(error))
            self._refresh()
            return
        self.checks.show_lines([("quiet", "Looking at what can be held out…")])
        run = self._planning = Run(job.plan, "Preparing a validation", parent=self)
        run.returned.connect(partial(self._planned, asked))
        run.failed.connect(partial(self._refused, asked))
        run.finished.connect(partial(self._forget_plan, run))
        self._refresh()
        run.start()

    def _planned(self, asked: tuple[object, ...], plan: ValidationPlan) -> None:
        if asked != self._asked:
            return
        self.plan = plan
        names = ", ".join(cost.candidate.title for cost in plan.costs)
        self.checks.show_lines(
            [
                ("good", f"Held out: {plan.problem.held_out}"),
                ("good", f"Compared: {names}"),
                *(("warning", warning) for warning in plan.problem.warnings),
                ("quiet", plan.time.words),
            ]
        )
        self._refresh()

    def _refused(self, asked: tuple[object, ...], error: Exception) -> None:
        if asked == self._asked:
            self.checks.show_lines(refused(error))
            self._refresh()

    def _forget_plan(self, run: Run) -> None:
        if self._planning is run:
            self._planning = None
        run.deleteLater()

    # The run

    def start(self) -> None:
        """Run the method and its baselines."""
        plan, job = self.plan, self.job
        if plan is None or job is None or self.run is not None:
            return
        self.notice.clear()
        run = self.run = Run(
            partial(job.run, plan),
            f"Validating {job.name}",
            viewer=self.viewer,
            parent=self,
            long=True,
        )
        run.progressed.connect(self._show_progress)
        run.returned.connect(self.space.validations.add)
        run.stopped.connect(lambda _: self.where.setText("Stopped; nothing was kept."))
        run.failed.connect(self.notice.show_error)
        run.finished.connect(partial(self._end, run))
        self.bar.setRange(0, 0)
        self.where.setText("Starting")
        self._refresh()
        run.start()

    def cancel(self) -> None:
        """Stop the run."""
        if self.run is not None:
            self.where.setText("Stopping")
            with focus_kept((self.run_button, self.cancel_button), self.foot):
                self.cancel_button.setEnabled(False)
            self.run.cancel()

    def _add_card(self, found: Found) -> None:
        card = Card(found)
        card.set_tones(tones(self.viewer))
        card.saved.connect(partial(self.ask_where, found))
        card.removed.connect(partial(self.space.validations.remove, found))
        self.cards.insert(0, card)
        self._found.insertWidget(0, card)
        self.where.setText("")
        self.area.ensureWidgetVisible(card, 0, 0)

    def _remove_card(self, found: Found) -> None:
        for card in [card for card in self.cards if card.found is found]:
            self.cards.remove(card)
            card.hide()
            card.deleteLater()

    def _show_progress(self, progress: Progress) -> None:
        if self.run is None or self.run.cancelled:
            return
        self.bar.setRange(0, progress.total or 0)
        self.bar.setValue(progress.step)
        self.where.setText(progress_line(progress))

    def _end(self, run: Run) -> None:
        if self.run is run:
            self.run = None
        run.deleteLater()
        self._refresh()
        if self.isVisible():
            self.ask()

    # Saving

    def ask_where(self, found: Found) -> None:
        """Ask for the folder of a validation, and write it."""
        start = f"{found.name.replace(' · ', ' ').replace('/', '_')}.validation"
        path = QFileDialog.getSaveFileName(self, "Save validation as a folder", start)[0]
        if path:
            self.save(found, path)

    def save(self, found: Found, path: str) -> None:
        """Write a validation into a folder, in the background."""

        def work(progress: ProgressCallback, should_stop: ShouldStop) -> str:
            return f"Saved {found.validation.save(path).name}"

        self.notice.clear()
        run = Run(work, "Saving", viewer=self.viewer, parent=self)
        run.returned.connect(self.where.setText)
        run.failed.connect(self.notice.show_error)
        run.finished.connect(self._refresh)
        run.finished.connect(run.deleteLater)
        run.start()

    # Looks

    def _refresh(self) -> None:
        with focus_kept((self.run_button, self.cancel_button), self.foot):
            self._show_state()

    def _show_state(self) -> None:
        running, job = self.run is not None, self.job
        self.run_button.setEnabled(self.plan is not None and not running)
        self.cancel_button.setEnabled(running)
        self.choose_button.setVisible(job is None and not running)
        self.kind_row.setVisible(job is not None and job.chooses)
        self.kind.setEnabled(not running)
        self.bar.setVisible(running)
        self.where.setVisible(running or bool(self.where.text()))

    def _set_theme(self, event: Event | None = None) -> None:
        chosen = tones(self.viewer)
        parts: list[Themed] = [self.checks, self.notice, *self.cards]
        for part in parts:
            part.set_tones(chosen)
        self.about.setStyleSheet(f"color: {chosen.quiet};")

    def _lay_out(self) -> None:
        self.area = ScrollColumn()
        column = self.area.column
        for widget in (
            self.about,
            self.what,
            self.choose_button,
            self.kind_row,
            self.checks,
            self.notice,
        ):
            column.addWidget(widget)
        self._found = QVBoxLayout()
        self._found.setSpacing(8)
        column.addLayout(self._found)
        column.addStretch()
        below = QVBoxLayout(self.foot)
        below.setContentsMargins(8, 6, 8, 8)
        below.setSpacing(4)
        buttons = QHBoxLayout()
        for button in (self.run_button, self.cancel_button):
            buttons.addWidget(button, 1)
        buttons.addWidget(self.help_button)
        below.addLayout(buttons)
        below.addWidget(self.bar)
        below.addWidget(self.where)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.area, 1)
        layout.addWidget(self.foot)


def _release(tab: ValidateTab) -> None:
    """Disconnect the signals of a tab that Qt has deleted."""
    tab.viewer.events.theme.disconnect(tab._set_theme)
    tab.space.validations.added.disconnect(tab._add_card)
    tab.space.validations.removed.disconnect(tab._remove_card)
