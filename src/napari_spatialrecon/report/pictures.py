"""Figures as pictures within the page, small enough that it can be sent by mail."""

from __future__ import annotations

import base64
import io

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from napari_spatialrecon.report.parts import Picture

#: Bytes of all pictures of a page, before base64.
WHOLE = 3_400_000
#: Widths in pixels that are tried from the first, and the quality of JPEG.
_WIDTHS, _QUALITY = (1200, 960, 760, 600, 480), 88


class Studio:
    """Turns figures into pictures that do not exceed a number of bytes each.

    Parameters
    ----------
    most
        Bytes of one picture.
    """

    def __init__(self, most: int) -> None:
        self.most = most

    @classmethod
    def of(cls, runs: int, each: int = 5) -> Studio:
        """Return one for so many runs on a page, with so many pictures each."""
        return cls(WHOLE // (max(runs, 1) * each))

    def picture(self, figure: Figure, alt: str, caption: str = "") -> Picture:
        """Return a figure as PNG, or as JPEG where that is smaller, as of a stained tissue."""
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        whole = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3].copy())
        for width in _WIDTHS:
            if width >= whole.width and width != _WIDTHS[0]:
                continue
            image = whole
            if width < whole.width:
                height = round(whole.height * width / whole.width)
                image = whole.resize((width, height), Image.Resampling.LANCZOS)
            kind, content = _smaller(image)
            if len(content) <= self.most:
                break
        uri = f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
        return Picture(uri, image.width, image.height, alt, caption)


def _smaller(image: Image.Image) -> tuple[str, bytes]:
    png, jpeg = io.BytesIO(), io.BytesIO()
    image.save(png, "PNG", optimize=True)
    image.save(jpeg, "JPEG", quality=_QUALITY, subsampling=0)
    kinds = (("png", png.getvalue()), ("jpeg", jpeg.getvalue()))
    return min(kinds, key=lambda found: len(found[1]) * (1.0 if found[0] == "jpeg" else 0.8))
