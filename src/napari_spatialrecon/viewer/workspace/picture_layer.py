"""Images of slide scanners that are opened on their own, read where they are looked at."""

from __future__ import annotations

from pathlib import Path

from napari_spatialrecon.viewer.canvas.layers import LayerData, histology_layer

#: Endings of scanners' files that napari does not open itself.
_ENDINGS = (".svs", ".ndpi")


def is_picture(path: Path) -> bool:
    """Return whether a path is an image for `picture_layer`: SVS, NDPI, or an OME-NGFF folder."""
    if path.is_file():
        return path.suffix.lower() in _ENDINGS
    from napari_spatialrecon.tissue.pixel_size import ngff_attributes

    try:
        return path.is_dir() and ngff_attributes(path) is not None
    except (OSError, ValueError, AttributeError):
        return False


def picture_layer(path: Path) -> LayerData:
    """Return an H&E layer of an image, in µm where its file states the size of a pixel.

    Raises
    ------
    InputError
        The file is no image that can be read.
    """
    from napari_spatialrecon.tissue.images import Histology
    from napari_spatialrecon.tissue.lazy_image import open_image
    from napari_spatialrecon.tissue.pixel_size import stated_um_per_pixel

    name = path.name.split(".")[0] or path.name
    size = stated_um_per_pixel(path)
    image = Histology(list(open_image(path)), 1.0, name, size)
    notes = () if size is None else (f"{size:.4g} µm per pixel, as {path.name} states.",)
    return histology_layer(image, size, metadata={"path": str(path), "notes": notes})
