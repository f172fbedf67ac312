"""Place cells without a window: what was chosen, what is missing, and where the run stands."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_spatialrecon.errors import ConfigError, InputError, SpatialReconError, Stopped
from napari_spatialrecon.methods.registry import MethodInfo, find_method
from napari_spatialrecon.viewer.curves import Curves
from napari_spatialrecon.viewer.place_job import Outcome, PlaceJob, hidden_error
from napari_spatialrecon.viewer.place_tables import (
    histology_of,
    picture,
    query_table,
    short_name,
    slide_of,
    slide_table,
)
from napari_spatialrecon.viewer.workspace import Entry, Role, Workspace

if TYPE_CHECKING:
    from napari_spatialrecon.config import Config
    from napari_spatialrecon.viewer.place_tables import Picture, Table

TASK, DEFAULT = "place", "dpvae"


class State(StrEnum):
    """Where the widget stands."""

    EMPTY = "empty"
    READY = "ready"
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"


class PlaceModel:
    """What was chosen in Place cells, and its run.

    Slides that are open are references until they are left out, or used as cells: then their
    coordinates are hidden from the run.

    Parameters
    ----------
    workspace
        What is open; heard for changes.

    Attributes
    ----------
    revision
        Counts the changes of what is chosen.
    """

    changed = Signal()

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.seed, self.device, self.separate = 0, "auto", False
        self.preset = "quick"
        self.curves = Curves()
        self.revision = 0
        self.outcome: Outcome | None = None
        self.error: SpatialReconError | Exception | None = None
        self.last: PlaceJob | None = None
        self._config: Config | ConfigError | None = None
        self._method = DEFAULT
        self._left_out: set[int] = set()
        self._query: Entry | None = None
        self._image: Entry | None = None
        self._phase: State | None = None
        self._truth: Table | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        for signal in (workspace.events.added, workspace.events.changed):
            signal.connect(self._on_workspace)
        workspace.events.removed.connect(self._on_removed)

    # What was chosen

    @property
    def references(self) -> list[Entry]:
        """Slides to learn from, by name."""
        slides = [
            e
            for e in self.workspace.of_role(Role.SLIDE)
            if id(e) not in self._left_out and e is not self.query
        ]
        return sorted(slides, key=_natural)

    @property
    def left_out(self) -> list[Entry]:
        """Slides that are open and not used."""
        used = [*self.references, self.query]
        return [e for e in self.workspace.of_role(Role.SLIDE) if e not in used]

    def use(self, entry: Entry, used: bool = True) -> None:
        """Take a slide as a reference, or leave it out."""
        self._left_out -= {id(entry)}
        if not used:
            self._left_out |= {id(entry)}
        elif entry is self.query:
            self._query = None
        self._choose()

    @property
    def queries(self) -> list[Entry]:
        """What can be placed: cells without place, then slides, whose coordinates are hidden."""
        return self.workspace.of_role(Role.QUERY, Role.SLIDE)

    @property
    def query(self) -> Entry | None:
        """The cells to place: the one chosen, else the first cells without place."""
        if self._query is not None:
            return self._query
        return next(iter(self.workspace.of_role(Role.QUERY)), None)

    @query.setter
    def query(self, entry: Entry | None) -> None:
        self._query = entry
        self._choose()

    @property
    def images(self) -> list[Entry]:
        """What the result can be laid on: every H&E that is open, and references without one."""
        bare = [e for e in self.references if histology_of(self.workspace, e) is None]
        return [*self.workspace.of_role(Role.HISTOLOGY), *bare]

    @property
    def image(self) -> Entry | None:
        """The H&E to lay the result on: the one chosen, else the cells' own, else a reference's."""
        if self._image is not None and self._image in self.images:
            return self._image
        for slide in (self.query, *self.references):
            own = histology_of(self.workspace, slide) if slide is not None else None
            if own is not None:
                return own
        return next(iter(self.references), None)

    @image.setter
    def image(self, entry: Entry | None) -> None:
        self._image = entry
        self._choose()

    @property
    def method(self) -> MethodInfo:
        """The method."""
        return find_method(self._method, TASK)

    @method.setter
    def method(self, name: str) -> None:
        self._method = find_method(name, TASK).name
        self._config = None
        self._choose()

    def set_config(self, config: Config | ConfigError, preset: str) -> None:
        """Set the hyper-parameters, or what is wrong with them."""
        self._config, self.preset = config, preset
        self._choose()

    # What can be done

    def missing(self) -> list[str]:
        """Return what has to be opened or chosen first, in words."""
        found = []
        if not self.references:
            found.append("a reference slide: spots or cells with coordinates")
        if self.query is None:
            found.append("cells to place: a table of cells, or a slide whose coordinates to hide")
        return found

    def unscaled(self) -> Entry | None:
        """Return an entry in use whose µm per pixel or unit is not known, if there is one."""
        used = [self.image, *self.references]
        return next((e for e in used if e is not None and e.needs_scale), None)

    def job(self) -> PlaceJob:
        """Return the run as it is chosen now.

        Raises
        ------
        InputError
            Something is missing or not allowed.
        """
        query = self.query
        if self.missing() or query is None:
            raise InputError(f"Expected {' and '.join(self.missing())}; found none.")
        if isinstance(self._config, ConfigError):
            raise self._config
        names = self._names()
        references = tuple(slide_table(e, names[e]) for e in self.references)
        display, onto = self._ground(names)
        return PlaceJob(
            references,
            query_table(query, short_name(query)),
            self._method,
            self._config or self.method.config()(),
            self.preset if self._config is not None else "quick",
            self.seed,
            self.device,
            display,
            onto,
        )

    def _names(self) -> dict[Entry, str]:
        """Return short names of the references, unique among them."""
        short = [short_name(e) for e in self.references]
        return {
            e: name if short.count(name) == 1 else e.name for e, name in zip(self.references, short)
        }

    def _ground(self, names: dict[Entry, str]) -> tuple[str | None, Table | Picture | None]:
        """Return the reference that the result is laid on, and the other H&E if there is one."""
        image = self.image
        if image is None or image in names:
            return (names[image] if image is not None else None), None
        slide = slide_of(self.workspace, image)
        if slide in names:
            return names[slide], None
        with_image = [e for e in self.references if histology_of(self.workspace, e) is not None]
        if not with_image:
            raise InputError(
                "Expected a reference slide with an H&E image, since the result is laid on "
                f"{image.name} by the images; found none.",
                remedy="Try a reference under Histology.",
            )
        if slide is not None:
            return names[with_image[0]], slide_table(slide, short_name(slide))
        if image.needs_scale:
            raise InputError(
                f"Expected the µm per pixel of {image.name}, found none.",
                remedy="Try typing it below.",
            )
        return names[with_image[0]], picture(image)

    # Where the run stands

    @property
    def state(self) -> State:
        """Where the widget stands."""
        if self._phase is not None:
            return self._phase
        return State.EMPTY if self.missing() else State.READY

    @property
    def running(self) -> bool:
        """Whether a run is on."""
        return self._phase is State.RUNNING

    @property
    def can_resume(self) -> bool:
        """Whether the stopped run left something to go on from."""
        stopped = self._phase is State.STOPPED and self.last is not None
        return stopped and self.last.resumable

    def begin(self, *, resume: bool = False) -> PlaceJob:
        """Note that a run starts, and return it.

        Raises
        ------
        InputError
            Something is missing, or a run is on.
        """
        if self.running:
            raise InputError(
                "Expected one run at a time, found one that has not ended.",
                remedy="Try Cancel first.",
            )
        if resume and self.can_resume:
            job = replace(self.last, resume=True)
        else:
            job = self.job()
            self._clean_up()
            self._folder = tempfile.TemporaryDirectory(prefix="spatialrecon-")
            job = replace(job, folder=Path(self._folder.name) / "placed.resume")
            self.curves = Curves()
        self._truth = self._hidden_truth()
        self.last, self.error = job, None
        self._enter(State.RUNNING)
        return job

    def finish(self, outcome: Outcome) -> None:
        """Note what the run returned."""
        self.outcome = outcome
        self._clean_up()
        self._enter(State.DONE)

    def stop(self) -> None:
        """Note that the run was stopped."""
        self._enter(State.STOPPED)

    def fail(self, error: Exception) -> None:
        """Note that the run failed, or that it was stopped."""
        if isinstance(error, Stopped):
            self.stop()
            return
        self.error = error
        self._enter(State.FAILED)

    def result_name(self) -> str:
        """Return what the layer of the last run is called."""
        assert self.last is not None, "no run yet"
        return f"{self.last.query.name} · {find_method(self.last.method, TASK).title}"

    def hidden_error(self) -> float | None:
        """Return the median distance, µm, to the hidden coordinates of the last run's cells."""
        if self.outcome is None or self._truth is None:
            return None
        return hidden_error(self.outcome, self._truth.adata)

    def close(self) -> None:
        """Hear nothing more, and take away what a stopped run left."""
        events = self.workspace.events
        events.added.disconnect(self._on_workspace)
        events.changed.disconnect(self._on_workspace)
        events.removed.disconnect(self._on_removed)
        self._clean_up()

    def _hidden_truth(self) -> Table | None:
        """Return the slide whose spots are placed, if the result lies in its own frame."""
        query, image = self.query, self.image
        own = query is not None and image is not None and query.role is Role.SLIDE
        if own and slide_of(self.workspace, image) is query:
            return slide_table(query, short_name(query))
        return None

    def _enter(self, phase: State) -> None:
        self._phase = phase
        self.changed.emit()

    def _choose(self) -> None:
        """Tell that a choice changed; a run that ended is no longer what is chosen."""
        self.revision += 1
        if not self.running:
            self._phase, self.error = None, None
        self.changed.emit()

    def _on_workspace(self, entry: Entry) -> None:
        if entry.role is not Role.RESULT:
            self._choose()

    def _on_removed(self, entry: Entry) -> None:
        self._left_out.discard(id(entry))
        if entry is self._query:
            self._query = None
        self._on_workspace(entry)

    def _clean_up(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _natural(entry: Entry) -> list[tuple[str, int]]:
    """Sort "slide 2" before "slide 10"."""
    return [
        (word, int(number or 0)) for word, number in re.findall(r"(\D*)(\d*)", short_name(entry))
    ]
