"""The page of a method: what it assumes, what it needs, when to trust it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from napari_spatialrecon.methods.registry import MethodInfo

BRIEF = "In short"
"""Heading of the part of a page that a biologist reads first; with the title of the method where
the page is about several."""
_INSTALLED, _IN_REPOSITORY = "pages", Path("docs") / "methods"


def method_page(info: MethodInfo) -> str:
    """Return the page in Markdown; for a method without one, its docstring."""
    package = files("napari_spatialrecon")
    name = f"{info.page}.md"
    repository = Path(str(package)).parents[1] / _IN_REPOSITORY
    for page in (package / _INSTALLED / name, repository / name):
        if page.is_file():
            return page.read_text(encoding="utf-8")
    described = inspect.getdoc(info.method()) or ""
    return f"# {info.title}\n\n{info.summary}\n\n{described}"


def method_brief(info: MethodInfo) -> str:
    """Return what a method assumes, needs and costs, in Markdown; without that part, its summary.

    Examples
    --------
    >>> from napari_spatialrecon.methods.registry import find_method
    >>> "**Costs**" in method_brief(find_method("knn", "place"))
    True
    """
    parts = dict(_sections(method_page(info)))
    found = parts.get(f"{BRIEF}: {info.title}") or parts.get(BRIEF)
    summary = info.summary if found is None else f"{info.summary}\n\n{found}"
    return f"# {info.title}\n\n{summary}"


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """Iterate over the headings of the second level, each with the text below it."""
    for part in f"\n{page}".split("\n## ")[1:]:
        heading, _, text = part.partition("\n")
        yield heading.strip(), text.strip()
