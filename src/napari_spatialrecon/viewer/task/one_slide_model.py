"""The model of a task on one slide, with or without a reference."""

from __future__ import annotations

from napari_spatialrecon.viewer.task.ground import Ground, spot_diameter_um
from napari_spatialrecon.viewer.task.model import JobT, OutcomeT, TaskModel
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.workspace.tables import histology_of, natural_order, slide_of
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace


class OneSlideModel(TaskModel[JobT, OutcomeT]):
    """A task on one slide."""

    def __init__(self, workspace: Workspace) -> None:
        self._slide: Entry | None = None
        super().__init__(workspace)

    @property
    def slides(self) -> list[Entry]:
        """All open slides, by name."""
        return sorted(self.workspace.of_role(Role.SLIDE), key=natural_order)

    @property
    def slide(self) -> Entry | None:
        """The slide: the chosen one, else the first."""
        known = self.slides
        return self._slide if self._slide in known else next(iter(known), None)

    @slide.setter
    def slide(self, entry: Entry | None) -> None:
        self._slide = entry
        self.on_slide()
        self.choose()

    def find_ground(self) -> Ground:
        """Return the slide's spots and H&E."""
        slide = self.slide
        assert slide is not None, "nothing is missing"
        image = histology_of(self.workspace, slide)
        return Ground(
            image=None if image is None else image.image,
            frame=slide.points,
            spots=slide.points,
            diameter_um=spot_diameter_um(slide),
        )

    def on_slide(self) -> None:
        """Reset the choices made for the previous slide."""

    def share(self, choice: SharedChoice) -> None:
        """Write the slide."""
        choice.slide = self.slide or choice.slide

    def take(self, choice: SharedChoice) -> None:
        """Use the slide."""
        if choice.slide in self.slides and choice.slide is not self.slide:
            self.slide = choice.slide

    def start_with(self, entry: Entry) -> None:
        """Use a slide, or that of an H&E."""
        slide = slide_of(self.workspace, entry) if entry.role is Role.HISTOLOGY else entry
        if slide in self.slides:
            self.slide = slide


class SlideAndReferenceModel(OneSlideModel[JobT, OutcomeT]):
    """A task on one slide that learns from a table of cells, or from another slide."""

    ignored_roles = (Role.RESULT, Role.MODEL, Role.HISTOLOGY)

    def __init__(self, workspace: Workspace) -> None:
        self._reference: Entry | None = None
        super().__init__(workspace)

    @property
    def references(self) -> list[Entry]:
        """Possible references: cells without coordinates, then other slides."""
        cells, slides = (self.workspace.of_role(role) for role in (Role.QUERY, Role.SLIDE))
        return [entry for entry in (*cells, *slides) if entry is not self.slide]

    @property
    def reference(self) -> Entry | None:
        """The reference: the chosen one, else the first likely one, else the first."""
        known = self.references
        if self._reference in known:
            return self._reference
        return next((e for e in known if self.is_likely(e)), next(iter(known), None))

    @reference.setter
    def reference(self, entry: Entry | None) -> None:
        self._reference = entry
        self.choose()

    def is_likely(self, entry: Entry) -> bool:
        """Return whether a table has what the task needs of a reference."""
        return True

    def share(self, choice: SharedChoice) -> None:
        """Write slide and reference, unless that is another slide that nobody chose."""
        super().share(choice)
        reference = self.reference
        if reference is not None and (reference is self._reference or reference.role is Role.QUERY):
            choice.cells = reference

    def take(self, choice: SharedChoice) -> None:
        """Use the slide, and the cells as reference if they have what the task needs."""
        super().take(choice)
        cells = choice.cells
        usable = cells in self.references and cells is not self.reference
        if cells is not None and usable and self.is_likely(cells):
            self.reference = cells

    def start_with(self, entry: Entry) -> None:
        """Use a slide, or other tables as reference."""
        if entry.role is Role.QUERY:
            self.reference = entry
        else:
            super().start_with(entry)
