"""Place cells without a window: choices, missing inputs and the state of the run."""

from __future__ import annotations

from typing import Unpack

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import baseline_for, methods_for
from napari_spatialrecon.viewer.place.job import Placed, PlaceJob, hidden_error
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.ground import Ground, spot_diameter_um
from napari_spatialrecon.viewer.task.job import Common, Line
from napari_spatialrecon.viewer.task.saved_choice import TakesSavedModel
from napari_spatialrecon.viewer.task.shared_choice import SharedChoice
from napari_spatialrecon.viewer.task.slides_model import SlidesModel
from napari_spatialrecon.viewer.workspace.tables import (
    Model,
    Picture,
    Table,
    histology_of,
    picture,
    query_table,
    short_name,
    slide_of,
    slide_table,
)
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role, Workspace


class PlaceModel(SlidesModel[PlaceJob, Placed], TakesSavedModel):
    """The choices made in Place cells, and its run."""

    task = "place"
    validates = True

    def __init__(self, workspace: Workspace) -> None:
        self._image: Entry | None = None
        self._encoder: Entry | None = None
        super().__init__(workspace)

    @property
    def takes_encoder(self) -> bool:
        """Whether the method takes an encoder, and will be trained."""
        return self.method.takes_encoder and self.saved is None

    @property
    def encoders(self) -> list[Entry]:
        """Encoders that were trained or opened, if one can be used."""
        return self.workspace.of_role(Role.MODEL) if self.takes_encoder else []

    @property
    def encoder(self) -> Entry | None:
        """The encoder whose embedding is the input; None to follow the settings."""
        return self._encoder if self._encoder in self.encoders else None

    @encoder.setter
    def encoder(self, entry: Entry | None) -> None:
        self._encoder = entry
        self.choose()

    @property
    def images(self) -> list[Entry]:
        """Slides to register the result to: every open H&E, and references without one."""
        bare = [e for e in self.references if histology_of(self.workspace, e) is None]
        return [*self.workspace.of_role(Role.HISTOLOGY), *bare]

    @property
    def image(self) -> Entry | None:
        """The H&E to show the result on: the chosen, else the cells' own, else a reference's."""
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
        self.choose()

    def share(self, choice: SharedChoice) -> None:
        """Write references, cells and histology."""
        super().share(choice)
        choice.image = self._image or choice.image

    def take(self, choice: SharedChoice) -> None:
        """Use references, cells and histology."""
        super().take(choice)
        if choice.image in self.images and choice.image is not self._image:
            self.image = choice.image

    def start_with(self, entry: Entry) -> None:
        """Use an H&E as histology, an encoder as input, and tables as references or cells."""
        if entry.role is Role.HISTOLOGY:
            self.image = entry
        elif entry.role is Role.MODEL:
            self.use_encoder(entry)
        else:
            super().start_with(entry)

    def use_encoder(self, entry: Entry) -> None:
        """Use an encoder, with a method that takes one."""
        if not self.method.takes_encoder:
            self.method = next(m.name for m in methods_for(self.task) if m.takes_encoder)
        self.encoder = entry

    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""
        found = []
        if not self.references:
            found.append("a reference slide: spots or cells with coordinates")
        if self.query is None:
            found.append(
                "cells to place: a table of cells, or a slide whose coordinates are to be hidden"
            )
        return found

    def unscaled(self) -> Entry | None:
        """Return an entry in use whose µm per pixel or unit is unknown, if any."""
        if self.image is not None and self.image.needs_scale:
            return self.image
        return super().unscaled()

    def make_job(self, **common: Unpack[Common]) -> PlaceJob:
        """Return a run with the current choices."""
        assert self.query is not None, "nothing is missing"
        names = self.names
        references = tuple(slide_table(e, names[e]) for e in self.references)
        query = query_table(self.query, short_name(self.query))
        display, onto = self._frame(names)
        return PlaceJob(
            references=references,
            query=query,
            display=display,
            onto=onto,
            model=None if self.saved is None else self.saved.folder,
            encoder=self._chosen_encoder(),
            **common,
        )

    def _chosen_encoder(self) -> Model | None:
        chosen = self.encoder
        if chosen is None or chosen.model is None:
            return None
        return Model(chosen.name, chosen.model, chosen.path)

    def find_ground(self) -> Ground:
        """Return the H&E, reference slides, and of spots placed as cells their size and places."""
        image, query = self.image, self.query
        slide = query if query is not None and query.role is Role.SLIDE else None
        return Ground(
            image=None if image is None else image.image,
            frame=None if image is None else image.points,
            diameter_um=None if slide is None else spot_diameter_um(slide),
            slides={name: e.points for e, name in self.names.items() if e.points is not None},
            truth=self._hidden_truth(),
        )

    def new_curves(self) -> Curves:
        """Return curves of the error on held-out spots, in µm where the scale is known."""
        if any(e.needs_scale for e in self.references):
            return Curves()
        title = baseline_for(self.task).title.partition(" (")[0]
        return Curves(
            {"method_um": "held-out error, µm"},
            baseline_metric="baseline_um",
            baseline_title=title,
            unit="µm",
        )

    def facts(self) -> list[Line]:
        """Return what the user should know, with the distance to hidden coordinates."""
        found, error, outcome = super().facts(), self.hidden_error(), self.outcome
        if error is not None and outcome is not None:
            text = f"Median distance to the hidden coordinates: {error:,.0f} µm."
            found.insert(1 if outcome.pose[0] else 0, ("quiet", text))
        return found

    def hidden_error(self) -> float | None:
        """Return the median distance, µm, to the hidden coordinates of the last run's cells."""
        if self.outcome is None or self.ground.truth is None:
            return None
        return hidden_error(self.outcome, self.ground.truth.adata)

    def _frame(self, names: dict[Entry, str]) -> tuple[str | None, Table | Picture | None]:
        """Return the reference in whose frame the result lies, and the other H&E if any."""
        image = self.image
        if image is None or image in names:
            return (names[image] if image is not None else None), None
        slide = slide_of(self.workspace, image)
        if slide in names:
            return names[slide], None
        with_image = [e for e in self.references if histology_of(self.workspace, e) is not None]
        if not with_image:
            raise InputError(
                "Expected a reference slide with an H&E image, since the result is registered to "
                f"{image.name} by the images; found none.",
                remedy="Try a reference under Histology.",
            )
        if slide is not None:
            return names[with_image[0]], slide_table(slide, short_name(slide))
        if image.needs_scale:
            raise InputError(
                f"Expected the µm per pixel of {image.name}, found none.",
                remedy="Try entering it below.",
            )
        return names[with_image[0]], picture(image)

    def _hidden_truth(self) -> Table | None:
        """Return the slide whose spots are placed, if the result has its frame."""
        query, image = self.query, self.image
        if query is None or image is None or query.role is not Role.SLIDE:
            return None
        own = slide_of(self.workspace, image) is query
        return slide_table(query, short_name(query)) if own else None
