"""The page of the demo: its pictures and figures, and real tissue beside them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from napari_spatialrecon.methods.pages import pages_folder
from napari_spatialrecon.storage import atomic_file

REAL = "her2_overlay.png"
"""Picture of real tissue, drawn beforehand: the tissue itself may not be distributed."""
_STYLE = "main{max-width:76rem;margin:0 auto;padding:1.5rem}img{max-width:100%;height:auto}"
_SHEET = "figure{margin:0 0 2.4rem}figcaption{max-width:52rem}pre{overflow-x:auto}"


@dataclass(frozen=True)
class Picture:
    """A picture of the page: its file, what it shows, and what to know about it."""

    file: str
    shows: str
    about: str


def write_page(
    folder: Path, tissue: str, figures: str, verdict: str, pictures: Sequence[Picture]
) -> Path:
    """Write ``index.html`` into the folder of the demo.

    Parameters
    ----------
    folder
        Where the pictures are.
    tissue
        What was simulated.
    figures, verdict
        What the demo prints.
    pictures
        In the order of the page.
    """
    style = (files("napari_spatialrecon") / "report" / "templates" / "style.css").read_text("utf-8")
    parts = [_figure(picture) for picture in pictures]
    real = pages_folder() / "images" / REAL
    if real.is_file():
        shutil.copyfile(real, folder / REAL)
        about = (
            "Spots of a HER2-positive breast cancer section, placed by GEARS from two other "
            "sections with their own coordinates hidden, and registered to the H&E by the images "
            "alone. Drawn beforehand: to make it yourself, see docs/tutorials/place-cells.md. "
            "Data: Andersson et al. 2021."
        )
        parts.insert(1, _figure(Picture(REAL, "Real tissue, placed and measured", about)))
    body = "\n".join(parts)
    page = folder / "index.html"
    with atomic_file(page) as temporary:
        temporary.write_text(
            f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>napari-spatialrecon: demo</title><style>{style}{_STYLE}{_SHEET}</style></head>
<body><main><h1>Simulated {escape(tissue)}</h1>
<p>Visium sections and dissociated cells were simulated. The cells were placed on the sections, and
genes of one section were hidden and imputed.</p>
{body}
<h2>Figures</h2><pre>{escape(figures)}</pre><p>{escape(verdict)}</p>
<h2>Next</h2><p>In napari: <code>make gui</code>. On your own files:
docs/first-overlay.md in the repository.</p>
</main></body></html>
""",
            encoding="utf-8",
        )
    return page


def _figure(picture: Picture) -> str:
    shows, about = escape(picture.shows), escape(picture.about)
    return (
        f'<figure><h2>{shows}</h2><img src="{picture.file}" alt="{shows}">'
        f"<figcaption>{about}</figcaption></figure>"
    )
