"""What a user may choose when a table is read: declared once for all faces."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument


def _option(help: str, metavar: str = "NAME", choices: tuple[str, ...] = ()) -> Any:
    return field(default=None, metadata={"help": help, "metavar": metavar, "choices": choices})


@dataclass(frozen=True)
class ReadOptions:
    """Choices for files that hold more than one table, matrix, slide or orientation.

    None leaves a choice to the reader: it takes what there is only one of, or what the platform
    recommends, and says so in a note; where neither is clear it raises `ChoiceError`.

    Parameters
    ----------
    layer
        Matrix of counts: name of a layer, "X" or "raw".
    library
        Slide, sample or field of view of a table that holds several: a key of `uns["spatial"]`, a
        value of `obs["library_id"]`, or a sample of a multi-sample output.
    genome
        Genome of a matrix of mixed species, such as "GRCh38".
    region
        Spatial element that a SpatialData table annotates.
    table
        Table of a SpatialData object.
    coordinate_system
        Coordinate system of a SpatialData object.
    bin
        Bin size in µm of Visium HD ("8"), or in steps of the array of Stereo-seq ("50").
    um_per_pixel
        Micrometers of a pixel, or of another unit of the coordinates, which then counts.
    y_axis
        Direction of y in the file: "down" as in an image, or "up" as in a plot.
    """

    layer: str | None = _option('matrix of counts: name of a layer, "X" or "raw"')
    library: str | None = _option("slide or sample, where a file holds several")
    genome: str | None = _option("genome of a matrix of mixed species, such as GRCh38")
    region: str | None = _option("element of SpatialData or field of view, of several")
    table: str | None = _option("table of a SpatialData object that holds several")
    coordinate_system: str | None = _option("coordinate system of a SpatialData object")
    bin: str | None = _option("bin size of Visium HD (µm) or Stereo-seq (steps)", "SIZE")
    um_per_pixel: str | None = _option("µm of a pixel, or of the unit of the coordinates", "UM")
    y_axis: str | None = _option(
        "direction of y in the file: down (an image) or up (a plot)", "WAY", ("down", "up")
    )

    def __post_init__(self) -> None:
        for name, value in self.given().items():
            object.__setattr__(self, name, str(value))
        if self.y_axis not in (None, "up", "down"):
            raise InputError(
                f'Expected "up" or "down" as the direction of y, found {self.y_axis!r}.',
                remedy=f"Try {argument('y_axis', 'up')}.",
            )

        if self.um_per_pixel is not None:
            self.scale()

    def scale(self) -> float | None:
        """Return `um_per_pixel` as a number, None if it is not given.

        Raises
        ------
        InputError
            It is not a positive number.
        """
        if self.um_per_pixel is None:
            return None
        try:
            found = float(self.um_per_pixel.replace(",", "."))
        except ValueError:
            found = 0.0
        if not 0 < found < float("inf"):
            raise InputError(
                f"Expected the µm of a pixel as a positive number, found {self.um_per_pixel!r}.",
                remedy=f"Try {argument('um_per_pixel', 0.5)}, which is common for a scan at 20×.",
            )
        return found

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of all options."""
        return tuple(option.name for option in fields(cls))

    @classmethod
    def of(cls, found: Any) -> Self:
        """Return options from a mapping, such as `uns["spatialrecon"]["read"]`; ignore others."""
        known = cls.names()
        return cls(**{key: str(value) for key, value in dict(found).items() if key in known})

    def given(self) -> dict[str, str]:
        """Return the options that were chosen, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


NO_CHOICE = ReadOptions()
"""Every choice left to the reader."""

OF_EVERY_FORMAT = ("layer", "genome", "um_per_pixel")
"""Options that are heeded wherever a table has a choice, whatever its format."""
