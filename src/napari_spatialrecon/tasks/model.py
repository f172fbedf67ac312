"""A trained model: fitted once, used many times, AnnData in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.geometry.solver.landmarks import Landmarks
from napari_spatialrecon.progress import ProgressCallback, ShouldStop
from napari_spatialrecon.tasks import encoding, placing, super_resolving
from napari_spatialrecon.tasks.result import PlaceResult
from napari_spatialrecon.tasks.saved import Fitted, read_fitted
from napari_spatialrecon.tasks.super_result import SuperResult
from napari_spatialrecon.tasks.verdicts import placement_verdict
from napari_spatialrecon.tissue.images import Histology
from napari_spatialrecon.tissue.sdata.inputs import Table, takes_spatialdata
from napari_spatialrecon.tissue.subspots import Factor


def load(folder: str | Path) -> Model:
    """Return a model saved by `Model.save`, on the command line or in the window.

    Parameters
    ----------
    folder
        Folder of the model.

    Raises
    ------
    CheckpointError
        The folder holds no model, or one that is damaged or newer.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> sr.load("atlas-model").place(cells).write("placed.h5ad")  # doctest: +SKIP
    """
    found = read_fitted(folder)
    return Model(found.method, found.record)


class Model(Fitted):
    """A trained model, as `train` and `load` return it.

    Which tasks it supports depends on its method; see `tasks`. Queries never change it.

    Parameters
    ----------
    method
        The fitted method.
    record
        How it was trained: inputs, settings, versions.

    Examples
    --------
    >>> import napari_spatialrecon as sr
    >>> made = sr.simulate("cortex", preset="tiny")
    >>> sr.train({"section 1": made.slides[0]}, method="knn").tasks
    ('place',)
    """

    @property
    def verdict(self) -> str:
        """Summary of its accuracy on held-out data."""
        if "place" in self.tasks:
            return placement_verdict(self.method.held_out).text
        if "train-encoder" in self.tasks:
            return encoding.verdict(self.method)
        return ""

    def place(
        self,
        query: Table,
        *,
        references: Mapping[str, Table] | None = None,
        display: str | None = None,
        register_to: Table | None = None,
        device: str = "auto",
        query_name: str = "query",
        progress: ProgressCallback | None = None,
        should_stop: ShouldStop | None = None,
    ) -> PlaceResult:
        """Place dissociated cells on the slides that it was trained on.

        Parameters
        ----------
        query
            Counts of the cells. Coordinates, if any, are not read.
        references
            The slides it was trained on, by name, for their H&E: the result carries that of
            `display`. It is not trained on them again.
        display, register_to
            As in `place`.

        Raises
        ------
        InputError
            The model cannot place cells, or the query is unsuitable.
        """
        self._require("place")
        return placing.place(
            dict(references or {}),
            query,
            method=self.name,
            seed=self._seed,
            device=device,
            display=display,
            register_to=register_to,
            model=self,
            query_name=query_name,
            progress=progress,
            should_stop=should_stop,
        )

    def impute_locations(
        self,
        query: Table,
        landmarks: Landmarks,
        *,
        bend: bool = False,
        device: str = "auto",
        query_name: str = "query",
        progress: ProgressCallback | None = None,
        should_stop: ShouldStop | None = None,
    ) -> PlaceResult:
        """Place all cells of a query, given the known positions of some.

        Parameters
        ----------
        landmarks
            Rows of the query and their places (x, y); see `read_landmarks`.
        bend
            As in `impute_locations`.

        Raises
        ------
        InputError
            The model does not use landmarks, or the query is unsuitable.
        """
        self._require("impute-locations")
        return placing.impute_locations(
            query,
            landmarks,
            method=self.name,
            seed=self._seed,
            device=device,
            model=self,
            bend=bend,
            query_name=query_name,
            progress=progress,
            should_stop=should_stop,
        )

    def super_resolve(
        self,
        slide: Table,
        factor: str | Factor = "2x2",
        *,
        genes: Iterable[str] | None = None,
        settings: Mapping[str, Any] | None = None,
        device: str = "auto",
        spot_diameter: float | None = None,
        histology: Histology | None = None,
        name: str = "slide",
        progress: ProgressCallback | None = None,
        should_stop: ShouldStop | None = None,
    ) -> SuperResult:
        """Split the counts of each spot of a slide over its sub-spots.

        Parameters
        ----------
        settings
            Values that override the model's own; those that define the network stay.
        genes, spot_diameter, histology
            As in `super_resolve`.

        Raises
        ------
        InputError
            The model cannot split spots, or the slide is unsuitable.
        """
        self._require("super-resolve")
        return super_resolving.super_resolve(
            slide,
            factor,
            method=self.name,
            genes=genes,
            settings=settings,
            seed=self._seed,
            device=device,
            model=self,
            spot_diameter=spot_diameter,
            histology=histology,
            name=name,
            progress=progress,
            should_stop=should_stop,
        )

    @takes_spatialdata
    def embed(
        self,
        references: Mapping[str, Table],
        query: Table | None = None,
        *,
        query_name: str = "query",
    ) -> AnnData:
        """Return the profiles of slides and cells before and after the encoder.

        Returns
        -------
        AnnData
            As `EncoderResult.adata`.

        Raises
        ------
        InputError
            The model is not an encoder, or the tables lack its genes.
        """
        self._require("train-encoder")
        tables = encoding.prepare_profiles(references, query, query_name)
        return encoding.embedded(self.method, tables)

    @property
    def _seed(self) -> int:
        return int(self.record.get("seed", 0))

    def _require(self, task: str) -> None:
        if task not in self.tasks:
            able = [name for name in VERBS if VERBS[name] in self.tasks]
            raise InputError(
                f"Expected a model for {task}, found one of {self.name}.",
                remedy=f"Try {' or '.join(f'model.{name}(...)' for name in able)}.",
            )


#: Task of each method of `Model`.
VERBS = {
    "place": "place",
    "impute_locations": "impute-locations",
    "super_resolve": "super-resolve",
    "embed": "train-encoder",
}
