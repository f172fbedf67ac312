"""Reading a table and making its layers, which the window then only has to add."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tissue.formats.naming import table_name
from napari_spatialrecon.tissue.formats.options import NO_CHOICE, ReadOptions
from napari_spatialrecon.tissue.slots import NOTES, OURS, SPATIAL
from napari_spatialrecon.viewer.workspace.reopening import Reopened, reopen, task_of
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.tables import chosen_options

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop


@dataclass(frozen=True)
class Opened:
    """A table, and the layers that will show it: none for cells without coordinates.

    Parameters
    ----------
    result
        What a run made; the task shows it over `layers`, which then hold its H&E at most.
    """

    adata: AnnData
    layers: list[Layer]
    result: Reopened | None = None

    @property
    def chosen(self) -> dict[str, str]:
        """Options with which it was read."""
        return chosen_options(self.adata)

    @property
    def n_points(self) -> int:
        """Cells and spots in its layers."""
        from napari.layers import Points

        return sum(len(layer.data) for layer in self.layers if isinstance(layer, Points))

    @property
    def notes(self) -> list[str]:
        """What was missing, changed or chosen when it was read; of layers also of their scale."""
        if self.layers:
            return list(self.layers[-1].metadata[OURS]["notes"])
        return [str(note) for note in self.adata.uns.get(OURS, {}).get(NOTES, ())]


@dataclass(frozen=True)
class Reading:
    """The work of opening a file, for `window.worker.Run`.

    Parameters
    ----------
    viewer
        Will show the layers.
    layers
        Whether layers are wanted; False reads the table alone.
    options
        Choices for files that hold several tables.
    """

    viewer: ViewerModel
    path: Path
    layers: bool = True
    options: ReadOptions = NO_CHOICE

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Opened:
        """Read the file, and make its layers where it has coordinates."""
        from napari.layers import Layer

        from napari_spatialrecon.tissue.read import read_with

        path = self.path
        adata = read_with(path, self.options)
        if not self.layers or SPATIAL not in adata.obsm:
            return Opened(adata, [])
        name = table_name(path, chosen_options(adata))
        made = table_layers(adata, name, folder=path.parent, path=path, viewer=self.viewer)
        layers = [Layer.create(*layer) for layer in made]
        found = result_in(path, adata, name)
        if found is None:
            return Opened(adata, layers)
        return Opened(adata, layers[:-1], found)


def result_in(path: Path, adata: AnnData, name: str) -> Reopened | None:
    """Return the result of a run in a table that was read; None of any other table."""
    from napari_spatialrecon.tasks.writing import stored_record
    from napari_spatialrecon.tissue.images import histology

    record = stored_record(path, adata)
    if not task_of(record):
        return None
    try:
        image = histology(adata, path.parent)
    except InputError:  # said when its layers were made
        image = None
    return reopen(adata, record, name, image)
