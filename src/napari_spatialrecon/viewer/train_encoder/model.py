"""Train encoder without a window: what was chosen, and where the run stands."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import methods_for
from napari_spatialrecon.viewer.task.curves import Curves
from napari_spatialrecon.viewer.task.job import Common, Line
from napari_spatialrecon.viewer.task.slides_model import SlidesModel
from napari_spatialrecon.viewer.train_encoder.job import EncoderJob, Trained
from napari_spatialrecon.viewer.workspace.tables import query_table, short_name, slide_table
from napari_spatialrecon.viewer.workspace.workspace import Entry, Role

MEASURES = {"mixing": "domain mixing", "ilisi": "iLISI", "probe": "source predictability"}


class EncoderModel(SlidesModel[EncoderJob, Trained]):
    """The choices made in Train encoder, and its run."""

    task = "train-encoder"
    ignored_roles = (Role.RESULT, Role.MODEL)

    def missing(self) -> list[str]:
        """Return what must be opened or chosen first."""
        if self.references:
            return []
        return ["a slide: spots or cells with coordinates, which are not used for training"]

    def unscaled(self) -> Entry | None:
        """Return None: positions are not used for training, so their unit does not matter."""
        return None

    def new_curves(self) -> Curves:
        """Return curves of the mixing of sources, with source predictability at chance level."""
        sources = len(self.references) + (self.query is not None)
        curves = Curves(MEASURES, baseline_title="chance", limits=(0.0, 1.0))
        curves.baseline = 1 / sources if sources > 1 else None
        return curves

    def make_job(self, **common: Unpack[Common]) -> EncoderJob:
        """Return a run with the current choices."""
        names, query = self.names, self.query
        return EncoderJob(
            references=tuple(slide_table(e, names[e]) for e in self.references),
            query=None if query is None else query_table(query, short_name(query)),
            **common,
        )

    def keep(self, path: Path | None = None) -> Entry:
        """Add the trained encoder to the workspace, so that Place cells finds it."""
        assert self.outcome is not None, "kept after a run"
        known = next((e for e in self.workspace if e.model is self.outcome.method), None)
        if known is not None:
            known.path = path or known.path
            self.workspace.events.changed.emit(known)
            return known
        name = self.result_name
        return self.workspace.add(name, Role.MODEL, path=path, model=self.outcome.method)

    def load(self, folder: str | Path) -> list[Line]:
        """Add a saved encoder to the workspace; return a description of it.

        Raises
        ------
        InputError
            The folder holds no saved model.
        CheckpointError
            The folder holds another kind of model, or a damaged one.
        """
        from napari_spatialrecon.tasks.encoder_choice import load_encoder
        from napari_spatialrecon.tasks.encoding import verdict

        path = Path(folder)
        if not (path / "manifest.json").is_file():
            raise InputError(
                f"Expected the folder of a saved encoder, found none in {path.name}.",
                remedy="Try a folder that Save encoder… has written.",
            )
        encoder = load_encoder(path)
        self.workspace.add(path.name, Role.MODEL, path=path, model=encoder)
        text = f"{path.name} is open: {len(encoder.space.genes):,} genes. {verdict(encoder)}"
        takers = " or ".join(i.title for i in methods_for("place") if i.takes_encoder)
        return [("good", f"{text} Place cells with {takers} offers it under Encoder.")]
