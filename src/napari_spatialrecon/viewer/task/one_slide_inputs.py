"""The fields of a task on one slide, with or without a reference."""

from __future__ import annotations

from functools import partial

from qtpy.QtWidgets import QPushButton

from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.viewer.task.inputs import Inputs, Row
from napari_spatialrecon.viewer.task.one_slide_model import OneSlideModel, SlideAndReferenceModel
from napari_spatialrecon.viewer.widgets.path_menu import ask_files, show_path_menu
from napari_spatialrecon.viewer.widgets.rows import combo, fill, small_button
from napari_spatialrecon.viewer.workspace.tables import short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role


class OneSlideInputs(Inputs):
    """The slide as a list, with a button that opens one."""

    model: OneSlideModel

    def make_fields(self) -> None:
        """Make and connect the slide."""
        model = self.model
        self.slide, self.slide_button = combo(), small_button("…", "Open a slide")
        self.slide.activated.connect(lambda i: setattr(model, "slide", self.slide.itemData(i)))
        self.slide_button.clicked.connect(
            lambda: self.ask(self.slide_button, "Open a slide", Role.SLIDE)
        )

    def rows(self) -> list[Row]:
        """Return the slide."""
        return [("Slide", self.slide, self.slide_button)]

    def refresh(self) -> None:
        """Show the model's current choices."""
        model = self.model
        fill(self.slide, [(short_name(e), e) for e in model.slides], model.slide)

    def open(self, path: str, role: Role = Role.SLIDE, options: ReadOptions = NO_CHOICE) -> None:
        """Open a file, and choose it."""
        self.open_as(role, path, partial(self.use, role=role), options)

    def use(self, entry: Entry, role: Role) -> None:
        """Choose an entry that was opened in a role."""
        self.model.slide = entry

    def start_opening(self) -> None:
        """Ask for the slide."""
        ask_files(self, "Open a slide", self._open_first)

    def ask(self, button: QPushButton, title: str, role: Role) -> None:
        """Ask below a button for a file or a folder, and open it in a role."""
        show_path_menu(button, title, partial(self._open_first, role=role))

    def _open_first(self, paths: list[str], options: ReadOptions, role: Role = Role.SLIDE) -> None:
        self.open(paths[0], role, options)


class SlideAndReferenceInputs(OneSlideInputs):
    """The slide and the reference as lists, each with a button that opens one."""

    model: SlideAndReferenceModel
    reference_tip: str
    """Tooltip of the reference's button."""

    def make_fields(self) -> None:
        """Make and connect slide and reference."""
        super().make_fields()
        model = self.model
        self.reference = combo()
        self.reference_button = small_button("…", self.reference_tip)
        self.reference.activated.connect(
            lambda i: setattr(model, "reference", self.reference.itemData(i))
        )
        self.reference_button.clicked.connect(
            lambda: self.ask(self.reference_button, "Open a table of cells", Role.QUERY)
        )

    def rows(self) -> list[Row]:
        """Return slide and reference."""
        return [*super().rows(), ("Reference", self.reference, self.reference_button)]

    def refresh(self) -> None:
        """Show the model's current choices."""
        super().refresh()
        model = self.model
        fill(self.reference, [(short_name(e), e) for e in model.references], model.reference)

    def use(self, entry: Entry, role: Role) -> None:
        """Choose an entry that was opened: a slide, or cells as the reference."""
        if role is Role.SLIDE:
            super().use(entry, role)
        else:
            self.model.reference = entry
