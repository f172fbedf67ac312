"""The page of a method: what it assumes, what it needs, when to trust it."""

from __future__ import annotations

import inspect
from importlib.resources import files
from pathlib import Path

from napari_spatialrecon.methods.registry import MethodInfo

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
