"""A first pose in Align to histology, from expression or from outlines."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.viewer.align.layers import (
    AlignSession,
    image_table,
    layer_table,
    world_to_ref,
)

if TYPE_CHECKING:
    from anndata import AnnData

    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.progress import ProgressCallback, ShouldStop
    from napari_spatialrecon.viewer.workspace.workspace import Workspace


@dataclass(frozen=True)
class Start:
    """The map that moves the layer, in world units, and a message about it."""

    transform: Transform
    words: str


def first_pose(
    space: Workspace, session: AlignSession
) -> Callable[[ProgressCallback, ShouldStop], Start]:
    """Return the work that finds a first pose, for a `Run`.

    Placed cells go where their expression predicts, if they share genes with the image's slide;
    everything else is matched by outline.
    """
    from napari_spatialrecon.tasks.expected_start import has_expected

    try:
        adata, ref = layer_table(space, session), image_table(space, session)
    except InputError:
        adata, ref = None, None
    if adata is not None and ref is not None and has_expected(adata, ref):
        return partial(_by_expression, session, adata, ref, world_to_ref(ref, session))
    return partial(_by_outline, session)


def _by_expression(
    session: AlignSession,
    adata: AnnData,
    ref: AnnData,
    to_ref: np.ndarray,
    progress: ProgressCallback,
    should_stop: ShouldStop,
) -> Start:
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tasks.expected_start import expected_places, lay_on_expected

    expected = expected_places(adata, ref, reporter=Reporter(progress, should_stop))
    to_world = Transform("affine", np.linalg.inv(to_ref))
    there = dataclasses.replace(
        expected,
        places=to_world.apply(expected.places),
        uncertainty=expected.uncertainty * to_world.scale,
        radius=expected.radius * to_world.scale,
    )
    size = 1.0 if session.um is not None else None
    found = lay_on_expected(session.model.points, there, size=size)
    return Start(Transform.from_pose(found.pose), found.words)


def _by_outline(
    session: AlignSession, progress: ProgressCallback, should_stop: ShouldStop
) -> Start:
    from napari_spatialrecon.geometry.maps.transforms import Transform
    from napari_spatialrecon.geometry.procrustes import Pose
    from napari_spatialrecon.progress import Reporter
    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.tissue.lazy_image import RgbImage
    from napari_spatialrecon.tissue.outline import start_by_outline

    image = session.image
    levels = list(image.data) if image.multiscale else [image.data]
    axes = "YXS" if image.rgb else "YX"
    origin, down, right = (
        np.asarray(image._data_to_world(p), float)[-2:][::-1] for p in ((0, 0), (1, 0), (0, 1))
    )
    placed = Pose(np.column_stack([right - origin, down - origin]), origin)
    # Both in world units, so that the scale is used if both are known.
    known = session.um
    pixel = Histology([RgbImage(x, axes) for x in levels], 1.0, image.name, None)
    if known is not None:
        pixel = Histology(pixel.levels, 1.0, image.name, placed.scale)
    found = start_by_outline(
        session.model.points,
        pixel,
        um_per_unit=1.0 if known is not None else None,
        reporter=Reporter(progress, should_stop),
    )
    words = f"Outlines overlap by {100 * found.overlap:.0f}%."
    if found.ambiguous:
        words += " Other orientations fit as well: check with pairs."
    return Start(Transform.from_pose(placed.compose(found.pose)), words)
