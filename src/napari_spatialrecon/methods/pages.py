"""The pages that the window opens: what a method assumes, what it needs, when to trust it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from napari_spatialrecon.methods.registry import MethodInfo

BRIEF = "In short"
"""Heading of the part of a page that a biologist reads first; with the title of the method where
the page is about several."""
FOLDER = "methods"
_INSTALLED, _IN_REPOSITORY = "pages", "docs"


def pages_folder() -> Path:
    """Return the folder of the pages: that of the package, or the docs of the repository."""
    package = Path(str(files("napari_spatialrecon")))
    installed = package / _INSTALLED
    return installed if installed.is_dir() else package.parents[1] / _IN_REPOSITORY


def method_page(info: MethodInfo) -> str:
    """Return the page that a biologist reads, in Markdown; without one, the class's docstring.

    Of a page about several methods, the parts about this one and those about all.
    """
    path = pages_folder() / FOLDER / f"{info.page}.md"
    if not path.is_file():
        described = inspect.getdoc(info.method()) or ""
        return f"# {info.title}\n\n{info.summary}\n\n{described}"
    rest = [
        f"## {heading}\n\n{text}"
        for heading, text in _sections(path.read_text(encoding="utf-8"))
        if not heading.startswith(BRIEF)
    ]
    return "\n\n".join([method_brief(info), *rest])


def method_brief(info: MethodInfo) -> str:
    """Return what a method assumes, needs and costs, in Markdown; without that part, its summary.

    Examples
    --------
    >>> from napari_spatialrecon.methods.registry import find_method
    >>> "**Costs**" in method_brief(find_method("knn", "place"))
    True
    """
    path = pages_folder() / FOLDER / f"{info.page}.md"
    parts = dict(_sections(path.read_text(encoding="utf-8"))) if path.is_file() else {}
    found = parts.get(f"{BRIEF}: {info.title}") or parts.get(BRIEF)
    summary = info.summary if found is None else f"{info.summary}\n\n{found}"
    return f"# {info.title}\n\n{summary}"


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """Iterate over the headings of the second level, each with the text below it."""
    for part in f"\n{page}".split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        yield heading.strip(), text.strip()
