"""The model of a task that learns from slides and cells."""

from __future__ import annotations

from napari_spatialrecon.viewer.task.model import JobT, OutcomeT, TaskModel
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.workspace.tables import natural_order, short_name
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace


class SlidesModel(TaskModel[JobT, OutcomeT]):
    """A task that learns from slides, and from cells or a slide used as cells.

    Open slides are references unless they are excluded or used as cells; in the latter case their
    coordinates are hidden from the run.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._left_out: set[int] = set()
        self._query: Entry | None = None
        super().__init__(workspace)

    @property
    def references(self) -> list[Entry]:
        """Slides to learn from, by name."""
        slides = [
            e
            for e in self.workspace.of_role(Role.SLIDE)
            if id(e) not in self._left_out and e is not self.query
        ]
        return sorted(slides, key=natural_order)

    @property
    def left_out(self) -> list[Entry]:
        """Open slides that are not used."""
        used = [*self.references, self.query]
        return [e for e in self.workspace.of_role(Role.SLIDE) if e not in used]

    def use(self, entry: Entry, used: bool = True) -> None:
        """Use a slide as a reference, or exclude it."""
        self._left_out -= {id(entry)}
        if not used:
            self._left_out |= {id(entry)}
        elif entry is self.query:
            self._query = None
        self.choose()

    @property
    def queries(self) -> list[Entry]:
        """Possible cells: those without coordinates, then slides, whose coordinates are hidden."""
        return self.workspace.of_role(Role.QUERY, Role.SLIDE)

    @property
    def query(self) -> Entry | None:
        """The cells: the chosen ones, else the first table without coordinates."""
        if self._query is not None:
            return self._query
        return next(iter(self.workspace.of_role(Role.QUERY)), None)

    @query.setter
    def query(self, entry: Entry | None) -> None:
        self._query = entry
        self.choose()

    @property
    def names(self) -> dict[Entry, str]:
        """Short names of the references, unique among them."""
        short = [short_name(e) for e in self.references]
        return {
            e: name if short.count(name) == 1 else e.name for e, name in zip(self.references, short)
        }

    def unscaled(self) -> Entry | None:
        """Return an entry in use whose µm per pixel or unit is unknown, if any."""
        return next((e for e in self.references if e.needs_scale), None)

    def share(self, choice: SharedChoice) -> None:
        """Write references and cells."""
        choice.unused = tuple(e for e in self.left_out if id(e) in self._left_out)
        choice.cells = self.query or choice.cells
        if choice.slide not in self.references:
            choice.slide = next(iter(self.references), choice.slide)

    def take(self, choice: SharedChoice) -> None:
        """Use references and cells."""
        before = self.references, self.query
        if choice.unused is not None:
            self._left_out = {id(e) for e in choice.unused}
        if choice.cells in self.queries:
            self._query = choice.cells
        if before != (self.references, self.query):
            self.choose()

    def is_to_be_placed(self, entry: Entry) -> bool:
        """Return whether a slide can only be cells: others to learn from are open, and no cells."""
        others = [slide for slide in self.workspace.of_role(Role.SLIDE) if slide is not entry]
        is_slide = entry.role is Role.SLIDE
        return is_slide and bool(others) and not self.workspace.of_role(Role.QUERY)

    def start_with(self, entry: Entry) -> None:
        """Use a slide as a reference, and other tables as cells."""
        if entry.role is Role.SLIDE:
            self.use(entry)
        elif entry.role is Role.QUERY:
            self.query = entry

    def _on_removed(self, entry: Entry) -> None:
        self._left_out.discard(id(entry))
        if entry is self._query:
            self._query = None
        super()._on_removed(entry)
