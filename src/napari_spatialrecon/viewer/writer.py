"""File > Save: a points layer as a table, `.h5ad` or SpatialData with its genes, or `.csv`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.tissue.slots import SPATIAL
from napari_spatialrecon.viewer.canvas.layers import to_adata

if TYPE_CHECKING:
    import numpy as np


def write_points(path: str, data: np.ndarray, attributes: dict[str, Any]) -> list[str]:
    """Write one points layer atomically.

    Parameters
    ----------
    path
        Path that ends in ``.h5ad``, ``.zarr`` or ``.csv``.
    data, attributes
        The arguments of napari: (n, 2) as (y, x), and the layer's state.

    Returns
    -------
    The path that was written.

    Raises
    ------
    InputError
        The suffix is another one, or the path cannot be written.
    """
    from napari.layers import Points

    target = Path(path)
    wanted = ("metadata", "features", "scale", "translate", "rotate", "shear", "affine", "units")
    state = {key: attributes[key] for key in (*wanted, "name") if key in attributes}
    adata = to_adata(Points(data, **state))
    if target.suffix == ".h5ad":
        from napari_spatialrecon.tissue.h5ad import write_h5ad

        with atomic_file(target) as temporary:
            write_h5ad(temporary, adata)
    elif target.suffix == ".zarr":
        from napari_spatialrecon.tasks.spatialdata_store import check_target, write_zarr
        from napari_spatialrecon.tasks.writing import record_of

        check_target(target, record_of(target), add=False)
        write_zarr(target, adata, target.stem)
    elif target.suffix == ".csv":
        table = adata.obs.copy()
        table.insert(0, "x", adata.obsm[SPATIAL][:, 0], allow_duplicates=True)
        table.insert(1, "y", adata.obsm[SPATIAL][:, 1], allow_duplicates=True)
        with atomic_file(target) as temporary:
            table.to_csv(temporary, index_label="obs_name")
    else:
        raise InputError(
            "Expected a name ending in .h5ad, .zarr or .csv, found "
            f"{target.suffix or 'no suffix'}.",
            remedy=f"Try {target.with_suffix('.h5ad').name}.",
            where=str(target),
        )
    return [str(target)]
