"""Landmarks set with napari-spatialdata: points elements of a SpatialData store.

napari-spatialdata saves a points layer as a points element, (x, y) in the coordinate system that
was shown, with the identity to it; older versions as circles [1]_. Two such elements, the slide's
and the image's, are pairs by their order, as `spatialdata.transformations.
align_elements_using_landmarks` takes them. Coordinates are in the unit of that system: it must be
that of the slide's `obsm["spatial"]` for the one, of the image's slide for the other.

References
----------
.. [1] SpatialData documentation, "Use landmark annotations to align multiple -omics layers".
"""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from napari_spatialrecon.errors import ChoiceError, InputError
from napari_spatialrecon.tissue.landmark_pairs import LandmarkPairs
from napari_spatialrecon.tissue.sdata import library as sdata_library

ELEMENTS = "landmarks_query,landmarks_ref"
"""Names of the elements as written here: points of the slide, and the same points on the image."""


def read_elements(path: str | Path, elements: str = ELEMENTS) -> LandmarkPairs:
    """Return two points elements of a SpatialData store as landmark pairs.

    Parameters
    ----------
    elements
        Names of the slide's and of the image's points (or circles), with a comma between them.

    Raises
    ------
    ChoiceError
        There are no such elements, but others.
    InputError
        SpatialData is not installed, the store cannot be read or holds no points, or the two
        elements differ in number.
    """
    library = sdata_library.library()
    try:
        sdata = library.read_zarr(path, selection=("points", "shapes"))
    except Exception as error:
        raise InputError(
            "Expected a SpatialData store, found one that cannot be read "
            f"({str(error).splitlines()[0][:120] if str(error) else type(error).__name__}).",
            remedy="Try opening it with napari-spatialdata and saving the landmarks again.",
            where=str(path),
        ) from error
    return pairs_of(sdata, elements, str(path))


def pairs_of(sdata: Any, elements: str = ELEMENTS, where: str = "sdata") -> LandmarkPairs:
    """Return two points elements of a SpatialData object as landmark pairs; see `read_elements`."""
    known = [*sdata.points, *sdata.shapes]
    names = [name.strip() for name in elements.split(",")]
    if len(names) != 2 or not set(names) <= set(known):
        marks = [name for name in known if "landmark" in name.lower()] or known
        if len(marks) < 2:
            raise InputError(
                "Expected points of the slide and of the image, found "
                f"{', '.join(known) or 'none'}.",
                remedy="Try saving both sets of landmarks in napari-spatialdata.",
                where=where,
            )
        raise ChoiceError(
            "pairs of points, the slide's and the image's",
            "elements",
            [",".join(pair) for pair in permutations(marks, 2)],
            asked=None if elements == ELEMENTS else elements,
            where=where,
        )
    query, ref = (_coordinates(sdata[name], name, where) for name in names)
    if len(query) != len(ref):
        raise InputError(
            f"Expected as many points on the slide as on the image, found {len(query)} and "
            f"{len(ref)}.",
            remedy="Try setting the missing points in napari-spatialdata.",
            where=where,
        )
    return LandmarkPairs(query, ref, np.ones(len(query), bool))


def write_elements(pairs: LandmarkPairs, path: str | Path) -> Path:
    """Write the enabled pairs as points elements of a SpatialData store, as `ELEMENTS` are named.

    A store that exists gets the two elements and keeps all else.
    """
    library = sdata_library.library()
    path = Path(path)
    made = {
        name: library.models.PointsModel.parse(
            np.asarray(points, float)[pairs.enabled],
            transformations={"global": library.transformations.Identity()},
        )
        for name, points in zip(ELEMENTS.split(","), (pairs.query, pairs.ref), strict=True)
    }
    if not path.exists():
        library.SpatialData.init_from_elements(made).write(path)
        return path
    sdata = library.read_zarr(path)
    for name, element in made.items():
        if name in sdata:
            del sdata[name]
            sdata.delete_element_from_disk(name)
        sdata[name] = element
        sdata.write_element(name)
    return path


def _coordinates(element: Any, name: str, where: str) -> np.ndarray:
    """Return (k, 2) points of an element in its coordinate system: "global", else its only one."""
    library = sdata_library.library()
    held = library.transformations.get_transformation(element, get_all=True)
    system = "global" if "global" in held else next(iter(held))
    shown = library.transform(element, to_coordinate_system=system)
    if hasattr(shown, "geometry"):
        if not (shown.geometry.geom_type == "Point").all():
            raise InputError(
                f"Expected points or circles, found the shapes of {name}.",
                remedy="Try landmarks set in a points layer.",
                where=where,
            )
        return np.column_stack([shown.geometry.x, shown.geometry.y]).astype(float)
    return np.asarray(shown[["x", "y"]].compute(), float)
