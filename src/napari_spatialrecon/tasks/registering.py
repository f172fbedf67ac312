"""Registering a result to the H&E of a slide that was not trained on, by the images alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from anndata import AnnData

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.methods.placement.base import Placement
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.tissue.images import Histology, histology
from napari_spatialrecon.tissue.registration import register_images


@dataclass(frozen=True)
class Target:
    """Two H&E images, and the slide of the second.

    Parameters
    ----------
    shown
        H&E of the reference slide in whose frame the result is given.
    image
        H&E to which `shown` is registered.
    slide
        The slide of `image`, for its unit and its images; its coordinates are not read.
    """

    shown: Histology
    image: Histology
    slide: AnnData


def target_of(references: Mapping[str, AnnData], display: str | None, slide: AnnData) -> Target:
    """Return the images by which a result in the frame of a reference is registered to a slide.

    Parameters
    ----------
    display
        Name of the reference; the first if None.

    Raises
    ------
    InputError
        The reference does not exist, or one of the two slides has no H&E image.
    """
    shown = display if display is not None else next(iter(references), None)
    if shown is None or shown not in references:
        raise InputError(
            f"Expected the reference slide in whose frame the result lies, found {shown!r}.",
            remedy=f"Try {argument('display')} with a reference that has an H&E image.",
        )
    target = _image(slide, argument("register_to"))
    return Target(_image(references[shown], shown), target, slide)


def _image(slide: AnnData, name: str) -> Histology:
    image = histology(slide)
    if image is None:
        raise InputError(
            "Expected an H&E image to register the result to, found none.",
            remedy="Try a slide with its image.",
            where=name,
        )
    return image


def registered(
    placement: Placement, target: Target, reporter: Reporter
) -> tuple[Placement, dict[str, float]]:
    """Move a placement from one H&E to another; return it and how well the images fit."""
    registration = register_images(target.shown, target.image, reporter=reporter)
    moved = replace(
        placement,
        coordinates=registration.pose.apply(placement.coordinates),
        uncertainty=placement.uncertainty * registration.pose.scale,
        stated=None if (own := placement.stated) is None else own.to(registration.pose.scale),
        pose=registration.pose.compose(placement.pose),
    )
    quality = {"overlap": registration.overlap, "correlation": registration.correlation}
    return moved, {f"registration_{k}": v for k, v in quality.items()}
