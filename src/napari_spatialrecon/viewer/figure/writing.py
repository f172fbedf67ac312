"""Writing a page as PNG, SVG or PDF: whole, or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.progress import Reporter
from napari_spatialrecon.storage import atomic_file
from napari_spatialrecon.viewer.figure.drawing import DPI, draw

if TYPE_CHECKING:
    from napari_spatialrecon.viewer.figure.page import Page

FORMATS = {
    ".png": "PNG image, 300 dpi (*.png)",
    ".svg": "SVG drawing (*.svg)",
    ".pdf": "PDF page (*.pdf)",
}
_EDITABLE = {"svg.fonttype": "none", "pdf.fonttype": 42}
"""Text stays text, to be edited in Illustrator or Inkscape."""


def write_figure(page: Page, path: str | Path, reporter: Reporter | None = None) -> list[str]:
    """Draw a page and write it; return what its reader should know of it.

    Parameters
    ----------
    path
        Ends in .png, .svg or .pdf.

    Raises
    ------
    InputError
        The name ends otherwise, or the file cannot be written; a file that was there stays.
    Stopped
        The reporter was asked to stop; nothing was written.

    Examples
    --------
    >>> page = page_of(viewer, [Chosen(None, "As in the window")])  # doctest: +SKIP
    >>> write_figure(page, "figure.pdf")  # doctest: +SKIP
    []
    """
    from matplotlib import rc_context

    path, reporter = Path(path), reporter or Reporter()
    kind = path.suffix.lower()
    if kind not in FORMATS:
        raise InputError(
            f"Expected a name that ends in .png, .svg or .pdf, found {path.name}.",
            remedy=f"Try {path.with_suffix('.png').name}.",
        )
    drawing = draw(page, reporter)
    reporter.check()
    about = {"png": "Description", "svg": "Description", "pdf": "Subject"}[kind[1:]]
    with rc_context(_EDITABLE), atomic_file(path) as temporary:
        drawing.figure.savefig(
            temporary, format=kind[1:], dpi=DPI, metadata={about: " ".join(drawing.notes)}
        )
        reporter.check()
    return list(drawing.notes)
