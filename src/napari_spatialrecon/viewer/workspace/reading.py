"""Reading a table and making its layers, which the window then only has to add."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.workspace.table_layers import table_layers
from napari_spatialrecon.viewer.workspace.tables import table_name

if TYPE_CHECKING:
    from anndata import AnnData
    from napari.components import ViewerModel
    from napari.layers import Layer

    from napari_spatialrecon.progress import ProgressCallback, ShouldStop


@dataclass(frozen=True)
class Opened:
    """A table, and the layers that will show it: none for cells without coordinates."""

    adata: AnnData
    layers: list[Layer]


@dataclass(frozen=True)
class Reading:
    """The work of opening a file, for `window.worker.Run`.

    Parameters
    ----------
    viewer
        Will show the layers.
    layers
        Whether layers are wanted; False reads the table alone.
    """

    viewer: ViewerModel
    path: Path
    layers: bool = True

    def __call__(self, progress: ProgressCallback, should_stop: ShouldStop) -> Opened:
        """Read the file, and make its layers where it has coordinates."""
        from napari.layers import Layer

        from napari_spatialrecon.tissue.read import read_adata

        path = self.path
        adata = read_adata(path)
        if not self.layers or SPATIAL not in adata.obsm:
            return Opened(adata, [])
        name = table_name(path)
        made = table_layers(adata, name, folder=path.parent, path=path, viewer=self.viewer)
        return Opened(adata, [Layer.create(*layer) for layer in made])
