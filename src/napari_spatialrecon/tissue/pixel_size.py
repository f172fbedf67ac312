"""The size of a pixel that an image states: OME-TIFF, OME-NGFF, SVS, NDPI, ImageJ, TIFF tags."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import tifffile

#: µm in a unit of length, by the names that OME, NGFF and ImageJ use.
_MICROMETRES = {
    "nm": 1e-3,
    "nanometer": 1e-3,
    "µm": 1.0,
    "μm": 1.0,
    "um": 1.0,
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "\\u00b5m": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "centimeter": 1e4,
    "inch": 25400.0,
    "in": 25400.0,
}
#: µm a pixel of what a microscope may have taken; 72, 96 or 300 dpi are defaults of programs.
_LEAST, _MOST = 0.005, 20.0
#: Relative difference of x and y up to which pixels are square.
_SQUARE = 0.02


def stated_um_per_pixel(path: str | Path) -> float | None:
    """Return the µm of a pixel of the finest level of an image, as its file states; None if not.

    Resolutions that no microscope has, such as the 72 dpi that programs write by default, count
    as not stated. So do pixels that are not square.

    Parameters
    ----------
    path
        An image file, or the folder of an OME-NGFF image. Nothing is raised for a damaged one.

    Examples
    --------
    >>> stated_um_per_pixel("slide.svs")  # doctest: +SKIP
    0.2498
    """
    path = Path(path)
    try:
        if path.is_dir():
            return _plausible(_of_ngff(ngff_attributes(path)))
        with tifffile.TiffFile(path) as tiff:
            return _of_tiff(tiff)
    except (tifffile.TiffFileError, OSError, ValueError, KeyError, IndexError, TypeError):
        return None


def _plausible(sizes: tuple[float, float] | None) -> float | None:
    """Return one size of x and y, (µm, µm), if a microscope may have it and pixels are square."""
    if sizes is None:
        return None
    x, y = sizes
    fits = _LEAST <= x <= _MOST and abs(x / y - 1) <= _SQUARE if x > 0 and y > 0 else False
    return (x + y) / 2 if fits else None


def _of_tiff(tiff: tifffile.TiffFile) -> float | None:
    sources = (_of_ome(tiff), _of_svs(tiff), _of_imagej(tiff), _of_tags(tiff))
    return next((size for size in map(_plausible, sources) if size is not None), None)


def _of_ome(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return the physical size of the largest image of an OME-XML."""
    if not tiff.is_ome or tiff.ome_metadata is None:
        return None
    try:
        document = ElementTree.fromstring(tiff.ome_metadata)
    except ElementTree.ParseError as error:
        raise ValueError("the OME-XML is damaged") from error
    found = [e for e in document.iter() if e.tag.endswith("Pixels")]
    largest = max(found, key=lambda e: int(e.get("SizeX", 0)) * int(e.get("SizeY", 0)))
    x = largest.get("PhysicalSizeX")
    if x is None:
        return None
    y = largest.get("PhysicalSizeY", x)
    unit_x = largest.get("PhysicalSizeXUnit", "µm")
    unit_y = largest.get("PhysicalSizeYUnit", unit_x)
    return float(x) * _unit(unit_x), float(y) * _unit(unit_y)


def _of_svs(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return the MPP (µm per pixel) that Aperio's scanners write into the description."""
    found = re.search(r"\bMPP\s*=\s*([\d.]+)", tiff.pages.first.description or "")
    return None if found is None else (float(found[1]), float(found[1]))


def _of_imagej(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    metadata = tiff.imagej_metadata
    unit = str(metadata.get("unit", "")) if metadata else ""
    if unit.lower() not in _MICROMETRES:
        return None
    return _per_unit(tiff.pages.first, _unit(unit))


def _of_tags(tiff: tifffile.TiffFile) -> tuple[float, float] | None:
    """Return the resolution of TIFF's own tags, which are per inch or centimeter."""
    page = tiff.pages.first
    unit = page.tags.get("ResolutionUnit")
    micrometres = {2: 25400.0, 3: 1e4}.get(int(unit.value) if unit is not None else 0)
    return None if micrometres is None else _per_unit(page, micrometres)


def _per_unit(page: Any, micrometres: float) -> tuple[float, float] | None:
    tags = [page.tags.get(name) for name in ("XResolution", "YResolution")]
    if any(tag is None for tag in tags):
        return None
    pixels = [tag.value[0] / tag.value[1] for tag in tags if tag.value[1]]
    if len(pixels) < 2 or min(pixels) <= 0:
        return None
    return micrometres / pixels[0], micrometres / pixels[1]


def _unit(name: str) -> float:
    return _MICROMETRES[name.strip().lower()]


def ngff_attributes(folder: Path) -> Mapping[str, Any] | None:
    """Return the first multiscale image that OME-NGFF metadata describe, of version 0.1 to 0.5.

    Returns
    -------
    Its "axes", "datasets" and transformations; None where the folder is not such an image.
    """
    for name in ("zarr.json", ".zattrs"):
        path = folder / name
        if not path.is_file():
            continue
        content = json.loads(path.read_text(encoding="utf-8"))
        attributes = content.get("attributes", content) if name == "zarr.json" else content
        scales = attributes.get("ome", attributes).get("multiscales")
        if isinstance(scales, Sequence) and scales and isinstance(scales[0], Mapping):
            return scales[0]
    return None


def _of_ngff(image: Mapping[str, Any] | None) -> tuple[float, float] | None:
    """Return the size of a pixel of the first dataset: its scale times that of all datasets."""
    if image is None:
        return None
    axes = [axis for axis in image.get("axes", []) if isinstance(axis, Mapping)]
    names = [axis.get("name") for axis in axes]
    scale = [1.0] * len(axes)
    own = image["datasets"][0].get("coordinateTransformations", [])
    for transform in (*own, *image.get("coordinateTransformations", [])):
        if transform.get("type") == "scale":
            scale = [a * float(b) for a, b in zip(scale, transform["scale"], strict=True)]
    x, y = names.index("x"), names.index("y")
    return scale[x] * _unit(axes[x]["unit"]), scale[y] * _unit(axes[y]["unit"])
